"""Plain values as bytes and back: numbers, strings, arrays, and tuples, lists and dicts of them.

A value is a tag of one byte and what follows from it; numbers are little-endian. Nothing else can
be written, so reading can make nothing else: no class is looked up and no code is run. Every length
is compared with the bytes that are there before memory is taken for it. This file knows nothing of
programs. It is fast where arrays are large, which are copied as they are.

    N T F             None, True, False
    i n ...           int: number of bytes (one byte), then these, two's complement
    d ........        float
    s n ... b n ...   str in UTF-8, bytes: length in eight bytes, then these
    a ...             array: dtype as a str, number of axes (one byte), lengths (eight bytes each),
                      elements in C order
    g ...             NumPy scalar: as an array without axes
    ( n ... [ n ...   tuple, list: length in eight bytes, then the values
    { n ...           dict: length in eight bytes, then keys and values in turn
"""

from __future__ import annotations

import math
import struct
import sys
from typing import Any

import numpy as np

__all__ = ["FormatError", "dtype_named", "read", "written"]

MAX_DEPTH = 50  # of containers in containers
KINDS = "fiubc"  # of arrays
DTYPES = frozenset("?bBhHiIlLqQfdFD")  # of values in programs
# Those of arrays by their names: NumPy makes a dtype of many other strings, some of which are code.
NAMED = {
    name: np.dtype(name)
    for letter in (*DTYPES, "e", "g", "G")
    for name in (np.dtype(letter).newbyteorder("<").str, np.dtype(letter).newbyteorder(">").str)
}


class FormatError(ValueError):
    """A file is not what `cdiff.load` can read: damaged, cut off, or not written by cdiff.

    Examples
    --------
    >>> import cdiff as cd, io
    >>> try:
    ...     cd.load(io.BytesIO(b"something else"))
    ... except cd.FormatError as error:
    ...     print(error)
    not a file of compiled functions: it does not begin as one
    """


def written(value: Any) -> bytes:
    """A plain value as bytes.

    Parameters
    ----------
    value : None, bool, int, float, str, bytes, ndarray, NumPy scalar, or tuple, list, dict of them

    Returns
    -------
    bytes

    Raises
    ------
    TypeError
        If there is anything else in it.
    """
    parts: list[bytes] = []
    _write(value, parts, 0)
    return b"".join(parts)


def _write(x: Any, parts: list[bytes], depth: int) -> None:
    cls = x.__class__
    if depth > MAX_DEPTH:
        raise TypeError(f"containers are nested more than {MAX_DEPTH} deep")
    if x is None or cls is bool:
        parts.append(b"N" if x is None else b"T" if x else b"F")
    elif cls is int:
        size = x.bit_length() // 8 + 1
        if size > 255:
            raise TypeError("an int of more than 254 bytes")
        parts.append(b"i" + bytes([size]) + x.to_bytes(size, "little", signed=True))
    elif cls is float:
        parts.append(b"d" + struct.pack("<d", x))
    elif cls is str or cls is bytes:
        data = x.encode("utf-8", "surrogatepass") if cls is str else x
        parts.append((b"s" if cls is str else b"b") + struct.pack("<Q", len(data)) + data)
    elif isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in KINDS:
        parts.append(b"a" if isinstance(x, np.ndarray) else b"g")
        _write_array(np.asarray(x), parts, depth)
    elif cls is tuple or cls is list:
        parts.append((b"(" if cls is tuple else b"[") + struct.pack("<Q", len(x)))
        for y in x:
            _write(y, parts, depth + 1)
    elif cls is dict:
        parts.append(b"{" + struct.pack("<Q", len(x)))
        for key, y in x.items():
            _write(key, parts, depth + 1)
            _write(y, parts, depth + 1)
    else:
        raise TypeError(f"a {cls.__name__}")


