"""Networks from elsewhere under KERAS_BACKEND=jax: the same tests as on TensorFlow."""

import pytest

from tests import under_jax

FILES = [
    f"common/foreign/{name}_test.py"
    for name in ("adoption", "classifiers", "heads", "saved")
]


@pytest.mark.slow
def test_networks_from_elsewhere_are_loaded_on_jax_as_on_tensorflow():
    # Without the root's conftest, which chooses TensorFlow.
    flags = ("-o", "addopts=--import-mode=importlib", "--noconftest", "-m", "not slow")
    done = under_jax.result("pytest", "-q", *flags, *FILES)
    assert done.returncode == 0, done.stdout[-2_000:]
