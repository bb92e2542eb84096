"""Files that are whole or not there, lines in the writing, and named arrays."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import json
import os
import pathlib
import platform
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

import numpy as np

from common import errors


@contextlib.contextmanager
def whole(path: pathlib.Path) -> Iterator[IO[bytes]]:
    """Gives a file to write, which takes the place of `path` when it is written.

    Args:
      path: of the file; its folder is made. What was there stays if writing fails.

    Raises:
      RunError: the disk is full.
    """
    with room(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        begun = partial(path)
        try:
            with open(begun, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(begun, path)
        except BaseException:
            begun.unlink(missing_ok=True)
            raise


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a text file, whole; see `whole`."""
    with whole(path) as file:
        file.write(text.encode())


@contextlib.contextmanager
def placed(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a hidden place near `path` to write, which takes its place in the end.

    As `whole`, for writers that open the file, or make the folder, themselves.

    Args:
      path: of the file or folder; the hidden one has the same name.

    Raises:
      RunError: the disk is full.
    """
    with room(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
            hidden = pathlib.Path(folder) / path.name
            yield hidden
            os.replace(hidden, path)


def check_folder(folder: pathlib.Path, flag: str) -> None:
    """Refuses a folder in which nothing can be written, before there is work to lose.

    Raises:
      ValueError: names the flag.
    """
    place = folder.absolute()
    there = next(part for part in (place, *place.parents) if part.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        raise ValueError(
            f"--{flag} must name a place that can be written. "
            f"Received: --{flag}={folder}, but {there} is no folder that can be written"
        )


def check_file(path: pathlib.Path, flag: str) -> None:
    """Refuses a file that cannot be written, before there is work to lose.

    Raises:
      ValueError: names the flag.
    """
    if path.is_dir():
        raise ValueError(
            f"--{flag} must name a file. Received: --{flag}={path}, which is a folder"
        )
    check_folder(path.parent, flag)


def partial(path: pathlib.Path) -> pathlib.Path:
    """Returns the file that this process writes before it takes the place of `path`."""
    return path.with_name(f"{path.name}.{platform.node()}-{os.getpid()}.partial")


def remove_partial(folder: pathlib.Path, name: str = "") -> None:
    """Removes what processes left in a folder that were killed while they wrote.

    Args:
      folder: in which no other process is writing these files.
      name: of the files; all if it is empty.
    """
    for path in folder.glob(f"{glob.escape(name)}*.partial"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(folder: pathlib.Path) -> Iterator[None]:
    """Keeps other processes of this machine that ask for it out of a folder.

    Args:
      folder: is made.

    Raises:
      RunError: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        if not _locked(handle, folder):
            raise errors.RunError(
                "Another process is writing this run; wait for its end, or take "
                f"another --workdir. Received: {folder}"
            )
        yield
    finally:
        os.close(handle)


def _locked(handle: int, folder: pathlib.Path) -> bool:
    """Whether this process has the folder now, or there are no locks.

    One that was removed after it was opened is nobody's, and another may be there.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle), os.stat(folder))
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:
        return True  # a file system without locks


@contextlib.contextmanager
def claimed(folder: pathlib.Path) -> Iterator[None]:
    """As `alone`, with a folder that is there for this only and is removed."""
    with alone(folder):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # without locks another may have it
                folder.rmdir()


@contextlib.contextmanager
def room(folder: pathlib.Path) -> Iterator[None]:
    """Raises a `RunError` of one line where the disk is full.

    Args:
      folder: to which is written inside.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise errors.RunError(
            f"No space is left in {folder}; what was finished is kept. Make room, and "
            f"the same command goes on. Received: {error.strerror}"
        ) from error


def json_lines(path: pathlib.Path) -> list[dict[str, Any]]:
    """Returns the JSON objects of a file that has one a line; none if it is not there.

    A last line that is cut short is left out: a run may be writing it just now, or have
    been killed while it did.

    Raises:
      ValueError: another line is no JSON object.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    lines = text.splitlines()
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            value = json.loads(line) if line.strip() else {}
        except json.JSONDecodeError:
            value = None
        if isinstance(value, dict):
            found += [value] if value else []
        elif number < len(lines):
            raise ValueError(
                f"{path} is damaged; remove the broken line. Received: line {number}"
            )
    return found


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """Returns the JSON object of a file.

    Raises:
      ValueError: it is broken, or no object; names the file.
    """
    text = path.read_text(encoding="utf-8")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}: broken or half-written JSON ({error}). "
            "Delete it and run the command that writes it again"
        ) from None
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object. Received: {text[:40]}")
    return value


def load_arrays(path: pathlib.Path, *names: str) -> dict[str, np.ndarray]:
    """Returns named arrays of an `.npz` file.

    Raises:
      ValueError: the file is missing or broken, or lacks a name.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            loaded = {name: arrays[name] for name in arrays.files}
    except Exception as error:  # a damaged archive raises almost anything
        raise ValueError(
            f"{path}: cannot be read as arrays ({error}). "
            "If it is damaged, delete it and run the command that writes it again"
        ) from None
    for name in names:
        named(loaded, name, path)
    return loaded


def named(
    arrays: Mapping[str, np.ndarray], name: str, path: pathlib.Path
) -> np.ndarray:
    """Returns one of the arrays of a file, or raises a ValueError that names both."""
    if name not in arrays:
        raise ValueError(
            f"{path}: expected an array {name}. Received: {', '.join(arrays)}"
        )
    return arrays[name]
