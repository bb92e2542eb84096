"""What scale `paper` runs and asks, which no machine of the tests can run.

`tests/kept_scale.txt` holds a line for each recipe, evaluation and comparison of that
scale. A recipe is long, so its line is a digest of all its fields. Write the file again
after one was meant to change, and read the lines that differ:

    python -m tests.kept_scale_test
"""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from common import recipe as recipes
from common.results import packages
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
        for claim in at.paper.claims:
            for comparison in claim.at("paper").comparisons:
                title = f"{name} claim {claim.name}: {comparison.title}"
                yield f"{title}; {comparison.bound}"


def digest(value: Any) -> str:
    """Returns a digest of all fields of a recipe, an evaluation or a `Tuning`."""
    written = json.dumps(value, sort_keys=True, default=recipes.to_dict)
    return hashlib.sha256(written.encode()).hexdigest()[:12]


def test_recipes_evaluations_and_bounds_are_those_that_were_kept():
    assert list(lines()) == KEPT.read_text("utf-8").splitlines()


if __name__ == "__main__":
    KEPT.write_text("".join(f"{line}\n" for line in lines()), "utf-8")
