"""RESULTS.md: what the benchmarks printed, of each on each processor the last run only.

A run is a fenced block: four lines about the circumstances, of which the second names the
processor, a section `== name ==` for each benchmark, and a summary. What a later run on the same
processor measured again is taken out of the older ones (their history is in git) and their bounds
are counted anew. It knows nothing of the benchmarks.
"""

from __future__ import annotations

import re

_RUN = re.compile(r"\n```text\n(.*?)^```\n", flags=re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^== (\w+) ==\n", flags=re.MULTILINE)
_SUMMARY = re.compile(r"\n^\d+ of \d+ bounds kept.*", flags=re.MULTILINE | re.DOTALL)
_CHAPTER = re.compile(r"^(?=## )", flags=re.MULTILINE)


def processor_of(run: str) -> str:
    """The second line of a run without what follows the first comma."""
    return run.splitlines()[1].partition(",")[0]


def _summary(body: str, missed: list[str]) -> str:
    """The bounds of what is left, counted again as the page of documentation counts them."""
    kept, lost = body.count(" ok ("), body.count("MISSED (")
    lines = [f"{kept} of {kept + lost} bounds kept", *missed]
    return "\n".join(lines) + "\n"


def reduced(run: str, names: set[str]) -> str:
    """A run without the sections `names`; empty if nothing is left."""
    text = _SUMMARY.sub("", run)
    head, *parts = _SECTION.split(text)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    left = {name: body.strip("\n") for name, body in sections.items() if name not in names}
    if len(left) == len(sections):
        return run
    if not left:
        return ""
    missed = re.finditer(r"^  MISSED (\w+): .*$", run, flags=re.MULTILINE)
    lines = [line[0] for line in missed if line[1] in left]
    body = "\n\n".join(f"== {name} ==\n{text}" for name, text in left.items())
    return f"{head}{body}\n\n{_summary(body, lines)}"


def without(text: str, processor: str, names: set[str]) -> str:
    """RESULTS.md without these sections of runs on this processor, and without empty chapters."""

    def replaced(found: re.Match[str]) -> str:
        run = found[1]
        if processor_of(run) != processor:
            return found[0]
        left = reduced(run, names)
        return f"\n```text\n{left}```\n" if left else ""

    chapters = _CHAPTER.split(text)
    done = [_RUN.sub(replaced, chapter) for chapter in chapters]
    pairs = zip(chapters, done, strict=True)
    return "".join(new for old, new in pairs if "```text" in new or "```text" not in old)


def added(text: str, run: str) -> str:
    """RESULTS.md with one run more, as a chapter at its end."""
    names = set(_SECTION.findall(run))
    kept = without(text, processor_of(run), names) if text else "# Results\n"
    return f"{kept}\n## {run.splitlines()[0]}\n\n```text\n{run}\n```\n"
