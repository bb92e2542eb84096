"""Batch norm whose own statistics are not those of its images is found, and frozen."""

import keras
import numpy as np
import pytest

from common import data
from common.attacks import FGSM
from common.foreign import minibatches, parts, sources
from common.foreign.conftest import small


def doubts(model, data, **said):
    dataset = sources.dataset(data, (8, 8, 1), 10)
    part = parts.part(model, **said)
    return minibatches.doubts(part, dataset, batch_size=20, data_dir=None)


@pytest.fixture(scope="module")
def good_weights(half_trained):
    """Returns weights of which batch norm has statistics that suit."""
    model = small()
    model.set_weights(half_trained)
    images, labels = data.Digits().train_slice(400)
    model.fit(images / 255, labels, epochs=30, verbose=0)
    keras.backend.clear_session(free_memory=False)  # the names of its layers
    return model.get_weights()


@pytest.fixture
def good_model(digits_model, good_weights):
    """Returns the model when batch norm has statistics that suit."""
    digits_model.set_weights(good_weights)
    return digits_model


def folded(model):
    """Returns a model of the same answers with batch norm folded into what it follows.

    Its statistics are 0 and 1, and its channels have scales of their own.
    """
    found = keras.models.clone_model(model)
    found.set_weights(model.get_weights())
    convolution, norm = found.layers[0], found.layers[1]
    scales = np.logspace(-3, 3, convolution.filters, dtype=np.float32)
    # ReLU in between lets a scale pass.
    convolution.set_weights([scales * weights for weights in convolution.get_weights()])
    gamma, beta, mean, variance = norm.get_weights()
    factor = gamma / np.sqrt(variance + norm.epsilon)
    ones = np.full_like(variance, 1 - norm.epsilon)
    norm.set_weights([factor / scales, beta - factor * mean, 0 * mean, ones])
    return found


def test_folded_batch_norm_is_found_and_sound_one_is_not(good_model, few_digits):
    (images, labels), test = few_digits
    order = np.argsort(labels, kind="stable")  # minibatches have all classes even so
    assert doubts(good_model, (few_digits[0], test), pixels="unit") == []
    given = (images[order], labels[order]), test
    assert doubts(good_model, given, pixels="unit") == []
    (sentence,) = doubts(folded(good_model), given, pixels="unit")
    own = np.asarray(good_model(images / 255)).argmax(-1)
    assert f"has {np.sum(own == labels)} of 100 training images right" in sentence
    assert "minibatches of 20" in sentence and "?frozen=batch_norm" in sentence


def test_a_fit_says_so_and_frozen_batch_norm_stays_as_it_is(
    good_model, few_digits, fitted, tmp_path, capsys
):
    file = tmp_path / "folded.keras"
    folded(good_model).save(file)
    settings = {"pixels": "", "steps": 1, "attacks": {"fgsm": FGSM(40.0)}}
    _, record = fitted(f"{file}?pixels=unit", **settings)
    assert [f"warning: {x}" for x in record["warnings"]] == [
        line for line in capsys.readouterr().err.splitlines() if "warning" in line
    ]
    assert doubts(f"{file}?pixels=unit", few_digits)
    assert doubts(f"{file}?pixels=unit&frozen=batch_norm", few_digits) == []
