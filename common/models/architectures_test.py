"""The values of architectures; what they build is tested beside each network."""

import dataclasses

import pytest

from common import models
from common.models import architectures


@pytest.mark.parametrize("depth", architectures.DEPTHS)
def test_the_blocks_of_a_resnet_have_as_many_layers_as_its_depth_says(depth):
    network = models.ResNet(depth)
    convolutions = 3 if network.has_bottlenecks else 2
    assert sum(network.blocks) * convolutions + 2 == depth  # stem and classifier


@pytest.mark.parametrize("kind", models.MODELS)
def test_an_architecture_is_a_value(kind):
    assert kind() == kind() and hash(kind()) == hash(kind())
    assert dataclasses.replace(kind()) == kind()
    assert "module" not in dataclasses.asdict(kind())  # records say the type
