"""Training and test images of somebody's, told apart by a hash, and their classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

GIVEN, BY_HASH = "given", "a tenth by hash"  # as the record says it
_SHARE = 10  # of so many images one is held out, on average


def held_out(numbers: Iterable[int], name: str) -> np.ndarray:
    """Returns bool [n]: which images are test images.

    Args:
      numbers: int [n], the hash of each image.
      name: of the images, for the error.

    Raises:
      ValueError: no training or no test image is left; names the numbers.
    """
    chosen = np.array([number % _SHARE == 0 for number in numbers], bool)
    if chosen.all() or not chosen.any():
        raise ValueError(
            "A tenth of the images is held out for the test, which must leave some on "
            "both sides: bring a test set, in folders train/ and test/ or as x_test "
            f"and y_test. Received: {name} with {len(chosen)} images, of which "
            f"{chosen.sum()} were held out"
        )
    return chosen


def check_labels(
    train: np.ndarray, every: np.ndarray, classes: Sequence[str] = ()
) -> None:
    """Refuses labels that are not those of classes counted from 0, each with images.

    Args:
      train: int [n], of the training images.
      every: int [m], of all images.
      classes: their names, where they have some.

    Raises:
      ValueError: names what is wrong.
    """
    present = np.unique(every)
    if len(classes or present) == 1:
        what = classes[0] if classes else f"label={present[0]}"
        raise ValueError(
            "A classifier needs two classes or more; each folder of images is one. "
            f"Received: one class alone, {what}"
        )
    if present[0] < 0 or (present[0] > 0 and not classes):
        raise ValueError(
            "Labels count the classes from 0. Subtract the first from all, or bring "
            "images of the classes that are missing. "
            f"Received: labels from {present[0]} to {present[-1]}"
        )
    count = len(classes) or present[-1] + 1
    if present[-1] >= count:
        raise ValueError(
            f"Labels must be in [0, {count}). Received: label={present[-1]}, "
            f"{count} classes"
        )
    empty = np.flatnonzero(np.bincount(train, minlength=count) == 0)
    if empty.size:
        first = classes[empty[0]] if classes else f"label={empty[0]}"
        raise ValueError(
            "Every class needs training images; take the class away, or bring some. "
            f"Received: {first}, without a training image"
        )
