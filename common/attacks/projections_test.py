"""Projections by their defining properties."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from common.attacks import projections

SHAPE = (2, 2, 2, 1)


def floats(low, high):
    return st.floats(low, high, width=32, allow_subnormal=False)  # TensorFlow has none


PIXELS = st.lists(floats(0, 255), min_size=8, max_size=8)
MOVED = st.lists(floats(-300, 600), min_size=8, max_size=8)
RADII = floats(0, 64)


def array(values):
    return tf.constant(values, tf.float32, shape=SHAPE)


@given(delta=MOVED, epsilon=RADII)
def test_linf_is_the_nearest_point_and_idempotent(delta, epsilon):
    delta = array(delta)
    projected = projections.linf(delta, epsilon)
    expected = np.sign(delta) * np.minimum(np.abs(delta), np.float32(epsilon))
    np.testing.assert_allclose(projected, expected, atol=1e-6)
    np.testing.assert_array_equal(projections.linf(projected, epsilon), projected)


@given(images=MOVED)
def test_pixels_are_clipped_to_0_and_255(images):
    clipped = projections.pixels(array(images)).numpy()
    np.testing.assert_array_equal(
        clipped.ravel(), [min(max(value, 0.0), 255.0) for value in np.float32(images)]
    )


@given(images=PIXELS, moved=MOVED, epsilon=RADII)
def test_the_ball_holds_its_projections_and_projects_once(images, moved, epsilon):
    images, moved = array(images), array(moved)
    project = projections.ball(images, epsilon)
    projected = project(moved).numpy()
    assert np.abs(projected - images).max() <= epsilon + 1e-4
    assert projected.min() >= 0 and projected.max() <= 255
    nearest = np.clip(
        moved, np.maximum(images - epsilon, 0), np.minimum(images + epsilon, 255)
    )
    np.testing.assert_allclose(projected, nearest, atol=1e-4)
    np.testing.assert_allclose(project(projected), projected, atol=1e-4)


def test_one_radius_per_image():
    images = np.full(SHAPE, 100.0, np.float32)
    radii = tf.constant([1.0, 8.0], shape=(2, 1, 1, 1))
    project = projections.ball(images, radii)
    projected = project(images + 50.0).numpy()
    np.testing.assert_array_equal(projected[0], np.full(SHAPE[1:], 101.0))
    np.testing.assert_array_equal(projected[1], np.full(SHAPE[1:], 108.0))
    lowered = project(images - 0.5).numpy()
    np.testing.assert_array_equal(lowered, images - 0.5)


@pytest.mark.parametrize(("value", "slope"), [(-3.0, 1), (-8.0, 1), (-8.5, 0), (9, 0)])
def test_no_gradient_passes_where_the_clip_is_active(value, slope):
    delta = tf.constant(value, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(delta)
        clipped = projections.linf(delta, 8.0)
    assert float(tape.gradient(clipped, delta)) == slope


@given(images=MOVED, upstream=MOVED)
def test_pixels_have_the_gradient_of_the_clip(images, upstream):
    images, upstream = array(images), array(upstream)
    found, expected = [], []
    for clip, gradients in (
        (projections.pixels, found),
        (lambda x: tf.clip_by_value(x, 0.0, 255.0), expected),
    ):
        with tf.GradientTape() as tape:
            tape.watch(images)
            clipped = clip(images)
        gradients.append(tape.gradient(clipped, images, upstream))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("bound", [0.0, 255.0])
def test_pixels_at_a_bound_still_have_a_gradient(bound):
    images = array([bound] * 8)
    with tf.GradientTape() as tape:
        tape.watch(images)
        clipped = projections.pixels(images)
    np.testing.assert_array_equal(tape.gradient(clipped, images), array([1.0] * 8))
