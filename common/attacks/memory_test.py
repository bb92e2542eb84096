"""What is remembered of iterates."""

import numpy as np
import tensorflow as tf

from common.attacks import memory

LABELS = np.zeros(4, np.int32)


def images(value):
    return tf.fill([4, 2, 2, 1], float(value))


def logits(*wrong):
    """Logits of four images: right, or wrong where it says so, or no numbers."""
    rows = {False: [1.0, 0.0], True: [0.0, 1.0], None: [np.nan, 0.0]}
    return tf.constant([rows[is_wrong] for is_wrong in wrong])


def test_the_last_iterate_that_fools_is_remembered():
    seen = memory.begin(images(0))
    steps = [
        (False, True, True, False),
        (False, True, False, False),
        (False, False, False, None),
    ]
    for value, wrong in enumerate(steps, start=1):
        seen = seen.after(images(value), LABELS, logits(*wrong))
    assert seen.fooled.numpy().tolist() == [False, True, True, True]
    shown = seen.or_else(images(9)).numpy()
    assert shown[:, 0, 0, 0].tolist() == [9, 2, 1, 3]
    assert shown.shape == (4, 2, 2, 1)


def test_equal_logits_are_right_for_the_lower_class():
    equal = tf.zeros([4, 2])
    for label, is_fooled in ((0, False), (1, True)):
        seen = memory.begin(images(0)).after(images(1), LABELS + label, equal)
        assert (seen.fooled.numpy() == is_fooled).all()


def test_a_blank_has_the_form_of_a_memory():
    blank, seen = memory.blank(np.zeros((4, 2, 2, 1), np.float32)), memory.begin
    for ours, theirs in zip(blank, seen(images(0)), strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype.as_numpy_dtype)
