"""Normalisers as parts of a network: by themselves, and in a network."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from common import overrides, recipe
from common.models import WideResNet, normalization, norms
from tests import parts

MIXTURE = norms.Batch(branches=norms.MIXTURE)
RECIPE = dataclasses.replace(
    parts.PARTS, network=WideResNet(depth=8, width=1, norm=MIXTURE)
)


def pixels(*shape, seed=1):
    return np.random.default_rng(seed).uniform(0, 255, shape).astype("float32")


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


@pytest.mark.parametrize("groups", [0, -1])
def test_groups_are_positive(groups):
    with pytest.raises(ValueError, match=f"at least 1. Received: groups={groups}"):
        norms.Group(groups)


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


def network_with(norm):
    return WideResNet(depth=8, width=1, norm=norm).build(10, 8)


def test_group_norm_is_refused_where_the_channels_do_not_divide():
    message = r"norm_act1/norm has 16 channels.*norm\.groups\. Received: groups=32"
    with pytest.raises(ValueError, match=message):
        network_with(norms.Group(32))


def test_group_networks_have_no_statistics_and_take_each_image_by_itself():
    network, images = network_with(norms.Group(8)), pixels(5, 8, 8, 3)
    assert not network.non_trainable_weights
    whole = network(images, training=True)
    for others in (images[:1], np.concatenate([images[:1], 0 * images])):
        alone = network(others, training=True, branch=(("clean", len(others)),))
        np.testing.assert_allclose(alone[:1], whole[:1], rtol=1e-4, atol=1e-4)


def test_branches_of_replicas_have_the_statistics_of_all_their_images(two_replicas):
    with two_replicas.scope():
        network = network_with(MIXTURE)
    images = {"clean": pixels(8, 8, 8, 3), "adversarial": pixels(8, 8, 8, 3) ** 4}

    def update():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        for name, whole in images.items():
            piece = tf.slice(whole, [replica * 4, 0, 0, 0], [4, 8, 8, 3])
            network(piece, training=True, branch=name)
        return [network(images["clean"], branch=name) for name in norms.MIXTURE]

    for logits in tf.function(lambda: two_replicas.run(update))():
        first, second = two_replicas.experimental_local_results(logits)
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)
    moved = {v.path: v.numpy() for v in network.weights if "/moving_mean" in v.path}
    for name, whole in images.items():
        outputs = network.stem(normalization.per_image(whole)).numpy()
        found = moved[f"wide_resnet/stage1_unit1/norm_act1/norm/moving_mean_{name}"]
        np.testing.assert_allclose(
            found, 0.1 * outputs.mean((0, 1, 2)), rtol=1e-3, atol=1e-6
        )


@pytest.mark.parametrize("norm", [norms.Batch(), norms.Group(8)], ids=str)
def test_the_normaliser_is_part_of_the_record(norm):
    network = dataclasses.replace(RECIPE.network, norm=norm)
    value = dataclasses.replace(RECIPE, network=network)
    record = json.loads(json.dumps(recipe.to_dict(value)))
    assert overrides.first_difference(record, recipe.to_dict(value)) is None
    assert record["network"]["norm"]["type"] == type(norm).__name__
    difference = overrides.first_difference(record, recipe.to_dict(RECIPE))
    assert difference.startswith("network.norm.")


@pytest.mark.parametrize("field", ["share_affine", "share_statistics", "synchronized"])
def test_the_normaliser_is_set_from_the_command_line(field):
    changed = overrides.override(RECIPE, [f"network.norm.{field}=true"])
    assert changed.network.norm == norms.Batch(norms.MIXTURE, **{field: True})
