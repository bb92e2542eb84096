"""EfficientNets: published sizes, a twin of `keras.applications`, and what is drawn."""

import dataclasses
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.models import (
    EfficientNet,
    architectures,
    batch_norm,
    efficientnet,
    layers,
    normalization,
    norms,
)
from tests.oracles.networks import pixels, randomised

SMALL = EfficientNet(width=0.25, depth=0.5)  # ten blocks, four of them with a shortcut


PUBLISHED = {  # weights, 1e9 multiplications; L1's are not published but counted
    "b0": (5_288_548, 0.39),
    "b1": (7_794_184, 0.70),
    "b2": (9_109_994, 1.0),
    "b3": (12_233_232, 1.8),
    "b4": (19_341_616, 4.2),
    "b5": (30_389_784, 9.9),
    "b6": (43_040_704, 19.0),
    "b7": (66_347_960, 37.0),
    "l1": (272_630_564, 162.0),
}


def convolutions(config, image_size):
    """Yields (kernel size, inputs, outputs, groups, height of the outputs)."""
    size, filters = -(-image_size // 2), config.filters(32)
    yield 3, 3, filters, 1, size
    for form in blocks(config):
        inner = form.inputs * form.expansion
        if form.expansion > 1:
            yield 1, form.inputs, inner, 1, size
        size = -(-size // form.strides)
        yield form.kernel_size, inner, inner, inner, size
        yield 1, inner, form.filters, 1, size
        filters = form.filters
    yield 1, filters, config.filters(1280), 1, size


def sizes(config, image_size):
    """Returns weights and multiplications: of convolutions, gates and classifier."""
    layers = list(convolutions(config, image_size))
    gates = [(f.inputs * f.expansion, f.inputs // 4) for f in blocks(config)]
    weights = sum((k * k * i // g + 2) * o for k, i, o, g, _ in layers)
    weights += sum(2 * c * s + c + s for c, s in gates)
    products = sum(k * k * i // g * o * size**2 for k, i, o, g, size in layers)
    products += sum(2 * c * s for c, s in gates)
    head = config.filters(1280)
    return weights + (head + 1) * 1000, products + head * 1000


def blocks(config):
    return efficientnet._forms(config).values()


@pytest.mark.parametrize("name", PUBLISHED)
def test_blocks_give_the_published_weights_and_multiplications(name):
    config, size = EfficientNet.named(name), architectures.SIZES[name].image_size
    weights, billions = PUBLISHED[name]
    found = sizes(config, size)
    assert found[0] == weights
    # The paper rounds to two digits, and B4's and B5's are 4 % below any count.
    assert found[1] / 1e9 == pytest.approx(billions, rel=0.05)


@pytest.mark.parametrize(
    ("width", "base", "expected"),
    [(0.25, 16, 8), (1.0, 20, 24), (1.0, 19, 24), (1.1, 40, 48), (1.0, 88, 88)],
)
def test_filters_are_the_nearest_multiple_of_8_that_takes_no_tenth(
    width, base, expected
):
    assert EfficientNet(width=width).filters(base) == expected


def test_logits_are_those_of_keras_applications():
    network = EfficientNet().build(10, 96)
    randomised(network)
    for size in (96, 97):  # where "same" padding is lopsided, and where it is not
        twin = keras.applications.EfficientNetB0(
            weights=None,
            classes=10,
            input_shape=(size, size, 3),
            classifier_activation=None,
        )
        _, _, _, *statistics = twin.non_trainable_weights  # three of its normalisation
        for ours, theirs in (
            (network.trainable_weights, twin.trainable_weights),
            (network.non_trainable_weights, statistics),
        ):
            for variable, copy in zip(ours, theirs, strict=True):
                copy.assign(np.reshape(variable, copy.shape))
        images = pixels(2, size, size, 3)
        expected = twin(2.0 * images - 255.0)  # which divides by 255
        assert np.ptp(expected) > 0.1
        np.testing.assert_allclose(network(images), expected, rtol=1e-4, atol=1e-4)


def test_every_batch_norm_has_the_momentum_and_epsilon_of_the_network():
    network = efficientnet.Network(
        EfficientNet(depth=0.1, momentum=0.95, epsilon=1e-5), 10, large=False
    )
    found = {
        (layer.momentum, layer.epsilon)
        for layer in network._flatten_layers()
        if isinstance(layer, batch_norm.BatchNorm)
    }
    assert found == {(0.95, 1e-5)}


def test_named_sizes_take_changes():
    b4 = EfficientNet.named("b4", momentum=0.9, dropout=0.0)
    assert b4 == EfficientNet(width=1.4, depth=1.8, momentum=0.9, dropout=0.0)
    assert EfficientNet.named("b0") == EfficientNet()
    assert EfficientNet.named("l1") == EfficientNet(3.9, 3.7, dropout=0.5)
    with pytest.raises(ValueError, match="b8"):
        EfficientNet.named("b8")


def test_the_stem_reduces_large_images_alone(monkeypatch):
    monkeypatch.setattr(layers, "built", lambda network, *_: network)
    strides = {
        size: EfficientNet(depth=0.1).build(10, size).stem.conv.strides[0]
        for size in (8, 32, 64, 65, 224)
    }
    assert strides == {8: 1, 32: 1, 64: 1, 65: 2, 224: 2}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("width", 0.0, "width must be above 0. Received: width=0.0"),
        ("dropout", 1.0, "at least 0 and below 1. Received: dropout=1.0"),
        ("survival", 0.0, "above 0 and at most 1. Received: survival=0.0"),
        ("momentum", 1.0, "at least 0 and below 1. Received: momentum=1.0"),
        ("epsilon", 0.0, "epsilon must be above 0. Received: epsilon=0.0"),
        ("activation", "silus", "Nearest: silu"),
    ],
)
def test_what_does_not_exist_is_refused_when_declared(field, value, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        EfficientNet(**{field: value})


def test_imagenet_normalisation_needs_three_channels():
    with pytest.raises(ValueError, match=r"3 channels; .* Received: channels=1"):
        EfficientNet(normalization="imagenet").build(10, 8, 1)


def test_initial_weights_of_the_classifier():
    config = EfficientNet(width=0.25, depth=0.1)
    classifier = efficientnet.Network(config, 100, large=False).classifier
    classifier.build((1, 320))
    kernel = classifier.kernel.numpy()
    assert 0.098 < np.abs(kernel).max() <= 0.1
    assert kernel.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.02)
    assert not classifier.bias.numpy().any()


@pytest.fixture(scope="module")
def built_by_image(two_replicas):
    """Returns a network that treats every image by itself, and drops half of it."""
    norm = norms.Group(groups=2)
    config = dataclasses.replace(SMALL, norm=norm, dropout=0.5, survival=0.2)
    with two_replicas.scope():
        return config.build(10, 8, 1)


@pytest.fixture
def by_image(built_by_image):
    """Returns that network, which gets its rates back after the test."""
    before = (built_by_image.path_rates, built_by_image.feature_rates)
    yield built_by_image
    built_by_image.path_rates, built_by_image.feature_rates = before


def test_an_image_loses_the_same_on_whichever_replica(by_image, two_replicas):
    images = pixels(6, 8, 8, 1)
    logits = by_image(images, training=True, seed=5).numpy()
    seed = tf.constant(5, tf.int64)

    @tf.function
    def step(value):
        halves = two_replicas.experimental_distribute_values_from_function(
            lambda context: images[3 * context.replica_id_in_sync_group :][:3]
        )
        return two_replicas.run(
            lambda half: by_image(half, training=True, seed=value), (halves,)
        )

    pieces = two_replicas.experimental_local_results(step(seed))
    np.testing.assert_allclose(np.concatenate(pieces), logits, rtol=1e-3, atol=1e-4)


def test_rates_grow_linearly_from_0_for_the_first_block(by_image):
    expected = 0.8 * np.arange(10) / 10
    np.testing.assert_allclose(by_image.path_rates, expected, rtol=1e-6)
    assert set(by_image.feature_rates) == {np.float32(0.5)}


def test_factors_keep_the_mean():
    rates = np.float32([0.0, 0.2, 0.5])
    keys = tf.range(4_000, dtype=tf.int64)
    factors = tf.function(lambda: efficientnet._kept(rates, 3, keys))().numpy()
    assert factors.dtype == np.float32
    np.testing.assert_allclose((factors == 0).mean(axis=0), rates, atol=0.03)
    np.testing.assert_allclose(factors.max(axis=0), [1.0, 1.25, 2.0], rtol=1e-6)
    assert all(len(set(column)) <= 2 for column in factors.T)
    assert abs(np.corrcoef(factors[:, 1:].T)[0, 1]) < 0.05  # drawn apart


def test_paths_and_features_are_drawn_apart(by_image):
    by_image.path_rates = np.full(10, 0.5, "float32")
    of_paths, of_features = by_image._factors(pixels(400, 8, 8, 1), True, 1)
    for path, feature in zip(of_paths, of_features.numpy().T, strict=False):
        assert abs(np.corrcoef(path, feature)[0, 1]) < 0.25


def test_the_path_of_a_dropped_block_is_skipped(by_image):
    by_image.path_rates = np.full(10, 1.0 - 2.0**-20, "float32")
    by_image.feature_rates = np.zeros_like(by_image.feature_rates)
    images = pixels(3, 8, 8, 1)
    features = by_image.stem(images / 127.5 - 1.0)
    kept = [block for block in by_image.blocks if not block.form.has_shortcut]
    assert len(kept) == 6
    for block in kept:
        features = block(features)
    expected = by_image.classifier(by_image.pool(by_image.head(features)))
    found = by_image(images, training=True, seed=2)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert np.abs(by_image(images) - expected).max() > 0.01 * np.ptp(expected)


def test_dropout_is_between_the_pooled_features_and_the_logits(by_image):
    by_image.path_rates = np.zeros_like(by_image.path_rates)
    kernel = by_image.classifier.kernel
    before = kernel.numpy()
    kernel.assign(np.eye(320, 10))  # logits are ten pooled features
    images = pixels(64, 8, 8, 1)
    expected = by_image(images).numpy()
    dropped = by_image(images, training=True, seed=3).numpy()
    kernel.assign(before)
    ratios = (dropped / expected)[np.abs(expected) > 1e-3]
    assert set(np.round(ratios, 3)) == {np.float32(0.0), np.float32(2.0)}
    assert (ratios == 0).mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("changes", "draws"),
    [
        ({"dropout": 0.0}, True),
        ({"survival": 1.0}, True),
        ({"dropout": 0.0, "survival": 1.0}, False),
    ],
)
def test_a_network_says_whether_it_draws(changes, draws):
    config = EfficientNet(depth=0.1, **changes)
    assert efficientnet.Network(config, 10, large=False).draws == draws


def test_images_are_normalised_as_it_is_told():
    config = EfficientNet(normalization="imagenet")
    network = efficientnet.Network(config, 10, large=False)
    assert network.normalize is normalization.imagenet
