"""Functions that workers in other processes can import, for the tests of `cdiff.distributed`."""

import os
import threading
import time

import numpy as np

import cdiff as cd
import cdiff.numpy as cnp


def make_parts(n=11):
    """Partitions of different sizes."""
    rng = np.random.default_rng(5)
    return [(rng.normal(size=(4 + k % 3, 3)), rng.normal(size=4 + k % 3)) for k in range(n)]


PARAMETERS = {"w": np.array([0.5, -1.0, 2.0]), "b": 0.3}


def loss(p, part):
    x, y = part
    return np.sum(cd.softplus(y * (np.matmul(x, p["w"]) + p["b"]))) + 0.01 * np.sum(p["w"] ** 2)


def whole_loss(p):
    """The same without partitions."""
    return sum([loss(p, part) for part in make_parts()])


def moments(p, part):
    x, _ = part
    return cnp.stack([np.sum(x @ p["w"]), np.sum((x @ p["w"] + p["b"]) ** 2)])


def whole_moments(p):
    return sum([moments(p, part) for part in make_parts()])


def by_number(number):
    """What `prepare` makes of the number of a partition."""
    return make_parts()[number]


def fails(p, part):
    x, _ = part
    if x.shape[0] == 6:
        raise ZeroDivisionError("something in the model")
    return np.sum(x * p["b"])


class Unpicklable(Exception):
    """Holds what no process can send to another."""

    def __init__(self, *args):
        super().__init__(*args)
        self.lock = threading.Lock()


class Unreadable(Exception):
    """Can be pickled, but what reads it calls the class with one argument."""

    def __init__(self, first, second):
        super().__init__(f"{first} {second}")


def raises_unpicklable(p, part):
    raise Unpicklable("something in", "the model")


def raises_unreadable(p, part):
    raise Unreadable("something in", "the model")


class DiesOnce:
    """A worker that prepares the last partition is killed, the first time."""

    def __init__(self, flag, always=False):
        self.flag = flag
        self.always = always

    def __call__(self, number):
        if number == 10 and (self.always or not os.path.exists(self.flag)):
            with open(self.flag, "w"):
                pass
            time.sleep(0.2)
            os._exit(17)
        return by_number(number)
