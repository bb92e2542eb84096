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


WEIGHTS = st.lists(floats(-4, 4), min_size=8, max_size=8)


def length(image, normal, rise):
    """The smallest largest change by which normal rises as asked, bisected."""
    direction = np.sign(normal) * np.sign(rise)
    room = np.where(direction > 0, 255 - image, image)
    low, high = 0.0, 255.0
    for _ in range(60):
        middle = (low + high) / 2
        enough = (np.abs(normal) * np.minimum(room, middle)).sum() >= abs(rise)
        low, high = (low, middle) if enough else (middle, high)
    return direction * np.minimum(room, high)


@given(
    images=PIXELS,
    normal=WEIGHTS,
    rises=st.lists(floats(-1500, 1500), min_size=2, max_size=2),
)
def test_the_change_to_a_hyperplane_is_the_smallest_within_the_pixels(
    images, normal, rises
):
    images, normal = array(images), array(normal)
    change = projections.hyperplane(images, normal, tf.constant(rises)).numpy()
    moved = images + change
    assert moved.numpy().min() >= 0 and moved.numpy().max() <= 255
    for image, weights, rise, found in zip(images, normal, rises, change, strict=True):
        image, weights = np.float64(image), np.float64(weights)
        exact = length(image, weights, rise)
        # Where weights are small, a length is known less well than what it gains.
        assert (weights * found).sum() == pytest.approx(
            (weights * exact).sum(), abs=1e-2
        )
        assert np.abs(found).max() <= np.abs(exact).max() + 1e-2


@pytest.mark.parametrize("side", [1, 9, 60])
@pytest.mark.parametrize("share", [1e-4, 0.1, 0.5, 0.99])
def test_the_change_to_a_hyperplane_is_exact_to_a_thousandth_of_a_pixel(side, share):
    rng = np.random.default_rng(side)
    images = rng.integers(0, 256, (6, side, side, 3)).astype(np.float32)
    images[:2, : side // 2] = [[[[0]]], [[[255]]]]  # pixels with no room on one side
    normal = rng.normal(size=images.shape).astype(np.float32)
    most = np.where(normal > 0, 255 - images, images) * np.abs(normal)
    rise = (share * most.sum((1, 2, 3))).astype(np.float32)
    change = projections.hyperplane(images, normal, tf.constant(rise))
    expected = [*map(length, np.float64(images), np.float64(normal), rise)]
    np.testing.assert_allclose(change, expected, atol=1e-3)


def test_the_change_to_a_hyperplane_in_closed_form():
    """One pixel has room for 5, and the others share what is left to gain."""
    images = np.full((4, 1, 1, 3), 100.0, np.float32)
    images[:, 0, 0, 0] = 250.0
    normal = np.tile(np.float32([1.0, 2.0, -1.0]), (4, 1, 1, 1))
    normal[3] = 0.0
    rise = tf.constant([8.0, 35.0, -20.0, 1.0])
    change = projections.hyperplane(images, normal, rise).numpy()[:, 0, 0]
    expected = [[2, 2, -2], [5, 10, -10], [-5, -5, 5], [0, 0, 0]]
    np.testing.assert_allclose(change, expected, rtol=1e-6)
    unreachable = projections.hyperplane(images, normal, tf.constant([1e4] * 4))
    assert unreachable.numpy()[0, 0, 0].tolist() == [5, 155, -100]


def test_images_at_different_lengths_do_not_disturb_each_other():
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (8, 5, 5, 2)).astype(np.float32)
    normal = rng.normal(size=images.shape).astype(np.float32)
    rise = tf.constant(np.geomspace(1, 6000, 8), tf.float32)
    together = projections.hyperplane(images, normal, rise)
    alone = [
        projections.hyperplane(images[i : i + 1], normal[i : i + 1], rise[i : i + 1])
        for i in range(8)
    ]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-4)
