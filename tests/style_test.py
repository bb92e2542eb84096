"""Sizes and completeness: what the linter cannot say, read from the source."""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath

from tests import sources

MODULE_LINES = 400
BODY_LINES = 40
POSITIONAL = 4
LEFTOVERS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME")) + r")\b")


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Counts the lines of a body, from what follows its docstring."""
    body = function.body[ast.get_docstring(function, clean=False) is not None :]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def positional(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Counts the positional parameters beside `self` or `cls`."""
    names = [a.arg for a in function.args.posonlyargs + function.args.args]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def broken_rules(path: PurePosixPath, source: str) -> list[str]:
    """Returns one line for every rule that a module breaks."""
    tree = ast.parse(source)
    lines = source.splitlines()
    found = []
    if len(lines) > MODULE_LINES:
        found.append(f"{path}: {len(lines)} lines, at most {MODULE_LINES}")
    if not (sources.is_test(path) or ast.get_docstring(tree)):
        found.append(f"{path}: no docstring")
    for number, line in enumerate(lines, start=1):
        if LEFTOVERS.search(line):
            found.append(f"{path}:{number}: unfinished: {line.strip()}")
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        place = f"{path}:{node.lineno}: {node.name}"
        if body_lines(node) > BODY_LINES:
            found.append(f"{place}: {body_lines(node)} lines, at most {BODY_LINES}")
        if positional(node) > POSITIONAL and not sources.is_test(path):
            found.append(
                f"{place}: {positional(node)} positional parameters, at most "
                f"{POSITIONAL}; make the rest keyword-only"
            )
    return found


def untested(paths: set[PurePosixPath]) -> list[str]:
    """Returns the modules of `common` that have no test beside them."""
    return [
        f"{path}: no {path.stem}_test.py beside it"
        for path in sorted(paths)
        if path.parts[0] == "common"
        and not sources.is_test(path)
        and path.name != "__init__.py"
        and path.with_name(f"{path.stem}_test.py") not in paths
    ]


def test_every_module_keeps_to_the_sizes_and_is_finished():
    found = [
        line
        for path, source in sources.modules().items()
        for line in broken_rules(path, source)
    ]
    assert not found, "\n".join(found)


def test_every_module_of_common_has_a_test_beside_it():
    found = untested(set(sources.modules()))
    assert not found, "\n".join(found)
