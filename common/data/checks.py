"""Refuses images and labels that are not what the suite works on."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_images(images: np.ndarray) -> None:
    """Checks the images of a first batch, or of all there are, together.

    Args:
      images: [B, H, W, C], on the host.

    Raises:
      ValueError: they have another number of dimensions, a value is not finite or
        outside [0, 255], they are no numbers, or they look like [0, 1].
    """
    images = np.asarray(images)
    check_numbers(images)
    check_rank(images)
    check_range(images)
    check_unit(images)


def check_numbers(images: Any) -> None:
    """Checks that images are numbers.

    Args:
      images: array or tensor.

    Raises:
      ValueError: they are text, truth values or anything else.
    """
    kind = getattr(images.dtype, "name", str(images.dtype))
    if not ("int" in kind or "float" in kind):
        raise ValueError(
            f"Images must be numbers, pixels in [0, 255]. Received: dtype={kind}"
        )


def check_as_many(images: Any, labels: Any) -> None:
    """Checks that there is a label for each image.

    Args:
      images: [B, ...], array or tensor.
      labels: likewise.

    Raises:
      ValueError: names both numbers.
    """
    if images.shape[0] != labels.shape[0]:
        raise ValueError(
            "Each image has one label. "
            f"Received: {images.shape[0]} images and {labels.shape[0]} labels"
        )


def check_rank(images: Any) -> None:
    """Checks that images are a batch of height, width and channels.

    Args:
      images: array or tensor.

    Raises:
      ValueError: it has another number of dimensions.
    """
    if len(images.shape) != 4:
        raise ValueError(
            "Images must be a batch [B, H, W, C]: a dataset needs .batch(250), once; "
            "gray images have C = 1. "
            f"Received: shape={tuple(images.shape)}"
        )


def check_range(images: np.ndarray) -> None:
    """Checks that images are finite and pixels in [0, 255].

    Args:
      images: of any shape, on the host.

    Raises:
      ValueError: a value is not.
    """
    if not images.size:
        return
    low, high = float(images.min()), float(images.max())
    received = f"Received: min={low:g}, max={high:g}"
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(
            f"Images must be finite, in [0, 255]. {received}. Look for broken files in "
            "the dataset"
        )
    if low < 0 or high > 255:
        raise ValueError(
            f"Images must be pixels in [0, 255]. {received}. Undo the normalisation "
            "(the network does it) and multiply by 255 if they are in units of 1"
        )


def check_unit(images: np.ndarray) -> None:
    """Checks that images in [0, 255] were not divided by 255.

    One dark photograph can look so; a batch of photographs does not.

    Args:
      images: of any shape, on the host.

    Raises:
      ValueError: no value is above 1.5, and not all are 0.
    """
    if not images.size:
        return
    low, high = float(images.min()), float(images.max())
    if low >= 0 and 0 < high <= 1.5:
        raise ValueError(
            "Images must be pixels in [0, 255]; these look like [0, 1]. "
            f"Received: min={low:g}, max={high:g}. Multiply them by 255"
        )


def check_classes(labels: Any) -> None:
    """Checks that labels have the form of class numbers.

    Args:
      labels: array or tensor; [B], or [B, 1] as `keras.datasets` gives them.

    Raises:
      ValueError: they are not integers, or of another shape.
    """
    kind, shape = getattr(labels.dtype, "name", str(labels.dtype)), tuple(labels.shape)
    if len(shape) != 1 and shape[1:] != (1,):
        raise ValueError(
            "Labels must have shape [B], one number for each image; of one-hot rows "
            f"take np.argmax(labels, -1). Received: shape={shape}"
        )
    if "int" not in kind:
        raise ValueError(
            "Labels must be integers, the numbers of the classes. "
            f"Received: dtype={kind}, shape={shape}"
        )


def check_labels(labels: np.ndarray, num_classes: int) -> None:
    """Checks that labels are classes.

    Args:
      labels: integers [B], on the host.
      num_classes: of the dataset and the network.

    Raises:
      ValueError: a label is outside [0, num_classes).
    """
    labels = np.asarray(labels)
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if wrong.size:
        raise ValueError(
            f"Labels must be in [0, {num_classes}): they count the classes from 0; set "
            "the dataset that the network is for. "
            f"Received: label={wrong[0]}, num_classes={num_classes}"
        )
