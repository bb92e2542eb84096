"""The wide residual network on the normalisers and branches that it may have."""

import dataclasses
import json

import numpy as np
import pytest

from common import overrides, recipe
from common.models import WideResNet, norms
from tests import parts


def pixels(count):
    return np.random.default_rng(1).uniform(0, 255, (count, 8, 8, 1)).astype("float32")


def built(norm, width=1):
    return WideResNet(depth=8, width=width, norm=norm).build(10, 8, channels=1)


def randomised(norm, count=1):
    """Returns networks on which every variable of a layer has an influence."""
    networks = [built(norm) for _ in range(count)]
    generator = np.random.default_rng(2)
    for variables in zip(*(network.weights for network in networks), strict=True):
        value = generator.uniform(0.5, 1.5, variables[0].shape)
        for variable in variables:
            if variable.name != "kernel":
                variable.assign(value)
            else:
                variable.assign(variables[0])
    return networks


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("share_affine", [False, True])
def test_the_parts_of_a_mixture_are_separate_calls(share_affine, training):
    network, other = randomised(
        norms.Batch(norms.MIXTURE, share_affine=share_affine), count=2
    )
    images, adv_images = pixels(3), 100 + pixels(5) / 2
    whole = network(
        np.concatenate([adv_images, images]),
        training=training,
        branch=(("adversarial", 5), ("clean", 3)),
    )
    alone = [
        other(inputs, training=training, branch=branch)
        for branch, inputs in (("adversarial", adv_images), ("clean", images))
    ]
    np.testing.assert_allclose(whole, np.concatenate(alone), atol=1e-4)
    for mine, theirs in zip(network.weights, other.weights, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    swapped = other(images, training=training, branch="adversarial")
    same = share_affine and training
    assert np.allclose(whole[5:], swapped, atol=1e-3) == same


@pytest.mark.parametrize("norm", [norms.Batch(), norms.Group(8)], ids=type)
def test_without_a_choice_of_branches_the_parts_are_one_batch(norm):
    network, other = randomised(norm, count=2)
    images, parts_of_one = pixels(8), (("clean", 5), ("clean", 3))
    np.testing.assert_array_equal(
        network(images, training=True, branch=parts_of_one),
        other(images, training=True),
    )
    for mine, theirs in zip(network.weights, other.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_group_norm_treats_every_image_by_itself():
    (network,) = randomised(norms.Group(8))
    images = pixels(4)
    whole = network(images, training=True)
    for index in range(4):
        alone = network(images[index : index + 1])
        np.testing.assert_allclose(whole[index], alone[0], rtol=1e-4, atol=1e-4)
    assert not network.non_trainable_weights


def test_group_norm_is_refused_where_the_channels_do_not_divide():
    message = r"norm_act1/norm has 16 channels.*Received: groups=32"
    with pytest.raises(ValueError, match=message):
        built(norms.Group(32))


def scalars(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.mark.parametrize(
    ("norm", "affine", "statistics"),
    [
        (norms.Batch(), 1, 1),
        (norms.Group(8), 1, 0),
        (norms.Batch(norms.MIXTURE), 2, 2),
        (norms.Batch(norms.MIXTURE, share_affine=True), 1, 2),
        (norms.Batch(norms.MIXTURE, share_statistics=True), 2, 1),
        (norms.Batch(norms.MIXTURE, share_affine=True, share_statistics=True), 1, 1),
    ],
    ids=str,
)
def test_branches_add_their_affine_parameters_and_statistics_alone(
    norm, affine, statistics
):
    network = built(norm, width=2)
    # Of two layers in a unit in each of three stages, and of the head.
    channels = (16 + 32) + (32 + 64) + (64 + 128) + 128
    kernels = [v for v in network.trainable_weights if v.path.endswith("kernel")]
    weights = scalars(kernels) + 10  # the classifier's biases
    assert scalars(network.trainable_weights) == weights + 2 * channels * affine
    assert scalars(network.non_trainable_weights) == 2 * channels * statistics
    assert network.branches == norm.branches


RECIPE = dataclasses.replace(
    parts.PARTS, network=WideResNet(depth=8, width=1, norm=norms.Batch(norms.MIXTURE))
)


@pytest.mark.parametrize(
    "norm", [norms.Batch(), norms.Batch(norms.MIXTURE), norms.Group(8)], ids=str
)
def test_the_normaliser_is_part_of_the_record(norm):
    value = dataclasses.replace(
        RECIPE, network=dataclasses.replace(RECIPE.network, norm=norm)
    )
    record = json.loads(json.dumps(recipe.to_dict(value)))
    assert overrides.first_difference(record, recipe.to_dict(value)) is None
    assert record["network"]["norm"]["type"] == type(norm).__name__
    other = dataclasses.replace(RECIPE, network=WideResNet(8, 1, norm=norms.Group(2)))
    difference = overrides.first_difference(record, recipe.to_dict(other))
    assert difference.startswith("network.norm.")


@pytest.mark.parametrize("field", ["share_affine", "share_statistics", "synchronized"])
def test_the_normaliser_is_set_from_the_command_line(field):
    changed = overrides.override(RECIPE, [f"network.norm.{field}=true"])
    assert changed.network.norm == norms.Batch(norms.MIXTURE, **{field: True})
    assert changed.network.build(10, 8, 1).branches == norms.MIXTURE


def test_branches_are_set_from_the_command_line():
    plain = dataclasses.replace(RECIPE, network=WideResNet(depth=8, width=1))
    assignment = 'network.norm.branches=["clean", "adversarial"]'
    assert overrides.override(plain, [assignment]) == RECIPE
