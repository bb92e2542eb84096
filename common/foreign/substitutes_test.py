"""Noise against its laws, and batch norm that is frozen or along another axis."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from common import backend
from common.foreign import substitutes
from common.models import activations
from common.models.layers import Mode
from common.models.norms import MIXTURE, Batch

IMAGES = np.random.default_rng(0).integers(0, 256, (16, 4, 4, 3)).astype(np.float32)
KEYS = backend.example_keys(ops.convert_to_tensor(IMAGES))
FEATURES = np.random.default_rng(1).normal(size=(16, 10, 10, 40)).astype(np.float32)


def during(training=True, seed=1, keys=KEYS, **mode):
    seed = backend.fold(seed)
    return substitutes.during(substitutes.Pass(Mode(training, **mode), seed, keys))


def noisy(layer, features=FEATURES, stream=1, **current):
    noise = substitutes.Noise(layer, stream=stream, name="noise")
    with during(**current):
        return np.asarray(noise(features))


def test_dropout_keeps_the_share_and_the_mean():
    found = noisy(layers.Dropout(0.3))
    kept = found != 0
    assert abs(kept.mean() - 0.7) < 0.01
    np.testing.assert_allclose(found[kept], FEATURES[kept] / 0.7, rtol=1e-6)


@pytest.mark.parametrize(
    ("layer", "axes"),
    [
        (layers.SpatialDropout2D(0.5), (1, 2)),
        (layers.Dropout(0.5, noise_shape=(None, 1, None, 1)), (1, 3)),
        (keras.src.applications.convnext.StochasticDepth(0.5), (1, 2, 3)),
    ],
)
def test_some_dropout_drops_whole_axes(layer, axes):
    kept = noisy(layer) != 0
    assert (kept.all(axis=axes) | ~kept.any(axis=axes)).all()
    assert 0.2 < kept.mean() < 0.8


@pytest.mark.parametrize(
    ("layer", "law"),
    [
        (layers.GaussianNoise(0.5), lambda x, found: (found - x) / 0.5),
        (layers.GaussianDropout(0.2), lambda x, found: (found / x - 1) / 0.5),
    ],
)
def test_gaussian_noise_is_standard_normal_before_it_is_scaled(layer, law):
    found = law(FEATURES, noisy(layer))
    assert abs(found.mean()) < 0.02 and abs(found.std() - 1) < 0.02


def test_alpha_dropout_keeps_mean_and_deviation():
    found = noisy(layers.AlphaDropout(0.3))
    assert abs(found.mean()) < 0.02 and abs(found.std() - 1) < 0.02
    low, share = np.unique(found, return_counts=True)
    assert abs(share.max() / found.size - 0.3) < 0.01  # dropped to one value
    assert low[share.argmax()] < -0.5


def test_noise_follows_from_seed_layer_and_image_alone():
    layer = layers.Dropout(0.5)
    found = noisy(layer)
    np.testing.assert_array_equal(noisy(layer), found)
    for other in (noisy(layer, seed=2), noisy(layer, stream=2)):
        assert np.mean((other != 0) == (found != 0)) < 0.6
    order = np.arange(16)[::-1][:5]
    keys = backend.example_keys(ops.convert_to_tensor(IMAGES[order]))
    some = noisy(layer, FEATURES[order], keys=keys)
    np.testing.assert_array_equal(some, found[order])


def test_there_is_no_noise_in_inference_and_of_no_strength():
    for found in (
        noisy(layers.Dropout(0.5), training=False),
        noisy(layers.Dropout(0.5), training=ops.convert_to_tensor(False)),
        noisy(layers.GaussianNoise(0.0)),
    ):
        np.testing.assert_array_equal(found, FEATURES)
    drawn = noisy(layers.Dropout(0.5), training=ops.convert_to_tensor(True))
    np.testing.assert_array_equal(drawn, noisy(layers.Dropout(0.5)))


def test_inputs_that_are_not_one_for_each_image_are_refused():
    with pytest.raises(ValueError, match=r"one input for each.*shape=\(3,"):
        noisy(layers.Dropout(0.5), FEATURES[:3])


def test_a_layer_that_is_wrapped_works_as_in_inference():
    flip = substitutes.Still(layers.RandomFlip(seed=1))
    found = flip(IMAGES, training=True)
    np.testing.assert_array_equal(found, IMAGES)


def made(layer, branches=MIXTURE, shape=(4, 4, 3)):
    layer.build((None, *shape))
    rng = np.random.default_rng(2)
    for variable in layer.weights:
        variable.assign(rng.uniform(0.5, 2.0, variable.shape))
    norm = substitutes.Norm(layer, Batch(branches), name="norm")
    norm.build((None, *shape))
    norm.take(layer)
    return norm


def test_batch_norm_along_another_axis_moves_what_keras_moves():
    layer = layers.BatchNormalization(axis=2, momentum=0.6)
    norm = made(layer)
    with during(branch="adversarial"):
        found = norm(IMAGES)
    np.testing.assert_allclose(found, layer(IMAGES, training=True), atol=1e-5)
    home = layers.BatchNormalization(axis=2)
    home.build(IMAGES.shape)
    norm.give(home, "adversarial")
    for ours, theirs in zip(home.weights, layer.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_frozen_batch_norm_is_one_of_inference():
    layer = layers.BatchNormalization()
    layer.trainable = False
    norm = made(layer)
    kept = [np.asarray(v) for v in norm.variables]
    with during(branch="clean"):
        found = norm(IMAGES)
    np.testing.assert_allclose(found, layer(IMAGES), rtol=1e-5)
    for variable, value in zip(norm.variables, kept, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_relu_has_the_derivative_that_the_pass_asks_for():
    points = ops.convert_to_tensor(np.linspace(-1, 1, 8, dtype=np.float32))

    def slope(backward):
        with during(backward=backward):
            return backend.value_and_gradients(
                lambda x: ops.sum(substitutes.relu(x)), points
            )[1]

    np.testing.assert_array_equal(slope(activations.OWN), np.asarray(points) > 0)
    smooth = 1 / (1 + np.exp(-10 * np.asarray(points)))
    np.testing.assert_allclose(slope(activations.SMOOTH), smooth, rtol=1e-5)
