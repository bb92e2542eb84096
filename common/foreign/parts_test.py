"""A model as a part of a recipe: what is recorded, and what is refused."""

import json

import keras
import pytest

from common import recipe as recipes
from common.foreign import parts
from common.models import norms


def test_a_file_and_a_model_are_recorded_by_their_hashes(digits_model, tmp_path):
    digits_model.save(tmp_path / "some.keras")
    of_file = parts.part(f"{tmp_path}/some.keras?pixels=unit")
    assert (of_file.name, of_file.spec) == ("some", "some.keras?pixels=unit")
    assert parts.part(tmp_path / "some.keras", pixels="unit") == of_file
    of_model = parts.part(digits_model, pixels="unit")
    assert (of_model.name, of_model.spec) == ("small", "small?pixels=unit")
    for part in (of_file, of_model):
        record = json.dumps(recipes.to_dict(part))
        assert str(tmp_path) not in record and part.sha256 in record
    assert parts.part(digits_model, pixels="unit") == of_model
    weights = digits_model.get_weights()
    weights[0][0] += 1e-3
    digits_model.set_weights(weights)
    assert parts.part(digits_model, pixels="unit").sha256 != of_model.sha256


def test_a_mapping_of_pixels_is_recorded_by_its_name(digits_model):
    def halved(images):
        return images / 2

    scaled = keras.layers.Rescaling(1 / 255)
    for pixels, name in ((halved, "halved"), (scaled, "Rescaling")):
        assert parts.part(digits_model, pixels=pixels).spec == f"small?pixels={name}"


def test_a_mapping_counts_by_what_it_does(digits_model):
    first, other = (lambda images: images / 255), (lambda images: images / 254)
    found = [parts.part(digits_model, pixels=each) for each in (first, other, first)]
    assert found[0] == found[2] != found[1]
    assert found[0].spec == found[1].spec


def test_it_builds_the_network_for_the_classes_of_the_model(digits_model):
    norm = norms.Batch(norms.MIXTURE)
    part = parts.part(digits_model, pixels="unit", norm=norm, activation="silu")
    network = part.build(10, 8, channels=1)
    assert (network.num_classes, network.branches) == (10, norms.MIXTURE)
    assert "silu" in network.plain().to_json()
    with pytest.raises(ValueError, match=r"10 classes of small and 11 of the data"):
        part.build(11, 8, channels=1)
