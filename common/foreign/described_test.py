"""The fields of a dataset of anybody's: what is recorded and what is refused."""

import pytest

from common import overrides
from common import recipe as recipes
from common.foreign.arrays import Arrays


def test_the_record_has_what_tells_images_apart_and_not_the_images():
    data = Arrays(name="mine", image_shape=(4, 6, 1), examples={"train": ()})
    record = recipes.to_dict(data)
    assert (record["name"], record["image_shape"]) == ("mine", [4, 6, 1])
    assert "examples" not in record
    assert (data.image_size, data.channels) == (6, 1)
    assert overrides.agrees(record, Arrays(name="mine", image_shape=(4, 6, 1)))
    with pytest.raises(ValueError, match="Nearest"):
        overrides.override(data, ["examples=1"])


def test_padding_is_not_negative():
    with pytest.raises(ValueError, match="Received: padding=-1"):
        Arrays(padding=-1)
