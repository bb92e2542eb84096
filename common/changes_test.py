"""A change to a part of a recipe changes nothing else."""

import dataclasses

from common import changes
from tests import small_paper


def test_one_field_of_a_part_is_changed():
    recipe = small_paper.FREE
    for change, part, value in (
        (changes.network, "network", {"activation": "silu"}),
        (changes.method, "method", {"num_replays": 7}),
    ):
        found = change(recipe, **value)
        expected = dataclasses.replace(getattr(recipe, part), **value)
        assert getattr(found, part) == expected != getattr(recipe, part)
        assert dataclasses.replace(found, **{part: getattr(recipe, part)}) == recipe
