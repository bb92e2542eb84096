"""Normalisers as parts of a network: by themselves, and in a residual network."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from common.models import ResNet, norms

PARTS = (("adversarial", 6), ("clean", 4))
MIXTURE = norms.Batch(branches=norms.MIXTURE)


def pixels(*shape, seed=1):
    return np.random.default_rng(seed).uniform(0, 255, shape).astype("float32")


def values(network):
    return {v.path: v.numpy() for v in network.weights}


def moved(network, before):
    """The suffixes of the statistics that are not as they were."""
    now = values(network)
    changed = {path for path in now if not np.array_equal(now[path], before[path])}
    assert all("moving" in path for path in changed)
    return {path.rpartition("_")[2] for path in changed}


def network_with(norm, **fields):
    """A small network with values that all matter."""
    keras.utils.set_random_seed(0)
    network = ResNet(depth=18, norm=norm, **fields).build(10, 16)
    generator = np.random.default_rng(2)
    for variable in network.weights:
        if variable.name != "kernel":
            variable.assign(generator.uniform(0.5, 1.0, variable.shape))
    return network


@pytest.fixture(scope="module")
def built():
    """One network of each part."""
    known = {
        "mixture": MIXTURE,
        "one": norms.DEFAULT,
        "group": norms.Group(),
    }
    return {name: network_with(norm) for name, norm in known.items()}


@pytest.fixture
def mixture(built):
    """Returns the network of two branches, which gets its weights back."""
    before = built["mixture"].get_weights()
    yield built["mixture"]
    built["mixture"].set_weights(before)


def test_a_batch_part_hands_its_fields_to_the_layer():
    part = norms.Batch(
        branches=("a", "b"), share_statistics=True, share_affine=True, synchronized=True
    )
    layer = part.layer(epsilon=0.5, momentum=0.25, gamma_initializer="zeros", name="n")
    found = (layer.epsilon, layer.momentum, layer.gamma_initializer, layer.name)
    assert found == (0.5, 0.25, "zeros", "n")
    assert layer.branches == part.branches == ("a", "b")
    assert layer.share_statistics and layer.share_affine and layer.synchronized
    plain = norms.DEFAULT.layer(epsilon=0.5, name="n")
    assert plain.momentum == 0.9
    assert plain.branches == ("clean",)
    shared = plain.share_statistics, plain.share_affine, plain.synchronized
    assert shared == (False, False, False)


@pytest.mark.parametrize("branches", [(), ("clean", "clean")])
def test_bad_branches_are_refused_when_declared(branches):
    with pytest.raises(ValueError, match=r"each named once. Received: branches="):
        norms.Batch(branches=branches)


@pytest.mark.parametrize("groups", [0, -1])
def test_groups_are_positive(groups):
    with pytest.raises(ValueError, match=f"at least 1. Received: groups={groups}"):
        norms.Group(groups)


def test_groups_must_divide_the_channels():
    layer = norms.Group(groups=4).layer(epsilon=1e-5, name="norm")
    with pytest.raises(ValueError, match=r"6 channels.*norm.groups. Received: groups="):
        layer(pixels(2, 3, 3, 6))


def test_group_norm_agrees_with_loops_over_images_and_groups():
    layer = norms.Group(groups=2).layer(
        epsilon=0.1, gamma_initializer="random_normal", name="norm"
    )
    inputs = np.random.default_rng(3).normal(2.0, 3.0, (3, 4, 5, 6)).astype("float32")
    layer(inputs)
    gamma, beta = layer.weights
    beta.assign(np.arange(6.0))
    expected = np.zeros(inputs.shape)
    for image in range(3):
        for first in (0, 3):
            group = inputs[image, :, :, first : first + 3].astype("float64")
            scaled = (group - group.mean()) / np.sqrt(group.var() + 0.1)
            expected[image, :, :, first : first + 3] = scaled
    np.testing.assert_allclose(
        layer(inputs, training=True, branch="any"),
        expected * np.asarray(gamma) + np.asarray(beta),
        atol=1e-5,
    )


@pytest.mark.parametrize("training", [False, True])
def test_parts_of_a_mixed_batch_are_the_two_separate_calls(built, mixture, training):
    adversarial, clean = pixels(6, 16, 16, 3), pixels(4, 16, 16, 3, seed=2) / 2
    before = mixture.get_weights()
    together = mixture(
        np.concatenate([adversarial, clean]), training=training, branch=PARTS
    )
    after = values(mixture)
    mixture.set_weights(before)
    apart = [
        mixture(images, training=training, branch=name)
        for name, images in (("adversarial", adversarial), ("clean", clean))
    ]
    np.testing.assert_allclose(together, np.concatenate(apart), rtol=1e-3, atol=1e-3)
    for path, value in values(mixture).items():
        np.testing.assert_allclose(after[path], value, rtol=1e-3, atol=1e-3)
    swapped = mixture(np.concatenate([adversarial, clean]), branch="clean")
    assert not np.allclose(together[:6], swapped[:6], rtol=1e-2)


@pytest.mark.parametrize("name", ["one", "group"])
def test_parts_make_no_difference_without_branches_to_choose_from(built, name):
    network, images = built[name], pixels(10, 16, 16, 3)
    results = []
    for branch in ("clean", (("clean", 6), ("clean", 4))):
        before = network.get_weights()
        results.append(np.asarray(network(images, training=True, branch=branch)))
        results.append(values(network))
        network.set_weights(before)
    np.testing.assert_array_equal(results[0], results[2])
    for path, value in results[1].items():
        np.testing.assert_array_equal(value, results[3][path])


def test_networks_name_their_branches(built):
    found = {name: network.branches for name, network in built.items()}
    assert found == {
        "mixture": ("clean", "adversarial"),
        "one": ("clean",),
        "group": ("clean",),
    }


def test_a_network_may_have_any_branches():
    network = ResNet(depth=18, norm=norms.Batch(branches=("a", "b"))).build(10, 8)
    assert network(pixels(2, 8, 8, 3), branch="b").shape == (2, 10)


@pytest.mark.parametrize("branch", [*norms.MIXTURE, PARTS])
def test_only_training_moves_statistics_and_only_those_of_its_branch(mixture, branch):
    images = pixels(10, 16, 16, 3)
    before = values(mixture)
    mixture(images, branch=branch)
    mixture(images, training=tf.constant(False), branch=branch)
    assert moved(mixture, before) == set()
    mixture(images, training=True, branch=branch)
    expected = {branch} if isinstance(branch, str) else set(norms.MIXTURE)
    assert moved(mixture, before) == expected
    changed = [p for p, v in values(mixture).items() if np.any(v != before[p])]
    assert len(changed) == 2 * 20 * len(expected)  # of 20 layers: mean and variance


def test_training_may_be_decided_when_a_compiled_step_runs(mixture):
    images = pixels(10, 16, 16, 3)
    step = tf.function(
        lambda training: mixture(images, training=training, branch=PARTS)
    )
    for training in (True, False):
        before = mixture.get_weights()
        logits, after = step(tf.constant(training)), values(mixture)
        mixture.set_weights(before)
        expected = mixture(images, training=training, branch=PARTS)
        np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-3)
        for path, value in values(mixture).items():
            np.testing.assert_allclose(after[path], value, rtol=1e-3, atol=1e-3)
        mixture.set_weights(before)
    assert step.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("replicas", [1, 2])
def test_branches_differ_in_a_compiled_step_after_updates(two_replicas, replicas):
    strategies = {1: tf.distribute.get_strategy(), 2: two_replicas}
    strategy = strategies[replicas]
    with strategy.scope():
        network = ResNet(depth=18, norm=MIXTURE).build(10, 8)
    images = {"clean": pixels(8, 8, 8, 3), "adversarial": pixels(8, 8, 8, 3) / 5}

    def update():
        # Every replica has a half of the images.
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        share = 8 // replicas
        for name, whole in images.items():
            piece = tf.slice(whole, [replica * share, 0, 0, 0], [share, 8, 8, 3])
            network(piece, training=True, branch=name)
        return tuple(network(images["clean"], branch=name) for name in network.branches)

    clean, adversarial = tf.function(lambda: strategy.run(update))()
    for logits in (clean, adversarial):
        for local in strategy.experimental_local_results(logits):
            assert np.isfinite(local).all()
    first = strategy.experimental_local_results(clean)[0]
    other = strategy.experimental_local_results(adversarial)[0]
    assert not np.allclose(first, other, rtol=1e-2)
    after = values(network)
    for name, whole in images.items():
        outputs = network.stem.conv(network.normalize(whole))
        expected = 0.1 * ops.mean(outputs, axis=(0, 1, 2))
        np.testing.assert_allclose(
            after[f"resnet/stem/norm/moving_mean_{name}"], expected, rtol=1e-3
        )


def test_group_networks_have_no_statistics_and_take_each_image_by_itself(built):
    network, images = built["group"], pixels(5, 16, 16, 3)
    assert not network.non_trainable_weights
    whole = network(images, training=True)
    np.testing.assert_allclose(network(images), whole, rtol=1e-4, atol=1e-4)
    for others in (images[:1], np.concatenate([images[:1], 0 * images])):
        alone = network(others, training=True, branch=(("clean", len(others)),))
        np.testing.assert_allclose(alone[:1], whole[:1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("norm", [norms.Group(), MIXTURE])
def test_mixed_precision_keeps_logits_and_parameters_in_float32(norm):
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = ResNet(depth=18, norm=norm).build(10, 8)
    features = network.stem(network.normalize(pixels(2, 8, 8, 3)))
    assert features.dtype == "bfloat16"
    assert network(pixels(2, 8, 8, 3), training=True).dtype == "float32"
    assert {v.dtype for v in network.weights} == {"float32"}
