"""`python -m benchmarks.gradbench`: GradBench's protocol, or with `--all` the whole comparison.

Without options it is the tool: JSON messages on standard input, answers on standard output. With
`--all` it runs every eval at its default sizes beside the peers and prints one table; see
`python -m benchmarks.gradbench --help`.
"""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> None:
    """The command line."""
    if arguments:
        from benchmarks.gradbench import _table

        _table.main(arguments)
        return
    from benchmarks.gradbench import _tool

    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    _tool.serve(sys.stdin, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
