"""Travel times in a road network where everybody takes the shortest way, by the tolls.

Dijkstra's algorithm with a heap, dicts and sets, and a loop until traffic settles: ordinary Python
that compares tracked values as it goes. The derivative is that of the ways that are taken. Run as
``python examples/toll_roads.py``.
"""

import heapq

import numpy as np

import cdiff as cd
import cdiff.numpy as cnp

ROADS = {  # between towns, with the time on an empty road
    ("a", "b"): 4.0, ("a", "c"): 2.0, ("b", "c"): 1.0, ("b", "d"): 5.0, ("c", "d"): 8.0,
    ("c", "e"): 10.0, ("d", "e"): 2.0, ("d", "f"): 6.0, ("e", "f"): 3.0,
}  # fmt: skip
TRIPS = {("a", "f"): 3.0, ("b", "e"): 2.0, ("c", "f"): 1.0}  # and how many take them


def shortest(times, start, end):
    """The quickest way, as the roads along it."""
    queue, known = [(0.0, start, ())], set()
    while queue:
        so_far, town, way = heapq.heappop(queue)
        if town == end:
            return way
        if town in known:
            continue
        known.add(town)
        for road, time in times.items():
            if town in road:
                other = road[1] if town == road[0] else road[0]
                heapq.heappush(queue, (so_far + time, other, (*way, road)))
    raise ValueError(f"no way from {start} to {end}")


def settled(tolls, rounds=40):
    """Roads slow down with traffic, which moves to quicker roads a little at a time."""
    free = {road: ROADS[road] * (1.0 + toll) for road, toll in zip(ROADS, tolls, strict=True)}
    traffic = dict.fromkeys(ROADS, 0.0)
    for k in range(1, rounds + 1):
        times = {road: free[road] * (1.0 + 0.05 * traffic[road] ** 2) for road in ROADS}
        wanted = dict.fromkeys(ROADS, 0.0)
        for (start, end), count in TRIPS.items():
            for road in shortest(times, start, end):
                wanted[road] = wanted[road] + count
        traffic = {road: traffic[road] + (wanted[road] - traffic[road]) / k for road in ROADS}
    return traffic, times


def total(tolls):
    """The time that all trips take."""
    traffic, times = settled(tolls)
    return cnp.stack([traffic[road] * times[road] for road in ROADS]).sum()


def main():
    tolls = np.full(len(ROADS), 0.05)
    value, slope = cd.value_and_grad(total)(tolls)
    print(f"total time {value:.4f}")
    for road, by_toll in zip(ROADS, slope, strict=True):
        if by_toll:
            print(f"road {'-'.join(road)}: {by_toll:8.4f} by its toll")
    step = 1e-7
    along = (total(tolls + step) - total(tolls - step)) / (2.0 * step)
    print(f"all tolls together {slope.sum():.6f}, by differences {along:.6f}")


if __name__ == "__main__":
    main()
