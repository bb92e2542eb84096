"""Tests of the digits."""

import numpy as np
from sklearn import datasets

from common import data


def test_the_last_500_of_1797_are_the_test_set():
    published = datasets.load_digits()
    train = data.Digits().train_slice(data.Digits.num_train)
    test = next(data.Digits().test_batches(batch_size=500).as_numpy_iterator())
    images = np.concatenate([train[0], test[0]])
    labels = np.concatenate([train[1], test[1]])
    assert (len(train[0]), len(test[0])) == (1_297, 500)
    np.testing.assert_array_equal(labels, published.target)
    np.testing.assert_allclose(images[..., 0], published.images / 16 * 255, atol=1e-5)


def test_pixels_span_0_to_255():
    images, labels = data.Digits().train_slice(1_297)
    assert images.shape == (1_297, 8, 8, 1)
    assert (images.min(), images.max()) == (0, 255)
    assert set(labels) == set(range(10))
