"""Refuses images and labels that are not what the suite works on."""

from __future__ import annotations

import numpy as np


def check_images(images: np.ndarray) -> None:
    """Checks that images are finite and look like pixels in [0, 255].

    Args:
      images: [B, H, W, C], on the host.

    Raises:
      ValueError: a value is not finite or outside [0, 255], or all are in [0, 1] and
        some between the two, as in images that were divided by 255.
    """
    images = np.asarray(images)
    if not images.size:
        return
    low, high = float(images.min()), float(images.max())
    received = f"Received: min={low:g}, max={high:g}"
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(
            f"Images must be finite. {received}. Look for broken files in the dataset"
        )
    if low >= 0 and high <= 1 and np.any(images != np.round(images)):
        raise ValueError(
            "Images must be pixels in [0, 255]; these look like [0, 1]. "
            f"{received}. Multiply them by 255"
        )
    if low < 0 or high > 255:
        raise ValueError(
            f"Images must be pixels in [0, 255]. {received}. Undo the normalisation "
            "(the network does it) and multiply by 255 if they are in units of 1"
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
            f"Labels must be in [0, {num_classes}). Received: label={wrong[0]}, "
            f"num_classes={num_classes}. Set the dataset that the network is for"
        )
