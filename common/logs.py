"""Which lines of libraries' logs reach the user: none, unless they are asked for.

What goes wrong is an exception, which the commands say in a line of their own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator

from absl import flags
from absl import logging as absl_logging

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"  # of what TensorFlow and XLA log in C++
_NOTHING = "3"  # but what ends the process
_LEVELS = {"error": "2", "warning": "1", "info": "0", "debug": "0"}
_FINE = b"\0"  # the last that is written where nothing has gone wrong
_READER = rf"""
import re, sys
text = sys.stdin.buffer.read()
if not text.endswith({_FINE!r}):
    log = rb"(?m)^(WARNING: All log messages before|[IWE]\d{{4}} ).*\n"
    sys.stderr.buffer.write(re.sub(log, b"", text))
"""


def define_flag(values: flags.FlagValues) -> None:
    """Defines `--verbosity`, whose value `show` takes."""
    help_text = "show what libraries log from this level on; default nothing"
    flags.DEFINE_enum("verbosity", None, [*_LEVELS], help_text, flag_values=values)


def show(verbosity: str | None) -> None:
    """Shows what libraries log from a level on, or nothing of it.

    It has to be called before an engine is imported. Engines read the environment once,
    which processes that this one starts inherit.

    Args:
      verbosity: error, warning, info or debug; None for nothing.
    """
    logging.captureWarnings(True)
    if verbosity is None:
        os.environ.setdefault(_LEVEL, _NOTHING)
        logging.disable(logging.CRITICAL)
        return
    os.environ[_LEVEL] = _LEVELS[verbosity]
    logging.disable(logging.NOTSET)
    logging.basicConfig(level=verbosity.upper())
    absl_logging.set_verbosity(verbosity)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Holds back what is written on stderr inside, where no log is to be seen.

    TensorFlow's C++ code ignores the level while it is imported. So another process
    gets stderr meanwhile. If the import fails, it shows what it got, but for lines of
    logs. It also does so if this process is killed, as where the CPU lacks an
    instruction.
    """
    if os.environ.get(_LEVEL) != _NOTHING or "tensorflow" in sys.modules:
        yield
        return
    reader = subprocess.Popen(
        [sys.executable, "-ISc", _READER],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is not for it
    )
    stderr = os.dup(2)
    os.dup2(reader.stdin.fileno(), 2)  # type: ignore[union-attr]
    try:
        yield
        os.write(2, _FINE)
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        reader.communicate()
