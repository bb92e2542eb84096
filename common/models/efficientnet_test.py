"""The published sizes, what they are made of, and a twin from `keras.applications`."""

import dataclasses
import json
import re

import keras
import numpy as np
import pytest

from common import engine, recipe
from common.models import EfficientNet, batch_norm, efficientnet, layers, mbconv, norms


@dataclasses.dataclass(frozen=True)
class Published:
    """Filters of stem, stages and head, blocks of the stages; weights, 1e9 FLOPs."""

    image_size: int
    stem: int
    stages: tuple[int, ...]
    head: int
    blocks: tuple[int, ...]
    weights: int
    multiply_adds: float

    def convolutions(self):
        """Yields (kernel size, inputs, outputs, groups, height of the outputs)."""
        size = -(-self.image_size // 2)
        yield 3, 3, self.stem, 1, size
        inputs = self.stem
        kernels, strides = (3, 3, 5, 3, 5, 5, 3), (1, 2, 2, 2, 1, 2, 1)
        for stage, filters in enumerate(self.stages):
            for index in range(self.blocks[stage]):
                inner = inputs if stage == 0 else 6 * inputs
                if stage:
                    yield 1, inputs, inner, 1, size
                size = -(-size // (1 if index else strides[stage]))
                yield kernels[stage], inner, inner, inner, size
                yield 1, inner, filters, 1, size
                inputs = filters
        yield 1, inputs, self.head, 1, size

    def gates(self):
        """Yields (channels of a gate, channels that decide on it)."""
        inputs = self.stem
        for stage, filters in enumerate(self.stages):
            for _ in range(self.blocks[stage]):
                yield inputs if stage == 0 else 6 * inputs, inputs // 4
                inputs = filters

    def num_weights(self):
        convolutions = sum(
            (k * k * i // g + 2) * o for k, i, o, g, _ in self.convolutions()
        )
        gates = sum(2 * c * s + c + s for c, s in self.gates())
        return convolutions + gates + (self.head + 1) * 1000

    def num_multiply_adds(self):
        convolutions = sum(
            k * k * i // g * o * size * size for k, i, o, g, size in self.convolutions()
        )
        gates = sum(2 * c * s for c, s in self.gates())
        return convolutions + gates + self.head * 1000


# Weights and FLOPs as published; L1's own numbers are not, nor its filters.
PUBLISHED = {
    "b0": Published(
        224, 32, (16, 24, 40, 80, 112, 192, 320), 1280,
        (1, 2, 2, 3, 3, 4, 1), 5_288_548, 0.39,
    ),
    "b1": Published(
        240, 32, (16, 24, 40, 80, 112, 192, 320), 1280,
        (2, 3, 3, 4, 4, 5, 2), 7_794_184, 0.70,
    ),
    "b2": Published(
        260, 32, (16, 24, 48, 88, 120, 208, 352), 1408,
        (2, 3, 3, 4, 4, 5, 2), 9_109_994, 1.0,
    ),
    "b3": Published(
        300, 40, (24, 32, 48, 96, 136, 232, 384), 1536,
        (2, 3, 3, 5, 5, 6, 2), 12_233_232, 1.8,
    ),
    "b4": Published(
        380, 48, (24, 32, 56, 112, 160, 272, 448), 1792,
        (2, 4, 4, 6, 6, 8, 2), 19_341_616, 4.2,
    ),
    "b5": Published(
        456, 48, (24, 40, 64, 128, 176, 304, 512), 2048,
        (3, 5, 5, 7, 7, 9, 3), 30_389_784, 9.9,
    ),
    "b6": Published(
        528, 56, (32, 40, 72, 144, 200, 344, 576), 2304,
        (3, 6, 6, 8, 8, 11, 3), 43_040_704, 19.0,
    ),
    "b7": Published(
        600, 64, (32, 48, 80, 160, 224, 384, 640), 2560,
        (4, 7, 7, 10, 10, 13, 4), 66_347_960, 37.0,
    ),
    "l1": Published(
        600, 128, (64, 96, 160, 312, 440, 752, 1248), 4992,
        (4, 8, 8, 12, 12, 15, 4), 0, 0.0,
    ),
}  # fmt: skip
KERNELS, STRIDES = (3, 3, 5, 3, 5, 5, 3), (1, 2, 2, 2, 1, 2, 1)


@pytest.mark.parametrize("name", [n for n in PUBLISHED if n != "l1"])
def test_the_arithmetic_gives_the_published_numbers(name):
    published = PUBLISHED[name]
    assert published.num_weights() == published.weights
    # The paper rounds to two digits, and B4's and B5's are 4 % below any count.
    expected = pytest.approx(published.multiply_adds, rel=0.05)
    assert published.num_multiply_adds() / 1e9 == expected


def test_l1_has_273_million_weights():
    assert PUBLISHED["l1"].num_weights() == 272_630_564
    assert PUBLISHED["l1"].num_multiply_adds() / 1e9 == pytest.approx(162.0, abs=0.1)


@pytest.mark.parametrize(
    "name",
    [
        *("b0", "b1", "b2", "b3"),
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("b4", "b5", "b6", "b7")),
        pytest.param("l1", marks=pytest.mark.slow),
    ],
)
def test_parameter_count(name):
    size = efficientnet.SIZES[name]
    network = EfficientNet.named(name).build(1000, size.image_size)
    counted = sum(int(np.prod(v.shape)) for v in network.trainable_weights)
    assert counted == PUBLISHED[name].num_weights()
    assert len({v.path for v in network.weights}) == len(network.weights)


@pytest.mark.slow
def test_multiply_adds_are_those_that_the_costs_count():
    network = EfficientNet().build(1000, 224)
    counted = engine.forward_flops(network, (1, 224, 224, 3))
    expected = PUBLISHED["b0"].num_multiply_adds()
    assert counted / 2 == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("name", PUBLISHED)
def test_blocks_are_those_of_the_published_size(name):
    published, config = PUBLISHED[name], EfficientNet.named(name)
    assert efficientnet.SIZES[name].image_size == published.image_size
    assert config.filters(32) == published.stem
    assert config.filters(1280) == published.head
    expected, inputs = {}, published.stem
    for stage, filters in enumerate(published.stages):
        for index in range(published.blocks[stage]):
            expected[f"stage{stage + 1}_block{index + 1}"] = mbconv.Form(
                inputs=inputs,
                filters=filters,
                expansion=6 if stage else 1,
                kernel_size=KERNELS[stage],
                strides=1 if index else STRIDES[stage],
            )
            inputs = filters
    found = efficientnet._forms(config)
    assert list(found.items()) == list(expected.items())


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
    generator = np.random.default_rng(2)
    for variable in network.weights:
        if variable.name != "kernel":
            variable.assign(generator.uniform(0.5, 1.5, variable.shape))
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
        images = generator.uniform(0, 255, (2, size, size, 3)).astype("float32")
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


def test_fields_go_to_json():
    config = EfficientNet.named("b3", norm=norms.Batch(norms.MIXTURE))
    found = json.loads(json.dumps(recipe.to_dict(config)))
    assert (found["width"], found["survival"]) == (1.2, 0.8)
    assert found["norm"]["branches"] == ["clean", "adversarial"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("width", 0.0, "width must be above 0. Received: width=0.0"),
        ("depth", -1.0, "depth must be above 0. Received: depth=-1.0"),
        ("dropout", 1.0, "at least 0 and below 1. Received: dropout=1.0"),
        ("survival", 0.0, "above 0 and at most 1. Received: survival=0.0"),
        ("survival", 1.1, "Received: survival=1.1"),
        ("momentum", 1.0, "at least 0 and below 1. Received: momentum=1.0"),
        ("epsilon", 0.0, "epsilon must be above 0. Received: epsilon=0.0"),
        ("activation", "silus", "Nearest: silu"),
        ("normalization", "symetric", "Nearest: symmetric"),
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
