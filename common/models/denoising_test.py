"""Feature denoising, against loops over positions and counts by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from common.models import ResNet, denoising, norms
from common.models.layers import Mode


def features(*shape):
    return np.random.default_rng(1).normal(size=shape).astype("float32")


def randomised(layer, shape):
    """Calls the layer once, then gives its variables values that all matter."""
    layer(np.zeros(shape, "float32"))
    generator = np.random.default_rng(2)
    for variable in layer.weights:
        low = 0.5 if variable.name.startswith("moving_variance") else -1.0
        variable.assign(generator.uniform(low, 1.0, variable.shape))
    return layer


def block(shape):
    return denoising.Denoise(shape[-1], norms.DEFAULT, name="denoise"), shape


def numpy_means(inputs, weights):
    """Loops over images and pairs of positions."""
    outputs = np.zeros(inputs.shape)
    batch, height, width, channels = inputs.shape
    places = [(i, j) for i in range(height) for j in range(width)]
    for image in range(batch):
        for here in places:
            x = inputs[image][here].astype("float64")
            shares = []
            for there in places:
                y = inputs[image][there].astype("float64")
                x_in, y_in = x @ weights["theta"], y @ weights["phi"]
                shares.append(np.exp(x_in @ y_in / np.sqrt(channels // 2)))
            shares = np.array(shares) / np.sum(shares)
            for share, there in zip(shares, places, strict=True):
                outputs[image][here] += share * inputs[image][there]
    return outputs


def test_a_block_agrees_with_loops_over_positions():
    shape = (2, 3, 4, 6)
    layer = randomised(*block(shape))
    weights = {
        v.path.removeprefix("denoise/").removesuffix("/kernel"): np.squeeze(v)
        for v in layer.weights
    }
    inner = {name: weights.get(f"means/{name}") for name in ("theta", "phi")}
    inputs = features(*shape)
    projected = numpy_means(inputs, inner) @ weights["project/conv"]
    mean, variance, gamma, beta = (
        weights[f"project/norm/{part}"]
        for part in ("moving_mean", "moving_variance", "gamma", "beta")
    )
    added = (projected - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    assert np.ptp(added) > 0.1
    np.testing.assert_allclose(layer(inputs), inputs + added, rtol=1e-4, atol=1e-4)


def test_embeddings_start_small():
    layer = denoising.Gaussian(256, name="means")
    layer(features(1, 2, 2, 256))
    for embedding in (layer.theta, layer.phi):
        assert np.std(embedding.kernel) == pytest.approx(0.01, rel=0.02)


def test_a_block_starts_as_the_identity_and_learns_at_once():
    layer, shape = block((2, 3, 3, 8))
    inputs = tf.constant(features(*shape))
    for training in (False, True):
        np.testing.assert_array_equal(layer(inputs, mode=Mode(training)), inputs)
    with tf.GradientTape() as tape:
        loss = ops.sum(layer(inputs, mode=Mode(True))[:, 0] ** 3)
    (gamma,) = [v for v in layer.trainable_weights if v.name == "gamma"]
    assert np.all(tape.gradient(loss, gamma.value))


def test_mixed_precision_stays_near_float32():
    exact = randomised(*block((2, 4, 4, 8)))
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer, shape = block((2, 4, 4, 8))
    inputs = features(*shape)
    layer(inputs)
    layer.set_weights(exact.get_weights())
    outputs = layer(inputs)
    assert outputs.dtype == "bfloat16"
    assert {v.dtype for v in layer.weights} == {"float32"}
    np.testing.assert_allclose(np.float32(outputs), exact(inputs), atol=0.1)


@pytest.fixture(scope="module")
def networks():
    """Small networks with and without, with equal weights otherwise."""
    built = {}
    for kind in ("", "gaussian"):
        keras.utils.set_random_seed(0)
        built[kind] = ResNet(depth=18, denoise=kind).build(10, 32)
    return built


def test_a_network_denoises_after_the_last_block_of_every_stage(networks):
    names = [layer.name for layer in networks["gaussian"].blocks]
    assert names == [
        f"stage{stage}_{name}"
        for stage in (1, 2, 3, 4)
        for name in ("block1", "block2", "denoise")
    ]


def test_it_starts_as_the_plain_network_and_then_differs(networks):
    images = 255 * np.random.default_rng(3).random((2, 32, 32, 3), "float32")
    plain = {v.path: v for v in networks[""].weights}
    denoised = networks["gaussian"]
    for variable in denoised.weights:
        if variable.path in plain:
            variable.assign(plain[variable.path])
    expected = networks[""](images)
    np.testing.assert_array_equal(denoised(images), expected)
    for layer in denoised.blocks[2::3]:
        layer.project.norm.trainable_weights[0].assign(np.ones(layer.filters))
    assert not np.allclose(denoised(images), expected, rtol=1e-3)
