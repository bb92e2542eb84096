"""What TensorFlow and JAX must agree in: cases that are computed under either.

A case is a function without arguments that returns arrays by name; it is written in
`keras.ops` and `common.backend` alone. Groups of cases are modules with `CASES` and
`SLOW`. `computed` has the arrays of the backend that runs, and `on_jax` those of a
process under KERAS_BACKEND=jax, in which TensorFlow is not found.
"""

from __future__ import annotations

import functools
import importlib
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable

import numpy as np

from tests import sources

Arrays = dict[str, np.ndarray]
_ERROR = "error"
_TOGETHER = ("attacks", "methods", "networks")  # in one process, whose start is slow
# No optimisation of machine code: it would take most of the time, and gain nothing.
QUICK_XLA = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)


def cases(group: str, *, slow: bool = False) -> dict[str, Callable[[], Arrays]]:
    """Returns the cases of a group, the quick ones or the others."""
    module = importlib.import_module(f"{__name__}.{group}")
    return module.SLOW if slow else module.CASES


def computed(group: str, name: str, *, slow: bool = False) -> Arrays:
    """Returns the arrays of a case under the backend that runs."""
    arrays = cases(group, slow=slow)[name]()
    return {key: np.asarray(array) for key, array in arrays.items()}


def on_jax(group: str, name: str, *, slow: bool = False) -> Arrays:
    """Returns the arrays of a case on JAX, which is started once for all of them."""
    groups = _TOGETHER if group in _TOGETHER else (group,)
    arrays = _all_on_jax(groups, slow)[group, name]
    if _ERROR in arrays:
        raise AssertionError(f"On JAX: {arrays[_ERROR]}")
    return arrays


def write(folder: pathlib.Path, group: str, *, slow: bool) -> None:
    """Writes a file for each case of a group: its arrays, or why it failed."""
    for number, name in enumerate(cases(group, slow=slow)):
        try:
            arrays = computed(group, name, slow=slow)
        except Exception:  # whatever it is, it is the result
            arrays = {_ERROR: np.array(traceback.format_exc())}
        # By numbers, since names have what the name of a file cannot.
        by_number = {str(i): array for i, array in enumerate(arrays.values())}
        np.savez(folder / f"{group}-{number}.npz", names=list(arrays), **by_number)


@functools.cache
def _all_on_jax(groups: tuple[str, ...], slow: bool) -> dict[tuple[str, str], Arrays]:
    environment = {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": QUICK_XLA,
    }
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(sys.executable, "-m", "tests.without_tensorflow"),
                *(__name__, folder, str(int(slow)), *groups),
            ],
            cwd=sources.ROOT,
            env={**os.environ, **environment},
            check=True,
        )
        return {
            (group, name): _read(pathlib.Path(folder, f"{group}-{number}.npz"))
            for group in groups
            for number, name in enumerate(cases(group, slow=slow))
        }


def _read(path: pathlib.Path) -> Arrays:
    with np.load(path) as file:
        return {name: file[str(i)] for i, name in enumerate(file["names"].tolist())}
