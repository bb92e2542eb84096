import numpy as np
import tensorflow as tf
from keras import ops

from common.models import normalization


def test_per_image_equals_tensorflow():
    images = np.random.default_rng(0).uniform(0, 255, (3, 8, 7, 3)).astype("float32")
    images[1] = 77.0  # constant: the bound of the deviation acts
    images[2, 0, 0, 0] = 0.01
    images[2] *= 0.001
    np.testing.assert_allclose(
        normalization.per_image(images),
        tf.image.per_image_standardization(images),
        atol=1e-4,
    )


def gradient(function, images):
    weights = np.random.default_rng(1).normal(size=images.shape)
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = ops.sum(function(images) * weights)
    return tape.gradient(loss, images)


def test_the_gradient_of_per_image_equals_tensorflow():
    images = np.random.default_rng(0).uniform(0, 255, (3, 8, 7, 3)).astype("float32")
    images[1] *= 0.0005  # its deviation is below the bound
    images = tf.constant(images)
    np.testing.assert_allclose(
        gradient(normalization.per_image, images),
        gradient(tf.image.per_image_standardization, images),
        rtol=1e-5,
        atol=1e-6,
    )


def test_per_image_of_a_constant_image_has_a_finite_gradient():
    images = tf.fill((1, 4, 4, 3), 128.0)
    assert np.isfinite(gradient(normalization.per_image, images)).all()


def test_imagenet_statistics_become_zero_and_one():
    mean = np.array([0.485, 0.456, 0.406]) * 255
    stddev = np.array([0.229, 0.224, 0.225]) * 255
    images = np.stack([mean, mean + stddev]).reshape(2, 1, 1, 3)
    expected = np.stack([np.zeros(3), np.ones(3)]).reshape(2, 1, 1, 3)
    np.testing.assert_allclose(normalization.imagenet(images), expected, atol=1e-5)


def test_symmetric_pixels_are_between_minus_one_and_one():
    images = np.array([0.0, 127.5, 255.0]).reshape(1, 1, 3, 1)
    expected = np.array([-1.0, 0.0, 1.0]).reshape(1, 1, 3, 1)
    np.testing.assert_allclose(normalization.symmetric(images), expected, atol=1e-7)
