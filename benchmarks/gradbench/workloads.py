"""The default workloads of GradBench, made as its own generators make them.

`names(eval)` lists them, `message(eval, name)` makes the input of one; `golden(eval)` gives the
inputs with verified outputs that are in `data/` (made by GradBench's definitions; the parameters of
ba, ht and lstm are those of Microsoft's ADBench, MIT licence, see data/LICENSE). Where GradBench
reads files that are not here, the input is made from the small one of the family: the observations
of `ba` repeat one, as in GradBench itself; the large hand of `ht` is the small one with its
vertices repeated, and more text for `lstm` is the same text again. This file knows no function
that is evaluated.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

Message = dict[str, Any]
DATA = Path(__file__).with_name("data")
SEED = 31337

# Cameras, points and observations of ADBench's files.
BA = (
    (49, 7776, 31843), (21, 11315, 36455), (161, 48126, 182072), (372, 47423, 204472),
    (257, 65132, 225911), (539, 65220, 277273), (93, 61203, 287451), (88, 64298, 383937),
    (810, 88814, 393775), (1197, 126327, 563734), (1723, 156502, 678718), (253, 163691, 899155),
    (245, 198739, 1091386), (356, 226730, 1255268),
)  # fmt: skip
DET = tuple(range(5, 12))
GMM = tuple(sorted(product((2, 10, 20, 32, 64), (5, 10, 25, 50, 100)), key=prod))
HANDS = (100, 192, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 100000)
COPIES = 19  # of the vertices of the small hand in the large one: 10336
KMEANS = tuple(sorted(product((10, 100, 1000), (1000, 10000), (8, 16)), key=prod))
LLSQ = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8196, 16392)
LSE = tuple([2500 * 2**i for i in range(10)])
LSTM = tuple(sorted(product((2, 4, 6), (1024, 4096, 8192)), key=prod))
ODE = tuple(sorted(product((1000, 10000, 100000), (1, 10, 100)), key=prod))


@cache
def stored(name: str) -> Message:
    """A file of data/."""
    with gzip.open(DATA / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        found: Message = json.load(file)
    return found


def golden(module: str) -> Iterator[tuple[str, Message, Message]]:
    """Name, input and verified outputs by function, of what is stored for an eval."""
    for path in sorted(DATA.glob(f"{module}_*.json.gz")):
        name = path.name.partition(".")[0]
        found = stored(name)
        yield name, found.get("input") or message(module, found["generated"]), found["expected"]


def stream(sizes: dict[str, int], name: str) -> np.ndarray:
    """The numbers of one workload out of the stream that GradBench draws for all, in order."""
    random = np.random.RandomState(SEED)
    for other, size in sizes.items():
        numbers = random.rand(size)
        if other == name:
            return numbers
    raise KeyError(name)


# --- one maker for each eval --------------------------------------------------------------------


def _ba(name: str) -> Message:
    n, m, p = dict(zip(names("ba"), BA, strict=True))[name]
    return {**stored("ba_small")["input"], "n": n, "m": m, "p": p}


def _det(name: str) -> Message:
    sizes = {f"ell={ell}": ell * ell for ell in DET}
    numbers = stream(sizes, name)
    return {"A": numbers.tolist(), "ell": round(len(numbers) ** 0.5)}


def _gmm(name: str) -> Message:
    d, k = dict(zip(names("gmm"), GMM, strict=True))[name]
    random = np.random.default_rng(SEED)
    n = 1000
    message: Message = {"d": d, "k": k, "n": n, "m": 0, "gamma": 1.0}
    message["x"] = random.normal(size=(n, d)).tolist()
    message["alpha"] = random.normal(size=k).tolist()
    message["mu"] = random.uniform(size=(k, d)).tolist()
    message["q"] = random.normal(size=(k, d)).tolist()
    message["l"] = random.normal(size=(k, d * (d - 1) // 2)).tolist()
    return message


@cache
def _big_hand() -> Message:
    """The small hand with its vertices repeated; triangles lie within one copy."""
    model = stored("ht_small")["input"]["data"]["model"]
    vertices = len(model["base_positions"])
    triangles = np.array(model["triangles"])
    shifted = [triangles + k * vertices for k in range(COPIES)]
    return {
        **model,
        "base_positions": model["base_positions"] * COPIES,
        "weights": model["weights"] * COPIES,
        "triangles": np.concatenate(shifted).tolist(),
    }


def _ht(name: str) -> Message:
    small = stored("ht_small")["input"]
    count = int(name.rpartition("c")[2])
    model = _big_hand()
    at = np.arange(count)
    places = at % len(small["us"])
    first = (at * 7919) % COPIES * len(small["data"]["model"]["triangles"])
    seen = np.array(small["data"]["correspondences"])[places] + first
    data = {
        "model": model,
        "correspondences": seen.tolist(),
        "points": np.array(small["data"]["points"])[places].tolist(),
    }
    return {"theta": small["theta"], "data": data, "us": np.array(small["us"])[places].tolist()}


def _kmeans(name: str) -> Message:
    sizes = dict(zip(names("kmeans"), [n * d for _, n, d in KMEANS], strict=True))
    k, n, d = dict(zip(names("kmeans"), KMEANS, strict=True))[name]
    points = stream(sizes, name).reshape(n, d)
    return {"points": points.tolist(), "centroids": points[n - k :].tolist()}


def _llsq(name: str) -> Message:
    sizes = dict.fromkeys(names("llsq"), 128)
    return {"x": stream(sizes, name).tolist(), "n": int(name.rpartition("=")[2])}


def _lse(name: str) -> Message:
    return {"x": stream(dict(zip(names("lse"), LSE, strict=True)), name).tolist()}


def _lstm(name: str) -> Message:
    layers, count = dict(zip(names("lstm"), LSTM, strict=True))[name]
    text = np.array(stored("lstm_small")["input"]["sequence"])
    width = text.shape[1]
    random = np.random.RandomState(SEED)
    return {
        "state": random.random_sample((2 * layers, width)).tolist(),
        "main_params": random.random_sample((2 * layers, 4 * width)).tolist(),
        "extra_params": random.random_sample((3, width)).tolist(),
        "sequence": np.resize(text, (count, width)).tolist(),
    }


def _ode(name: str) -> Message:
    _, steps = dict(zip(names("ode"), ODE, strict=True))[name]
    sizes = dict(zip(names("ode"), [n for n, _ in ODE], strict=True))
    return {"x": stream(sizes, name).tolist(), "s": steps}


_MAKERS: dict[str, Callable[[str], Message]] = {
    "ba": _ba, "det": _det, "gmm": _gmm, "ht": _ht, "kmeans": _kmeans, "llsq": _llsq,
    "lse": _lse, "lstm": _lstm, "ode": _ode,
    "particle": lambda name: stored("particle_small")["input"],
    "saddle": lambda name: stored("saddle_small")["input"],
}  # fmt: skip
_NAMES: dict[str, list[str]] = {
    "ba": [f"ba{i}_n{n}_m{m}_p{p}" for i, (n, m, p) in enumerate(BA, 1)],
    "det": [f"ell={ell}" for ell in DET],
    "gmm": [f"d={d},k={k},n=1000" for d, k in GMM],
    "ht": [f"tiled_big/hand{i}_t26_c{c}" for i, c in enumerate(HANDS, 1)],
    "kmeans": [f"k={k},n={n},d={d}" for k, n, d in KMEANS],
    "llsq": [f"n={n}" for n in LLSQ],
    "lse": [f"n={n}" for n in LSE],
    "lstm": [f"l={layers},c={c}" for layers, c in LSTM],
    "ode": [f"n={n},s={s}" for n, s in ODE],
    "particle": ["w=0"],
    "saddle": ["start=[1,1]"],
}
EVALS = tuple(_NAMES)


def names(module: str) -> list[str]:
    """The default workloads of an eval, from small to large."""
    return _NAMES[module]


def message(module: str, name: str) -> Message:
    """The input of a workload; it has no min_runs and no min_seconds."""
    if name not in names(module):
        raise KeyError(f"{module} has no workload {name!r}; it has {', '.join(names(module))}")
    return _MAKERS[module](name)
