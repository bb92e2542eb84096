"""Labels that are no classes, and splits that leave nothing."""

import numpy as np
import pytest

from common.foreign import splits


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 0], (), "one class alone, label=0"),
        ([0], ("cat",), "one class alone, cat"),
        ([1, 2, 3], (), "Labels count the classes from 0.*labels from 1 to 3"),
        ([-1, 0], (), "labels from -1 to 0"),
        ([0, 2], (), "label=1, without a training image"),
        ([0, 2], ("a", "b", "c"), "b, without a training image"),
        ([0, 1, 2], ("a", "b"), "label=2, 2 classes"),
    ],
)
def test_labels_that_are_not_of_classes_with_images_are_refused(
    labels, classes, message
):
    with pytest.raises(ValueError, match=message) as caught:
        splits.check_labels(np.array(labels), np.array(labels), classes)
    assert "\n" not in str(caught.value)


def test_a_class_needs_training_images_and_no_test_images():
    splits.check_labels(np.array([0, 1, 2]), np.array([0, 1, 2, 0]))
    with pytest.raises(ValueError, match="label=2, without a training image"):
        splits.check_labels(np.array([0, 1]), np.array([0, 1, 2]))


def test_a_tenth_is_held_out_and_some_on_both_sides():
    numbers = np.random.default_rng(0).integers(0, 2**32, 4000).tolist()
    assert abs(splits.held_out(numbers, "many").mean() - 0.1) < 0.02
    with pytest.raises(ValueError, match=r"few with 3 images, of which 0 were held"):
        splits.held_out([1, 2, 3], "few")
