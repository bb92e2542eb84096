"""What the arguments of a call do: seed, branches, mode, backward pass, precision."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import backend
from common.models import EfficientNet, activations, efficientnet, norms

SMALL = EfficientNet(width=0.25, depth=0.5)  # ten blocks, four of them with a shortcut


def pixels(*shape):
    return np.random.default_rng(1).uniform(0, 255, shape).astype("float32")


def randomised(network):
    """Gives all but the kernels values of a scale that reaches the logits."""
    generator = np.random.default_rng(2)
    for variable in network.weights:
        if variable.name != "kernel":
            variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    return network


@pytest.fixture(scope="module")
def built():
    """Returns a small network for eight by eight grey pixels."""
    return randomised(SMALL.build(10, 8, 1))


@pytest.fixture
def network(built):
    """Returns the small network, which gets its weights back after the test."""
    before = built.get_weights()
    yield built
    built.set_weights(before)


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


def test_an_image_loses_the_same_wherever_it_stands(by_image, two_replicas):
    images = pixels(6, 8, 8, 1)
    order = [3, 5, 0, 1, 4, 2]
    logits = by_image(images, training=True, seed=5).numpy()
    seed = tf.constant(5, tf.int64)
    moved = by_image(images[order], training=True, seed=seed)
    np.testing.assert_allclose(moved, logits[order], rtol=1e-3, atol=1e-4)

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
    other = by_image(images, training=True, seed=6).numpy()
    assert np.abs(other - logits).max() > 0.01 * np.ptp(logits)


def test_rates_grow_linearly_from_0_for_the_first_block(network, by_image):
    expected = 0.2 * np.arange(10) / 10
    np.testing.assert_allclose(network.path_rates, expected, rtol=1e-6)
    np.testing.assert_allclose(by_image.path_rates, 4 * expected, rtol=1e-6)
    assert set(network.feature_rates) == {np.float32(0.2)}


def test_factors_keep_the_mean():
    rates = np.float32([0.0, 0.2, 0.5])
    keys = tf.range(4_000, dtype=tf.int64)
    factors = efficientnet._kept(rates, 3, keys).numpy()
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


def test_training_needs_a_seed_where_something_is_drawn(network):
    before = network.get_weights()
    for training in (True, tf.constant(True)):
        with pytest.raises(ValueError, match=r"needs a seed. Received: seed=None"):
            network(pixels(2, 8, 8, 1), training=training)
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert network.draws


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


def test_the_mode_may_be_decided_at_run_time(network):
    images = pixels(4, 8, 8, 1)
    before = network.get_weights()
    expected = network(images, seed=1)
    assert np.ptp(expected) > 0.1
    found = network(images, training=tf.constant(False), seed=1)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    expected = network(images, training=True, seed=1)
    moved = network.get_weights()
    network.set_weights(before)
    found = network(images, training=tf.constant(True), seed=1)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    for variable, old, new in zip(network.weights, before, moved, strict=True):
        np.testing.assert_allclose(variable, new, rtol=1e-3, atol=1e-5)
        assert np.array_equal(old, new) != ("moving" in variable.name)


def test_parts_of_a_batch_go_through_branches_of_their_own():
    norm = norms.Batch(norms.MIXTURE)
    config = dataclasses.replace(SMALL, norm=norm, dropout=0.0, survival=1.0)
    network = randomised(config.build(10, 32, 3))
    assert network.branches == norms.MIXTURE
    images = pixels(6, 32, 32, 3)
    clean, adversarial = (network(images, branch=name) for name in norms.MIXTURE)
    assert np.abs(clean - adversarial).max() > 0.01 * np.ptp(clean)
    parts = (("adversarial", 4), ("clean", 2))
    found = network(images, training=True, branch=parts)
    expected = [
        network(images[:4], training=True, branch="adversarial"),
        network(images[4:], training=True, branch="clean"),
    ]
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-3, atol=1e-3)


def test_every_activation_hears_of_the_backward_pass(network, monkeypatch):
    heard = {}

    def recorded(self, inputs, backward="own"):
        heard[self.path] = backward
        return inputs

    monkeypatch.setattr(activations.Activation, "call", recorded)
    network(pixels(1, 8, 8, 1), backward="smooth")
    assert set(heard.values()) == {"smooth"}
    assert len(heard) == 2 + 2 * 1 + 3 * 9  # stem, head; the first block expands none


def test_a_compiled_step_traces_once_and_trains_every_weight():
    config = dataclasses.replace(SMALL, activation="learned_softplus")
    network = config.build(10, 8, 1)

    @tf.function
    def gradients(images, seed):
        return backend.value_and_gradients(
            lambda x: tf.reduce_sum(network(x, training=True, seed=seed)[:, 0]),
            images,
            network.trainable_weights,
        )[1]

    images = tf.constant(pixels(4, 8, 8, 1))
    for seed in (0, 1):
        of_images, found = gradients(images, tf.constant(seed, tf.int64))
    assert gradients.experimental_get_tracing_count() == 1
    assert np.isfinite(of_images).all()
    assert np.abs(of_images).max(axis=(1, 2, 3)).min() > 0
    parameters = [v for v in network.trainable_weights if v.name == "parameter"]
    assert len(parameters) == 31
    assert len({v.path for v in network.weights}) == len(network.weights)
    for variable, gradient in zip(network.trainable_weights, found, strict=True):
        assert np.abs(gradient).max() > 0, variable.path


def test_mixed_precision_gives_float32_logits_of_unrounded_pixels():
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = SMALL.build(10, 8, 1)
    assert {v.dtype for v in network.weights} == {"float32"}
    assert network.stem(pixels(1, 8, 8, 1)).dtype == "bfloat16"
    assert network.blocks[1](pixels(1, 8, 8, 8)).dtype == "bfloat16"
    flat = np.full((2, 8, 8, 1), 123.6, "float32")
    # Variation below the spacing of bfloat16 at 123 still counts.
    first, other = network(flat), network(flat + pixels(8, 8, 1) / 2550)
    trained = network(pixels(4, 8, 8, 1), training=True, seed=1)
    for logits in (first, other, trained):
        assert logits.dtype == "float32"
        assert np.isfinite(logits).all()
        assert np.abs(logits).max() > 0
    assert not np.array_equal(first, other)


def test_a_branch_that_batch_norm_lacks_is_refused_by_name(network):
    with pytest.raises(ValueError, match=r"Received: branch=adversarial"):
        network(pixels(1, 8, 8, 1), branch="adversarial")


def test_no_two_kernels_start_alike(network):
    kernels = [v.numpy() for v in network.weights if v.name == "kernel"]
    assert len(kernels) == 1 + 4 + 9 * 5 + 2  # of stem, blocks, head and classifier
    assert len({kernel.flat[0] for kernel in kernels}) == len(kernels)
