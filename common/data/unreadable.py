"""Files that cannot be read: named, in one line, by what goes through a pipeline.

TensorFlow's errors say which operation failed, not on which file. `loaded` passes over
what fails, sees the gap, and fails there with the name; `named` takes it from the error
and looks at the file. What can be read passes at its old speed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from common.data import decoding, pipeline
from common.data.lazy import tf

RECORDS = ".tfrecord"  # in the names of the files that TFDS writes

_FAILED = re.compile(r"cannot be read: <(.*)> \(end of the name\)", re.DOTALL)
_FORMATS = {  # how other files begin
    rb"GIF8": "a GIF",
    rb"BM": "a BMP",
    rb"II\*\0|MM\0\*": "a TIFF",
    rb"RIFF....WEBP": "a WebP",
    rb"....ftyp": "a HEIF or AVIF",
    rb"(\xef\xbb\xbf)?\s*<": "HTML or XML",
    re.escape(decoding.JPEG): "a JPEG that is damaged or cut short",
    re.escape(decoding.PNG): "a PNG that is damaged or cut short",
}


def loaded(rows: Any, load: Callable[..., Any], file: Callable[..., Any]) -> Any:
    """Maps rows in parallel, keeps the order, and names the file of one that fails.

    Args:
      rows: a `tf.data.Dataset`.
      load: parts of a row -> tensors of static shapes, in a graph.
      file: likewise -> the name of the file that `load` reads, a string scalar.
    """

    def numbered(number: Any, row: Any) -> tuple[Any, Any]:
        return number, load(*tf.nest.flatten(row))

    def checked(wanted: Any, found: Any) -> Any:
        number, row = wanted
        words = [
            "cannot be read: <",
            file(*tf.nest.flatten(row)),
            "> (end of the name)",
        ]
        told = tf.strings.join(words)
        is_there = tf.debugging.Assert(number == found[0], [told])
        with tf.control_dependencies([is_there]):
            return tf.nest.map_structure(tf.identity, found[1])

    good = pipeline.parallel(rows.enumerate(), numbered).ignore_errors()
    # Stands where a row is missing if the last one fails.
    last = tf.nest.map_structure(
        lambda x: tf.zeros(x.shape, x.dtype), good.element_spec
    )
    gap = (tf.constant(-1, tf.int64), last[1])
    good = good.concatenate(tf.data.Dataset.from_tensors(gap))
    return tf.data.Dataset.zip(rows.enumerate(), good).map(checked)


def batches(dataset: Iterable[Any]) -> Iterator[Any]:
    """Yields the batches of a dataset, those of TensorFlow as NumPy arrays.

    Raises:
      OSError: as `named`.
    """
    with named():
        as_arrays = getattr(dataset, "as_numpy_iterator", None)
        yield from as_arrays() if as_arrays else iter(dataset)


@contextlib.contextmanager
def named() -> Iterator[None]:
    """Makes the failure of a pipeline of `loaded` one that names the file.

    Raises:
      OSError: a file cannot be read; says what it is, or that it can be read now.
    """
    try:
        yield
    except Exception as error:
        failed = _FAILED.search(str(error))
        if not failed:
            raise
        path = failed[1]
        raise (_passing(path) if _is_whole(path) else described(path)) from None


def _is_whole(path: str) -> bool:
    """Whether a file is a photograph that can be read."""
    try:
        decoding.image(tf.io.read_file(path))
    except tf.errors.OpError:
        return False
    return True


def _passing(path: str) -> OSError:
    """Returns the error of a photograph that could not be read, and now can."""
    return OSError(
        "A photograph could not be read, but can be now, so the disk or the memory "
        f"failed for a moment: give the same command again. Received: file={path}"
    )


def described(path: str) -> OSError:
    """Returns the error of a file that cannot be read."""
    if RECORDS in os.path.basename(path):
        return OSError(
            "Expected records as TFDS writes them; prepare the dataset again. "
            f"Received: file={path}, which is "
            f"{'damaged or cut short' if os.path.exists(path) else 'not there'}"
        )
    return OSError(
        "Expected a whole JPEG or PNG file; replace it or take it away. "
        f"Received: file={path}, which is {_contents(path)}"
    )


def _contents(path: str) -> str:
    """Returns what a file is, in a few words."""
    if os.path.islink(path) and not os.path.exists(path):
        return "a link to a file that is not there"
    try:
        with open(path, "rb") as file:
            head = file.read(256)
    except IsADirectoryError:
        return "a folder"
    except OSError as error:
        return f"closed to reading ({error.strerror})"
    if not head:
        return "empty"
    known = (name for first, name in _FORMATS.items() if re.match(first, head, re.S))
    return next(known, "text" if head.isascii() and b"\0" not in head else "neither")
