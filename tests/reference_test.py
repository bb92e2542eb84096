"""AutoAttack of both engines against the reference, image by image."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests import reference, sources

COUNT = 60  # of the 500 images; `python -m tests.reference` takes them all
ENGINES = ("tensorflow", "jax")


@pytest.fixture(scope="module")
def folder():
    """Returns the folder that SUITE_DATA names, or skips the test."""
    named = os.environ.get("SUITE_DATA")
    if not named or not (pathlib.Path(named) / "autoattack").is_dir():
        pytest.skip("SUITE_DATA names no folder with weights, tfds and autoattack")
    return pathlib.Path(named)


def outcomes(folder, epsilon, part="square"):
    known = np.load(folder / reference.OUTCOMES.format(epsilon))
    return known[part][:COUNT]


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [2, 8])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("version", ["standard", "quick"])
def test_it_breaks_the_images_that_the_reference_breaks(
    folder, tmp_path, engine, version, epsilon
):
    file = tmp_path / "found.npz"
    words = map(str, (folder, version, epsilon, COUNT, file))
    subprocess.run(
        [sys.executable, "-m", "tests.reference", *words],
        cwd=sources.ROOT,
        env={**os.environ, "KERAS_BACKEND": engine},
        check=True,
        capture_output=True,
    )
    found = np.load(file)
    expected = outcomes(folder, epsilon)
    assert (found["survived"] != expected).sum() <= 1
    clean = outcomes(folder, epsilon, "clean")
    np.testing.assert_array_equal(found["broken_by"] != 0, clean)
