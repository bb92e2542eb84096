"""Normalisers as parts of a network: by themselves, and in a network."""

import numpy as np
import pytest

from common.models import ResNet, ResNetV2, WideResNet, batch_norm, layers, norms

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


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (WideResNet(depth=10, width=1), (0.9, 1e-3)),
        (ResNet(depth=18), (0.9, 1e-5)),
        (ResNetV2(depth=50), (0.997, 1e-5)),
    ],
)
def test_every_batch_norm_has_the_momentum_and_epsilon_of_its_network(
    monkeypatch, network, expected
):
    monkeypatch.setattr(layers, "built", lambda network, *_: network)
    found = [
        (layer.momentum, layer.epsilon)
        for layer in network.build(10, 32)._flatten_layers()
        if isinstance(layer, batch_norm.BatchNorm)
    ]
    assert found and set(found) == {expected}


@pytest.mark.parametrize("groups", [0, -1])
def test_groups_are_positive(groups):
    with pytest.raises(ValueError, match=f"at least 1. Received: groups={groups}"):
        norms.Group(groups)


def network_with(norm):
    return WideResNet(depth=8, width=1, norm=norm).build(10, 8)


def test_group_networks_have_no_statistics_and_take_each_image_by_itself():
    network, images = network_with(norms.Group(8)), pixels(5, 8, 8, 3)
    assert not network.non_trainable_weights
    whole = network(images, training=True)
    for others in (images[:1], np.concatenate([images[:1], 0 * images])):
        alone = network(others, training=True, branch=(("clean", len(others)),))
        np.testing.assert_allclose(alone[:1], whole[:1], rtol=1e-4, atol=1e-4)
