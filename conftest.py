"""What every test runs on: two logical CPUs, float32, no display, no surprises."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest

# Before the first import of Keras and TensorFlow, which read them once.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["MPLBACKEND"] = "Agg"
# Tests run in several processes at a time, and are too small for several threads.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

REPLICAS = ("CPU:0", "CPU:1")


def pytest_configure(config: pytest.Config) -> None:
    """Prepares a process that runs tests, and not one that hands them to others."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        _prepare_hypothesis()
        _prepare_tensorflow()


def _prepare_hypothesis() -> None:
    import hypothesis

    # Tracing makes the first example slow, so there is no deadline; the examples are
    # the same in every run, so a failure can be had again.
    hypothesis.settings.register_profile(
        "suite", deadline=None, derandomize=True, max_examples=25
    )
    hypothesis.settings.load_profile("suite")


def _prepare_tensorflow() -> None:
    import tensorflow as tf

    def untuned(dataset: Any) -> Any:
        options = tf.data.Options()
        options.autotune.enabled = False
        return dataset.with_options(options)

    tf.get_logger().setLevel("ERROR")
    # Else whoever drops an iterator may wait for a thread that sleeps up to a minute.
    tf.data.Dataset._apply_debug_options = untuned
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration() for _ in REPLICAS],
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts `tests` first, which has the long ones: so all processes end at once."""
    items.sort(key=lambda item: "tests" not in item.path.parts)


def pytest_collection_finish() -> None:
    """Has garbage collected rarely, and what was imported left alone.

    Tracing makes many small objects; looking through all of them at every turn takes a
    twentieth of the time.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True)
def fresh_keras() -> Iterator[None]:
    """Leaves nothing behind: no names, no seeds, no precision policy."""
    import keras

    yield
    keras.backend.clear_session(free_memory=False)
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="session")
def two_replicas() -> Any:
    """Returns the strategy over two replicas, which share the CPU.

    One for all tests: TensorFlow would take a second's first sum for this one's.
    """
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(list(REPLICAS))
