"""Print the oldest version that pyproject.toml allows of every dependency, as constraints for pip.

`name>=1.2` becomes `name==1.2.*` (the oldest series, with its corrections). What is needed to build
and to test counts; tools that only developers start do not.
"""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))
extras = project["project"]["optional-dependencies"]
needed = [
    *project["build-system"]["requires"],
    *project["project"]["dependencies"],
    *extras["scipy"],
    *extras["test"],
]
oldest = {}
for requirement in needed:
    found = re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement)
    if found is None:
        raise SystemExit(f"not of the form name>=version: {requirement}")
    name, version = found.groups()
    series = version if version.count(".") else f"{version}.0"
    oldest[name] = f"{name}=={series}.*"
print(*sorted(oldest.values()), sep="\n")
