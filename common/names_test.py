"""Names that are known, and the nearest to those that are not."""

import pytest

from common.names import lookup


def test_lookup_names_the_nearest_or_all():
    known = {"cifar10_free_8": 1, "cifar10_natural": 2}
    assert lookup(known, "cifar10_natural", "recipe") == 2
    with pytest.raises(ValueError) as error:
        lookup(known, "cifar10_free8", "recipe")
    assert str(error.value) == (
        "Unknown recipe. Received: cifar10_free8. Nearest: cifar10_free_8"
    )
    with pytest.raises(ValueError, match="Known: cifar10_free_8, cifar10_natural"):
        lookup(known, "zzz", "recipe")
