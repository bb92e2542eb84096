"""Who may import whom: the layers of the suite, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests import sources

# An engine is imported in these places only; all else is written in `keras.ops`.
ENGINES = ("jax", "tensorflow", "tensorflow_datasets", "torch")
ENGINE_ROOM = (
    "benchmarks",
    "common/backend",
    "common/data",
    "common/evaluation",
    "common/training",
)
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


def broken_rules(path: PurePosixPath, source: str) -> list[str]:
    """Returns one line for every import that the layers forbid."""
    home = path.parts[0]
    engine_allowed = sources.is_test(path) or any(
        path.is_relative_to(place) for place in ENGINE_ROOM
    )
    found = []
    for line, name in imported(path, source):
        top = name.partition(".")[0]
        if home == "common" and top in sources.PAPERS:
            found.append(f"{path}:{line}: common imports the paper {top}")
        if home in sources.PAPERS and top in sources.PAPERS and top != home:
            found.append(f"{path}:{line}: a paper imports the paper {top}")
        if top in ENGINES and not engine_allowed:
            found.append(f"{path}:{line}: {top} outside {', '.join(ENGINE_ROOM)}")
        if name.startswith(NUMBERS) and not sources.is_test(path):
            found.append(f"{path}:{line}: {NUMBERS}, not the seeds of common.backend")
    return found


def test_every_import_keeps_to_its_layer():
    found = [
        line
        for path, source in sources.modules().items()
        for line in broken_rules(path, source)
    ]
    assert not found, "\n".join(found)


def test_every_package_is_known_to_the_rules():
    packages = {path.parts[0] for path in sources.modules() if len(path.parts) > 1}
    assert "common" in packages
    assert packages <= {*sources.PAPERS, *NOT_PAPERS}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("common/cli.py", "import free_at"),
        ("common/cli.py", "from kurakin2017.presets import CIFAR10"),
        ("common/cli_test.py", "from smooth_at import algorithm"),
        ("common/attacks/pgd.py", "from ...free_at import algorithm"),
        ("common/cli.py", "import importlib\nimportlib.import_module('free_at')"),
        ("free_at/claims.py", "from smooth_at import tables"),
        ("free_at/claims.py", "def f():\n    import intriguing_at.tables as t"),
        ("free_at/algorithm.py", "import tensorflow as tf"),
        ("free_at/algorithm.py", "from jax import numpy"),
        ("free_at/algorithm.py", "import torch.nn"),
        ("common/attacks/losses.py", "from tensorflow import nn"),
        ("common/attacks/pgd.py", "import jax"),
        ("common/models/resnet.py", "def f():\n    import tensorflow.math"),
        ("common/results/report.py", "import tensorflow_datasets as tfds"),
        ("common/training.py", "import tensorflow"),
        ("common/recipe.py", "try:\n    import os, tensorflow\nexcept ImportError: 0"),
        ("reproduce.py", "__import__('tensorflow')"),
        ("common/models/layers.py", "from keras import random"),
        ("common/models/layers.py", "import keras\nkeras.random.uniform((2,))"),
    ],
)
def test_a_forbidden_import_is_found(path, source):
    assert len(broken_rules(PurePosixPath(path), source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("common/backend/jax_backend.py", "import jax"),
        ("common/data/digits.py", "import tensorflow_datasets as tfds"),
        ("common/training/loop.py", "from tensorflow import distribute"),
        ("common/attacks/pgd_test.py", "import tensorflow as tf"),
        ("common/attacks/pgd.py", "from . import steps\nfrom keras import ops"),
        ("free_at/algorithm.py", "from common import backend"),
        ("free_at/__main__.py", "from free_at import presets\nfrom . import tables"),
        ("free_at/claims.py", "from .tables import CIFAR10"),
        ("tests/parity_test.py", "import free_at, smooth_at, tensorflow"),
        ("benchmarks/cost.py", "import free_at, kurakin2017, tensorflow, torch"),
        ("reproduce.py", "import free_at, kurakin2017"),
        ("common/recipe.py", "print('import tensorflow')"),
    ],
)
def test_a_permitted_import_passes(path, source):
    assert not broken_rules(PurePosixPath(path), source)
