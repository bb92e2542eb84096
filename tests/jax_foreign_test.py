"""Networks from elsewhere under KERAS_BACKEND=jax: the same tests as on TensorFlow."""

import json

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


@pytest.mark.slow
def test_a_network_from_elsewhere_is_trained_on_jax(tmp_path):
    done = under_jax.result("tests.fit_under_jax", str(tmp_path))
    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["right"] == found["clean"]["after"]["correct"]
    assert found["clean"]["after"]["branch"] == "adversarial"
    (logged,) = found["logged"]
    assert 0 < logged < 1
