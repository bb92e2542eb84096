"""Folders of photographs, one for each class: their order, and what is in them."""

from __future__ import annotations

import collections
import os
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

SUFFIXES = (".jpeg", ".jpg", ".png")
SHOWN = 3  # names in a line or record
_NUMBER = re.compile(r"([0-9]+)")


def classes(path: str, order: str = "") -> tuple[str, ...]:
    """Returns the names of the class folders in a folder, in the order of the classes.

    Args:
      path: of the folder; where it is not there, there are none.
      order: `sorted` as text, `numeric` with 10 behind 2, a text file with a name a
        line, or empty where the first two are the same.

    Raises:
      FileNotFoundError: there is no such text file.
      ValueError: the order has to be said, or the file does not name every folder once.
    """
    found = sorted(entry.name for entry in _seen(path) if entry.is_dir())
    numeric = sorted(found, key=_numbers)
    if order not in ("", "sorted", "numeric"):
        return _in_file(pathlib.Path(order).expanduser(), path, found)
    if order == "" and found != numeric:
        pairs = enumerate(zip(found, numeric, strict=True))
        number, (one, other) = next(item for item in pairs if len(set(item[1])) > 1)
        raise ValueError(
            "Say the order of the class folders: classes=sorted, numeric, or a text "
            "file with a folder a line (in study and fit behind ?, in train with --set "
            f"dataset.classes=). Received: folder={path}, where class {number} is "
            f"{one} sorted as text and {other} as numbers"
        )
    return tuple(numeric if order == "numeric" else found)


def photographs(
    path: str, names: Iterable[str]
) -> tuple[list[list[str]], dict[str, int]]:
    """Returns the photographs of every class folder, and what else there is.

    Args:
      path: of the folder that has the class folders.
      names: of the class folders; one that is not there has no photograph.

    Returns:
      The sorted names of the files of each class, and how many things of which kind
      are left out: suffixes of files, `folders`, and with `outside` those beside the
      class folders. Hidden ones are not counted.
    """
    files: list[list[str]] = []
    left_out: collections.Counter[str] = collections.Counter()
    for name in names:
        files.append([])
        for entry in _seen(os.path.join(path, name)):
            # A link to a folder is taken for a file: to follow all links takes time.
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_photograph(entry.name) and not is_folder:
                files[-1].append(entry.name)
            else:
                left_out["folders" if is_folder else kind(entry.name)] += 1
        files[-1].sort()
    beside = (entry for entry in _seen(path) if not entry.is_dir())
    left_out.update(f"{kind(entry.name)} outside" for entry in beside)
    return files, dict(sorted(left_out.items()))


def is_photograph(name: str) -> bool:
    """Whether a file of that name is read."""
    return name.lower().endswith(SUFFIXES)


def kind(name: str) -> str:
    """Returns what a file is counted under: its suffix, in small letters."""
    return os.path.splitext(name)[1].lower() or "no suffix"


def say(path: str, left_out: Mapping[str, int], empty: Sequence[str] = ()) -> None:
    """Prints what of a folder is not read, and its classes without a photograph."""
    if left_out:
        counts = ", ".join(f"{count} {what}" for what, count in left_out.items())
        print(f"{path}: not read: {counts}", flush=True)
    if empty:
        more = ", ..." if len(empty) > SHOWN else ""
        names = f"{', '.join(empty[:SHOWN])}{more}"
        print(f"{path}: {len(empty)} classes have no photograph: {names}", flush=True)


def _seen(path: str) -> list[os.DirEntry[str]]:
    if not os.path.isdir(path):
        return []
    with os.scandir(path) as entries:
        return [entry for entry in entries if entry.name[0] != "."]


def _numbers(name: str) -> list[str | int]:
    """Returns a key that orders the numbers in names by value."""
    parts = _NUMBER.split(name)  # text and numbers take turns
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]


def _in_file(file: pathlib.Path, path: str, found: list[str]) -> tuple[str, ...]:
    """Returns the names in a text file, among which are the folders found."""
    if not file.is_file():
        raise FileNotFoundError(
            "classes= takes sorted, numeric, or a text file with a folder a line. "
            f"Received: classes={file}, which is not there"
        )
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"The classes must be text in UTF-8. Received: {file}, {error.reason}"
        ) from None
    names = [line.strip() for line in lines if line.strip()]
    twice = [name for name, count in collections.Counter(names).items() if count > 1]
    missing = [name for name in found if name not in names]
    if twice or missing:
        what = f"{twice[0]} twice" if twice else f"{missing[0]} not"
        raise ValueError(
            f"{file} must name every class folder of {path} once. Received: {what}"
        )
    return tuple(names)
