"""The source files of the suite, for the tests that read them."""

from __future__ import annotations

import os
import pathlib

import reproduce

ROOT = reproduce.ROOT
PAPERS = tuple(sorted(reproduce.PAPERS))
_SKIPPED = ("build", "runs", "__pycache__")


def modules() -> dict[pathlib.PurePosixPath, str]:
    """Returns the text of every Python file, by its path from the root."""
    paths = []
    for folder, names, files in os.walk(ROOT):
        names[:] = [n for n in names if not n.startswith(".") and n not in _SKIPPED]
        paths += [pathlib.Path(folder, file) for file in files if file.endswith(".py")]
    return {
        pathlib.PurePosixPath(path.relative_to(ROOT).as_posix()): path.read_text(
            "utf-8"
        )
        for path in sorted(paths)
    }


def is_test(path: pathlib.PurePosixPath) -> bool:
    """Whether the rules for tests apply, not those for the library."""
    return (
        path.parts[0] == "tests"
        or path.name == "conftest.py"
        or path.name.endswith("_test.py")
    )