def _write_array(x: np.ndarray[Any, Any], parts: list[bytes], depth: int) -> None:
    dtype = x.dtype.newbyteorder("<")
    _write(dtype.str, parts, depth)
    parts.append(bytes([x.ndim]) + struct.pack(f"<{x.ndim}Q", *x.shape))
    parts.append(np.ascontiguousarray(x, dtype).tobytes())


def read(data: bytes) -> Any:
    """The plain value that `written` has made these bytes of.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    object

    Raises
    ------
    FormatError
        If they are anything else.
    """
    reader = _Reader(data)
    value = reader.value(0)
    if reader.at != len(data):
        raise FormatError(f"{len(data) - reader.at} bytes too many")
    return value


def dtype_named(name: Any) -> np.dtype[Any]:
    """The dtype of values in a program that a name stands for, in any byte order.

    Parameters
    ----------
    name : object
        Anything that was read.

    Returns
    -------
    dtype

    Raises
    ------
    FormatError
    """
    found = NAMED.get(name) if name.__class__ is str else None
    if found is not None and found.char in DTYPES:
        return found
    raise FormatError(f"a program with the dtype {name!r:.40}")


class _Reader:
    """Goes through bytes once."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, n: int) -> bytes:
        if n > len(self.data) - self.at:
            raise FormatError(f"the file ends inside a value: {n} bytes are missing")
        self.at += n
        return self.data[self.at - n : self.at]

    def count(self, size: int = 1) -> int:
        """A number of things that have at least `size` bytes each."""
        n: int = struct.unpack("<Q", self.take(8))[0]
        if n * size > len(self.data) - self.at:
            raise FormatError(f"the file ends before {n} values")
        return n

    def value(self, depth: int) -> Any:
        tag = self.take(1)
        if depth > MAX_DEPTH:
            raise FormatError("containers are nested too deeply")
        if tag in b"NTF":
            return None if tag == b"N" else tag == b"T"
        if tag == b"i":
            return int.from_bytes(self.take(self.take(1)[0]), "little", signed=True)
        if tag == b"d":
            return struct.unpack("<d", self.take(8))[0]
        if tag == b"s":
            return self.text()
        if tag == b"b":
            return self.take(self.count())
        if tag in b"ag":
            return self.array(tag == b"g", depth)
        if tag in b"([":
            items = [self.value(depth + 1) for _ in range(self.count())]
            return tuple(items) if tag == b"(" else items
        if tag == b"{":
            return self.mapping(depth)
        raise FormatError(f"a value cannot begin with {tag!r}")

    def text(self) -> str:
        try:
            return self.take(self.count()).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise FormatError(f"a string is not in UTF-8: {error}") from None

    def mapping(self, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for _ in range(self.count(2)):
            key = self.value(depth + 1)
            try:
                if key in found:
                    raise FormatError(f"a dict has the key {key!r:.40} twice")
                found[key] = self.value(depth + 1)
            except TypeError:
                raise FormatError(f"a {type(key).__name__} as the key of a dict") from None
        return found

    def array(self, scalar: bool, depth: int) -> Any:
        name = self.value(depth)
        dtype = NAMED.get(name) if name.__class__ is str else None
        if dtype is None or dtype.newbyteorder("<").str != name:
            raise FormatError(f"an array of dtype {name!r:.40}")
        ndim = self.take(1)[0]
        shape = struct.unpack(f"<{ndim}Q", self.take(8 * ndim))
        size = math.prod(shape) * dtype.itemsize
        if math.prod([n or 1 for n in shape]) * dtype.itemsize > sys.maxsize or ndim > 64:
            raise FormatError(f"an array of shape {shape!r:.60}")
        found = np.frombuffer(self.take(size), dtype)
        if dtype == np.bool_ and size and found.view(np.uint8).max() > 1:
            raise FormatError("an array of booleans that are neither True nor False")
        found = found.reshape(shape).astype(dtype.newbyteorder("="))
        if scalar and ndim:
            raise FormatError("a NumPy scalar with axes")
        found.flags.writeable = False
        return found[()] if scalar else found
