"""What scale `paper` runs and asks, which no machine of the tests can run.

`tests/kept_scale.txt` holds a line for each recipe, evaluation, row of a table and
comparison of that scale. A recipe is long, so its line is a digest of all its fields,
and that of a row has its reported numbers as well. Write the file again after one was
meant to change, and read the lines that differ:

    python -m tests.kept_scale_test
"""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from common import recipe as recipes
from common.results import packages, reported
from tests import sources

KEPT = pathlib.Path(__file__).with_name("kept_scale.txt")


def lines() -> Iterator[str]:
    """Yields the lines of all papers."""
    for name in sources.PAPERS:
        at = packages.find(name).at("paper")
        for key, recipe in at.recipes.items():
            yield f"{name} recipe {key}: {digest(recipe)}"
        for key, evaluation in at.evaluations.items():
            yield f"{name} evaluation {key}: {digest(evaluation)}"
        if at.paper.tuning:
            yield f"{name} fit: {digest(at.paper.tuning)}"
        yield from _rows(name, at)
        for claim in at.paper.claims:
            yield f"{name} claim {claim.name}: expected at {claim.expected_at}"
            for comparison in claim.at("paper").comparisons:
                title = f"{name} claim {claim.name}: {comparison.title}"
                yield f"{title}; {comparison.bound}"


def _rows(name: str, at: recipes.PaperAtScale) -> Iterator[str]:
    """Yields a line for each row of each table: its cells, and what was reported."""
    known = reported.by_cell(at.paper)
    for table in at.paper.tables:
        rows: dict[str, list[Any]] = {}
        for cell in at.cells(table):
            number = known.get((table.name, cell.row, cell.column))
            said = number and [number.printed, number.source, number.confidence]
            rows.setdefault(cell.row, []).append([cell, said])
        for row, found in rows.items():
            yield f"{name} table {table.name}, {row}: {digest(found)}"


def digest(value: Any) -> str:
    """Returns a digest of all fields of parts, such as a recipe or an evaluation."""
    written = json.dumps(value, sort_keys=True, default=recipes.to_dict)
    return hashlib.sha256(written.encode()).hexdigest()[:12]


def test_recipes_evaluations_and_bounds_are_those_that_were_kept():
    assert list(lines()) == KEPT.read_text("utf-8").splitlines()


if __name__ == "__main__":
    KEPT.write_text("".join(f"{line}\n" for line in lines()), "utf-8")
