"""`labels.csv`: the photographs of a folder and their classes, one a row."""

from __future__ import annotations

import csv
import io
import pathlib
import posixpath
import re

_COLUMNS = ("file", "class_index")
_INDEX = re.compile(r"[0-9]{1,9}(\.0*)?", re.ASCII)  # 3.0 is what pandas makes of 3


def read(table: pathlib.Path, split: str = "") -> list[tuple[str, int]]:
    """Returns file and class of the rows, without those outside the split.

    Args:
      table: a CSV in UTF-8 with the columns `file`, a path within the folder of the
        table, and `class_index`; others are not read.
      split: a folder beside the table; empty for all rows.

    Raises:
      FileNotFoundError: a file is missing; names the row, as the other errors do.
      ValueError: not such a table, a row without the two, a class that is no number, a
        file outside the folder, or one that stands there twice.
    """
    inside = f"{posixpath.normpath(split)}/" if split else ""
    places: dict[str, str] = {}
    rows = []
    for place, row in _rows(table):
        name, index = _checked(row, place)
        if name in places:
            raise ValueError(
                f"Each file has one row. Received: {place}: file={name}, as in "
                f"{places[name]}"
            )
        places[name] = place
        if not name.startswith(inside):
            continue
        if not (table.parent / name).is_file():
            raise FileNotFoundError(f"{place}: there is no file. Received: file={name}")
        rows.append((name, index))
    return rows


def escapes(path: str) -> bool:
    """Whether a path is outside the folder that it is given in."""
    return posixpath.isabs(path) or posixpath.normpath(path).split("/")[0] == ".."


def _rows(table: pathlib.Path) -> list[tuple[str, dict[str, str]]]:
    """Returns the place of every row that is not blank, and its cells by column."""
    text = io.StringIO(_text(table), newline="")
    reader = csv.reader(text, skipinitialspace=True, strict=True)
    rows = []
    columns: list[str] = []
    try:
        for cells in reader:
            place = f"{table}, line {reader.line_num}"
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if not columns:
                columns = _checked_columns(cells, table)
                continue
            if len(cells) < len(columns) or any(cells[len(columns) :]):
                raise ValueError(
                    f"{place}: expected {len(columns)} cells. Received: {len(cells)}"
                )
            rows.append((place, dict(zip(columns, cells, strict=False))))
    except csv.Error as error:
        raise ValueError(f"{table}, line {reader.line_num}: {error}") from None
    _checked_columns(columns, table)
    return rows


def _text(table: pathlib.Path) -> str:
    content = table.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{table}, line {line}: the table must be in UTF-8; save it again as such. "
            f"Received: {content[error.start : error.start + 1]!r}"
        ) from None


def _checked_columns(columns: list[str], table: pathlib.Path) -> list[str]:
    if any(columns.count(name) != 1 for name in _COLUMNS):
        raise ValueError(
            f"{table} must have the columns file and class_index. "
            f"Received: {', '.join(columns)}"
        )
    return columns


def _checked(row: dict[str, str], place: str) -> tuple[str, int]:
    """Returns file and class of a row."""
    name, index = (row[column] for column in _COLUMNS)
    if not name or escapes(name):
        raise ValueError(
            f"{place}: file must be a path within the folder. Received: file={name}"
        )
    if not _INDEX.fullmatch(index):
        raise ValueError(
            f"{place}: class_index must be a number from 0 on. "
            f"Received: class_index={index}"
        )
    return posixpath.normpath(name), int(float(index))
