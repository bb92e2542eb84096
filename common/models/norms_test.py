"""Normalisers as parts of a network: by themselves, and in a network."""

import numpy as np
import pytest

from common.models import WideResNet, norms

MIXTURE = norms.Batch(branches=norms.MIXTURE)


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
