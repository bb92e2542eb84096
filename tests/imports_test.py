"""Who may import whom: the floors of the suite, read from the source."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import pytest

from tests import sources

# From the ground up: a module imports what stands on its own floor or on a lower one.
# A name is a package of `common`, or a module of it; papers and commands stand on top.
FLOORS = (
    ("errors", "files", "intervals", "lazy", "logs", "names"),
    ("backend",),
    ("data",),
    ("attacks",),
    ("models",),
    ("engine",),
    ("recipe", "changes", "overrides", "processes", "seeds"),
    ("manifest",),
    ("evaluation",),
    ("training",),
    ("results",),
    ("networks",),
    ("missing", "runs"),
    ("foreign",),
    ("cli",),
)
# These are imported in these places only; all else is written in `keras.ops`.
ENGINES = ("jax", "tensorflow", "tensorflow_datasets", "torch")
ENGINE_ROOM = ("benchmarks", "common/backend", "common/data", "common/engine")
DRAWING = ("matplotlib", "mpl_toolkits")
STUDIO = ("benchmarks", "common/results")
NOT_PAPERS = ("benchmarks", "common", "tests")
NUMBERS = "keras.random"  # on replicas it repeats itself


def imported(path: PurePosixPath, source: str) -> Iterator[tuple[int, str]]:
    """Yields the line and the full name of what a module imports, or takes of Keras."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # One dot is the module's own package, each further dot one above it.
            package = path.parts[: -node.level] if node.level else ()
            base = [*package, node.module] if node.module else [*package]
            for alias in node.names:
                yield node.lineno, ".".join([*base, alias.name])
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == NUMBERS:
            yield node.lineno, NUMBERS
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func).rpartition(".")[2]
            name = node.args[0]
            if called in ("import_module", "__import__") and isinstance(
                name, ast.Constant
            ):
                yield node.lineno, str(name.value)


def floor(name: str) -> int | None:
    """Returns the floor of a module of `common`, or None for what is none."""
    parts = name.split(".")
    if parts[0] != "common" or len(parts) < 2:
        return None
    return next((n for n, names in enumerate(FLOORS) if parts[1] in names), None)


def broken_rules(path: PurePosixPath, source: str) -> list[str]:
    """Returns one line for every import that the floors forbid."""
    home, is_test = path.parts[0], sources.is_test(path)
    own = floor(".".join(path.with_suffix("").parts))
    found = []
    for line, name in imported(path, source):
        top, above = name.partition(".")[0], floor(name)
        if home == "common" and top in sources.PAPERS:
            found.append(f"{path}:{line}: common imports the paper {top}")
        if home in sources.PAPERS and top in sources.PAPERS and top != home:
            found.append(f"{path}:{line}: a paper imports the paper {top}")
        if None not in (own, above) and above > own and not is_test:
            found.append(f"{path}:{line}: {name} stands on a higher floor")
        for names, rooms in ((ENGINES, ENGINE_ROOM), (DRAWING, STUDIO)):
            if top in names and not is_test and not _is_in(path, rooms):
                found.append(f"{path}:{line}: {top} outside {', '.join(rooms)}")
        if name.startswith(NUMBERS) and not is_test:
            found.append(f"{path}:{line}: {NUMBERS}, not the seeds of common.backend")
    return found


def circle(modules: Mapping[PurePosixPath, str]) -> list[str]:
    """Returns modules of which each imports the next and the last is the first.

    An import that only type checkers see counts like any other, and tests do not. The
    `__init__.py` of a package is the module that has the package's name.

    Args:
      modules: the text of each, by its path.

    Returns:
      The full names, or nothing if there is no circle.
    """
    named = {
        ".".join(path.with_suffix("").parts).removesuffix(".__init__"): (path, source)
        for path, source in modules.items()
        if not sources.is_test(path)
    }
    graph: dict[str, set[str]] = {name: set() for name in named}
    for name, (path, source) in named.items():
        for _, other in imported(path, source):
            owner = other if other in named else other.rpartition(".")[0]
            graph[name] |= {owner} & named.keys()
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(reversed(error.args[1]))
    return []


def _is_in(path: PurePosixPath, rooms: tuple[str, ...]) -> bool:
    return any(path.is_relative_to(room) for room in rooms)


def test_no_import_reaches_above_its_floor():
    found = [
        line
        for path, source in sources.modules().items()
        for line in broken_rules(path, source)
    ]
    assert not found, "\n".join(found)


def test_no_modules_import_each_other_in_a_circle():
    assert not circle(sources.modules())


def test_every_package_is_known_to_the_rules():
    packages = {path.parts[0] for path in sources.modules() if len(path.parts) > 1}
    assert "common" in packages
    assert packages <= {*sources.PAPERS, *NOT_PAPERS}


def test_every_module_of_common_stands_on_one_floor():
    names = {
        path.parts[1].removesuffix(".py")
        for path in sources.modules()
        if path.parts[0] == "common" and not sources.is_test(path)
    }
    assert names == {"__init__"} | {name for names in FLOORS for name in names}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("common/cli_test.py", "from smooth_at import algorithm"),
        ("common/attacks/pgd.py", "from ...free_at import algorithm"),
        ("common/cli.py", "import importlib\nimportlib.import_module('free_at')"),
        ("free_at/claims.py", "def f():\n    import intriguing_at.tables as t"),
        ("free_at/algorithm.py", "import torch.nn"),
        ("common/attacks/losses.py", "from tensorflow import nn"),
        ("common/models/layers.py", "import keras\nkeras.random.uniform((2,))"),
        ("common/evaluation/tally.py", "from matplotlib import pyplot"),
        ("common/attacks/pgd.py", "from common import recipe"),
        ("common/evaluation/record.py", "from common.results import measured"),
    ],
)
def test_a_forbidden_import_is_found(path, source):
    assert len(broken_rules(PurePosixPath(path), source)) == 1


def test_evaluation_loads_neither_results_nor_what_draws():
    """Nor Keras, which loads matplotlib where it is installed."""
    code = (
        "import sys; from common import evaluation; "
        "heavy = ('common.results', 'matplotlib', 'keras'); "
        "print([n for n in sys.modules if n.startswith(heavy)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=sources.ROOT, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr
