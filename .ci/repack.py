"""Compress the files in wheels anew with libdeflate, which packs a thirtieth tighter than zlib can.

What an installer reads stays as it is: names, dates, modes, and the checksums in RECORD, which are
of the files and not of their compressed form. `python .ci/repack.py WHEEL...` replaces each wheel.
"""

import sys
import zipfile
import zlib
from pathlib import Path

from deflate import deflate_compress

LEVEL = 12  # libdeflate's highest; zlib ends at 9


class Compressor:
    """In the place of zlib.compressobj, which `zipfile` calls; compresses everything at the end."""

    def __init__(self, *_: int) -> None:
        self.parts: list[bytes] = []

    def compress(self, data: bytes) -> bytes:
        self.parts.append(bytes(data))
        return b""

    def flush(self) -> bytes:
        return deflate_compress(b"".join(self.parts), LEVEL)


def repack(path: Path) -> None:
    """Replace a wheel by the same one, smaller, once all of it has been read back."""
    tight = path.with_suffix(".tight")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tight, "w") as new:
        for entry in old.infolist():
            new.writestr(entry, old.read(entry))
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tight) as new:
        assert [old.read(x) for x in old.infolist()] == [new.read(x) for x in new.infolist()]
    print(f"{path.name}: {path.stat().st_size} bytes, now {tight.stat().st_size}")
    tight.replace(path)


if __name__ == "__main__":
    zlib.compressobj = Compressor  # type: ignore[assignment, misc]
    for name in sys.argv[1:]:
        repack(Path(name))
