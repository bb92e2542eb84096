"""What is measured is there."""

from benchmarks import setting
from free_at import presets


def test_the_recipes_that_are_measured_are_there():
    names = {setting.NATURAL, setting.FREE, setting.PGD_7}
    assert names <= presets.SMALL.keys()
