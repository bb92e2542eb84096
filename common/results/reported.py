"""The numbers that a paper reported, each with its source and how sure we are of it.

They are data: one `reported.csv` per paper, one cell of a table a line, with the
columns of `FIELDS`. A misspelt row or an impossible number stops the reading, since a
number that silently belongs to no cell would never be compared.
"""

from __future__ import annotations

import csv
import dataclasses
import math
import pathlib
from collections.abc import Iterator

from common import recipe
from common.names import unknown
from common.results import metrics

FIELDS = ("table", "row", "column", "metric", "value", "source", "confidence")
CONFIDENCES = {
    "paper": "read in the paper",
    "author_code": "read in the authors' code or its README",
    "figure": "read off the authors' figure",
    "secondary": "quoted by somebody else",
    "unverified": "remembered, not checked against any source",
}


@dataclasses.dataclass(frozen=True)
class Reported:
    """One reported number.

    Attributes:
      table: name of a `Table` of the paper.
      row: heading of the row.
      column: heading of the column.
      metric: a key of `metrics.METRICS`, which says the unit.
      value: the number.
      printed: the number as printed, with its decimals.
      source: where it was read.
      confidence: a key of `CONFIDENCES`.
      place: `file:line`, for messages.
    """

    table: str
    row: str
    column: str
    metric: str
    value: float
    printed: str
    source: str
    confidence: str
    place: str = dataclasses.field(default="", compare=False)


def read(path: pathlib.Path) -> tuple[Reported, ...]:
    """Returns the records of a `reported.csv` in file order.

    Raises:
      ValueError: with `file:line`: wrong header, missing or empty field, unknown metric
        or confidence, a value that is no number of its metric, or a cell given twice.
    """
    records: dict[tuple[str, str, str], Reported] = {}
    for place, fields in _rows(pathlib.Path(path)):
        record = _record(place, fields)
        key = (record.table, record.row, record.column)
        if key in records:
            raise ValueError(
                f"{place}: cell is already in {records[key].place}. "
                f"Received: {', '.join(key)}"
            )
        records[key] = record
    return tuple(records.values())


def by_cell(paper: recipe.Paper) -> dict[tuple[str, str, str], Reported]:
    """Returns the paper's reported numbers by (table, row, column).

    Raises:
      ValueError: as `read`, or a record that fits no cell of the paper's tables or
        has another metric than its cell.
    """
    tables = {table.name: table for table in paper.tables}
    records = read(paper.reported)
    for record in records:
        if record.table not in tables:
            message = unknown(tables, record.table, f"table of {paper.name}")
            raise ValueError(f"{record.place}: {message}")
        known = {
            (cell.row, cell.column): metrics.name_of(cell)
            for cell in tables[record.table].cells
        }
        if (record.row, record.column) not in known:
            message = unknown(
                [f"{row} | {column}" for row, column in sorted(known)],
                f"{record.row} | {record.column}",
                f"cell of table {record.table}",
            )
            raise ValueError(f"{record.place}: {message}")
        metric = known[record.row, record.column]
        if record.metric != metric:
            raise ValueError(
                f"{record.place}: the table counts {metric} in that cell. "
                f"Received: metric={record.metric}"
            )
    return {(r.table, r.row, r.column): r for r in records}


def _rows(path: pathlib.Path) -> Iterator[tuple[str, dict[str, str]]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if tuple(header) != FIELDS:
            raise ValueError(
                f"{path}:1: expected the header {','.join(FIELDS)}. "
                f"Received: {','.join(header)}"
            )
        for values in reader:
            place = f"{path}:{reader.line_num}"
            if len(values) != len(FIELDS):
                raise ValueError(
                    f"{place}: expected {len(FIELDS)} fields. Received: {len(values)}"
                )
            yield place, dict(zip(FIELDS, values, strict=True))


def _record(place: str, fields: dict[str, str]) -> Reported:
    for name, text in fields.items():
        if not text.strip():
            raise ValueError(f"{place}: {name} must not be empty. Received: {name}=")
    for name, known in (("metric", metrics.METRICS), ("confidence", CONFIDENCES)):
        if fields[name] not in known:
            message = unknown(known, fields[name], name)
            raise ValueError(f"{place}: {message}")
    value = _number(place, fields["metric"], fields["value"])
    texts = {name: text for name, text in fields.items() if name != "value"}
    return Reported(value=value, printed=fields["value"], place=place, **texts)


def _number(place: str, metric: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    unit = metrics.METRICS[metric].unit
    highest = 100.0 if unit == "%" else math.inf
    if not (0 <= value <= highest and math.isfinite(value)):
        rule = {"%": "percent from 0 to 100", "min": "minutes from 0"}.get(unit)
        raise ValueError(
            f"{place}: value must be {rule or 'a ratio from 0'}. Received: value={text}"
        )
    return value
