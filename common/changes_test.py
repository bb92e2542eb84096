"""A change to a part of a recipe changes nothing else."""

import dataclasses

from common import changes, data
from tests import small_paper
from tests.parts import differences


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


def test_images_of_another_size_are_resized_to_32_pixels_more_for_the_test():
    recipe = dataclasses.replace(small_paper.FREE, dataset=data.ImageNet())
    assert differences(recipe, changes.image_size(recipe, 380)) == {
        "dataset.image_size": 380,
        "dataset.resize": 412,
    }
