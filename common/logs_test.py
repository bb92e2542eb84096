"""What libraries log, and write, in processes of their own."""

import os
import signal
import subprocess
import sys

import pytest

from tests import sources


def run(code):
    """Returns the process that has run code, without the level that tests have."""
    level = "TF_CPP_MIN_LOG_LEVEL"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=sources.ROOT,
        env={name: value for name, value in os.environ.items() if name != level},
        capture_output=True,
        text=True,
        check=False,
    )


LIBRARY = """
import logging, sys, warnings
from absl import logging as absl_logging
from common import logs
logs.show({verbosity!r})
absl_logging.info("an info of absl")
logging.getLogger("tensorflow").warning("a warning of TensorFlow")
warnings.warn("a warning of NumPy")
logging.getLogger("jax").critical("an error of JAX")
import os; print(os.environ["TF_CPP_MIN_LOG_LEVEL"])
"""
LINES = {
    "an info of absl": ("info", "debug"),
    "a warning of TensorFlow": ("warning", "info", "debug"),
    "a warning of NumPy": ("warning", "info", "debug"),
    "an error of JAX": ("error", "warning", "info", "debug"),
}


@pytest.mark.parametrize(
    ("verbosity", "in_c"),
    [(None, "3"), ("error", "2"), ("warning", "1"), ("info", "0"), ("debug", "0")],
)
def test_lines_of_libraries_are_shown_from_the_level_that_is_asked_for(verbosity, in_c):
    done = run(LIBRARY.format(verbosity=verbosity))
    for line, levels in LINES.items():
        assert (line in done.stderr) == (verbosity in levels), line
    assert (done.returncode, done.stdout) == (0, f"{in_c}\n")
    assert bool(done.stderr) == bool(verbosity)


IMPORT = """
import os
from common import logs
logs.show({verbosity!r})
try:
    with logs.held_back():
        os.write(2, b"I0000 00:00:17 140 port.cc:153] an info\\n")
        os.write(2, b"E0000 00:00:17 140 cuda.cc:52] no driver\\n")
        os.write(2, b"F0000 00:00:17 140 cpu.cc:1] no instruction\\n")
        {end}
finally:
    os.write(2, b"later\\n")
"""


@pytest.mark.parametrize(
    ("end", "verbosity", "status", "shown"),
    [
        ("pass", None, 0, ["later"]),
        ("os.abort()", None, -signal.SIGABRT, ["no instruction"]),
        ("raise SystemExit(3)", None, 3, ["no instruction", "later"]),
        ("pass", "error", 0, ["an info", "no driver", "no instruction", "later"]),
    ],
)
def test_what_is_written_during_an_import_is_shown_if_that_fails(
    end, verbosity, status, shown
):
    done = run(IMPORT.format(end=end, verbosity=verbosity))
    assert done.returncode == status
    lines = done.stderr.splitlines()
    assert len(lines) == len(shown)
    assert {x for x in shown if any(x in line for line in lines)} == {*shown}
