"""Files of compiled functions, damaged in every way: the only answers are an error or a value."""

import io
import zlib

import numpy as np

import cdiff as cd
from cdiff._saved._saving import HEAD, MAGIC, VERSION, pack, unpack

UNSOLVED = (
    "the condition still holds", "does not converge", "met a singular Jacobian", "is not finite",
    "are not finite", "steps between two times", "not found to the tolerance", "no event between",
    "no minimum", "ended at a", "failed between",
)  # fmt: skip


def outcome(data, call):
    """What becomes of a file: "refused", "loaded" or "called"; any unexpected error is raised."""
    try:
        loaded = cd.load(io.BytesIO(data))
    except cd.FormatError:
        return "refused"
    try:
        call(loaded)
    except (LookupError, ValueError, ArithmeticError, MemoryError, TypeError, AttributeError):
        return "loaded"
    except RuntimeError as error:
        if not any(message in str(error) for message in UNSOLVED):
            raise
        return "loaded"
    return "called"


def sealed(payload):
    """A payload with a right head, so that its content is looked at."""
    return HEAD.pack(MAGIC, VERSION, len(payload), zlib.crc32(payload)) + payload


def damage_bytes(data, call, rng, tries=300):
    """How often files with some bytes changed are refused, loaded and called."""
    payload = data[HEAD.size :]
    seen = {"refused": 0, "loaded": 0, "called": 0}
    for _ in range(tries):
        changed = bytearray(payload)
        for _ in range(rng.choice((1, 1, 2, 5))):
            k = rng.randrange(len(changed))
            changed[k] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        if rng.random() < 0.1:
            cut = rng.randrange(len(changed))
            del changed[cut : cut + rng.randrange(9)]
        seen[outcome(sealed(bytes(changed)), call)] += 1
    return seen


PLAIN = [
    None, True, -1, 0, 1, 2**31, 2**62, 2**70, 1.5, float("nan"), "", "add", "<f8", b"",
    b"\0" * 16, (), (1,), [], {}, np.ones(2), np.zeros((0, 2**40)), np.bool_(True),
]  # fmt: skip


def mutated(x, rng, rate):
    """The same value with some of its parts exchanged."""
    if rng.random() < rate:
        return rng.choice(PLAIN)
    if type(x) in (tuple, list):
        parts = [mutated(y, rng, rate) for y in x]
        if parts and rng.random() < rate:
            parts.pop(rng.randrange(len(parts)))
        return type(x)(parts)
    if type(x) is dict:
        return {k: mutated(y, rng, rate) for k, y in x.items()}
    if type(x) is bytes and x and rng.random() < 3 * rate:
        changed = bytearray(x)
        changed[rng.randrange(len(x))] = rng.randrange(256)
        return bytes(changed)
    if type(x) is int and rng.random() < rate:
        return x + rng.choice((-1, 1, 2**31, -(2**33)))
    return x


def exchange_parts(data, call, rng, tries=300):
    """The same for files with some of their values exchanged."""
    content = unpack(data)
    seen = {"refused": 0, "loaded": 0, "called": 0}
    for _ in range(tries):
        try:
            changed = pack(mutated(content, rng, rng.choice((0.005, 0.02, 0.1))))
        except TypeError:
            continue
        seen[outcome(changed, call)] += 1
    return seen
