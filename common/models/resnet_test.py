import keras
import numpy as np
import pytest

from common import engine
from common.models import ResNet, normalization, residual, resnet


def pixels(*shape):
    return np.random.default_rng(1).uniform(0, 255, shape).astype("float32")


STAGES = {  # of the bottleneck networks
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
    338: (3, 42, 64, 3),
    518: (3, 66, 100, 3),
    638: (3, 82, 124, 3),
}


def convolutions(stages):
    """Yields (kernel size, inputs, outputs, height of the outputs) at 224 pixels."""
    yield 7, 3, 64, 112
    filters, size = 64, 56
    for stage, num_blocks in enumerate(stages):
        width = 64 * 2**stage
        for index in range(num_blocks):
            yield 1, filters, width, size
            size //= 2 if stage and not index else 1
            yield 3, width, width, size
            yield 1, width, 4 * width, size
            if not index:
                yield 1, filters, 4 * width, size
            filters = 4 * width


def num_parameters(stages):
    """Trainable scalars: kernels, gammas and betas, and the classifier of 1,000."""
    layers = convolutions(stages)
    return sum((k * k * i + 2) * o for k, i, o, _ in layers) + 2049 * 1000


def multiply_adds(stages):
    """Of kernels and classifier, and one of batch norm for each output."""
    layers = convolutions(stages)
    return sum((k * k * i + 1) * o * s * s for k, i, o, s in layers) + 2048 * 1000


@pytest.mark.parametrize(
    ("depth", "expected"),  # to 152, as published with torchvision's weights
    [
        (18, 11_689_512),
        (34, 21_797_672),
        pytest.param(50, 25_557_032, marks=pytest.mark.slow),
        pytest.param(101, 44_549_160, marks=pytest.mark.slow),
        pytest.param(152, 60_192_808, marks=pytest.mark.slow),
        pytest.param(200, 64_673_832, marks=pytest.mark.slow),
        pytest.param(338, 100_996_136, marks=pytest.mark.slow),
        pytest.param(518, 147_936_296, marks=pytest.mark.slow),
        pytest.param(638, 179_229_736, marks=pytest.mark.slow),
    ],
)
def test_parameter_count(depth, expected):
    network = ResNet(depth=depth).build(1000, 224)
    counted = sum(int(np.prod(v.shape)) for v in network.trainable_weights)
    assert counted == expected
    if depth in STAGES:
        assert counted == num_parameters(STAGES[depth])


@pytest.mark.parametrize(
    ("depth", "reported"),  # Xie 2020, the depth figure, read off to 0.2
    [(152, 11.6), (200, 15.1), (338, 25.2), (518, 38.3), (638, 47.1)],
)
def test_multiply_adds_are_the_papers(depth, reported):
    assert multiply_adds(STAGES[depth]) / 1e9 == pytest.approx(reported, abs=0.2)


@pytest.mark.slow
def test_multiply_adds_are_those_that_the_costs_count():
    network = ResNet(depth=50).build(1000, 224)
    counted = engine.forward_flops(network, (1, 224, 224, 3))
    assert counted / 2 == pytest.approx(multiply_adds(STAGES[50]), rel=0.02)


@pytest.mark.parametrize("depth", STAGES)
def test_stages_are_as_long_as_the_depth_says(depth):
    assert resnet._DEPTHS[depth] == (residual.bottleneck, STAGES[depth])
    assert sum(STAGES[depth]) == (depth - 2) // 3


def test_blocks_are_named_by_stage_and_only_the_first_of_later_stages_reduces():
    blocks = resnet._blocks(ResNet(depth=50))
    names = [
        f"stage{stage}_block{index}"
        for stage, num_blocks in enumerate(STAGES[50], start=1)
        for index in range(1, num_blocks + 1)
    ]
    assert [block.name for block in blocks] == names
    strides = [block.residual[1].conv.strides[0] for block in blocks]
    assert strides == [
        2 if n[5:] in ("2_block1", "3_block1", "4_block1") else 1 for n in names
    ]
    assert [block.filters for block in blocks[::6]] == [256, 512, 1024]


class NumpyResNet:
    """The forward pass in PyTorch's terms, from a table of weights."""

    def __init__(self, network):
        self.weights = {
            v.path.removeprefix("resnet/"): v.numpy().astype("float64")
            for v in network.weights
        }

    def windows(self, x, size, stride, value=0.0):
        """Yields (i, j, the inputs under offset i, j of a centred window)."""
        side = size // 2
        out = (x.shape[1] + 2 * side - size) // stride + 1
        edges = ((0, 0), (side, side), (side, side), (0, 0))
        x = np.pad(x, edges, constant_values=value)
        reach = stride * (out - 1) + 1
        for i in range(size):
            for j in range(size):
                yield i, j, x[:, i : i + reach : stride, j : j + reach : stride]

    def conv_norm(self, x, name, stride):
        kernel = self.weights[f"{name}/conv/kernel"]
        views = self.windows(x, len(kernel), stride)
        x = sum(view @ kernel[i, j] for i, j, view in views)
        mean, variance, gamma, beta = (
            self.weights[f"{name}/norm/{part}"]
            for part in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    def block(self, x, name, strides):
        y = x
        for index, stride in enumerate(strides, start=1):
            y = self.conv_norm(y, f"{name}/conv{index}", stride)
            y = np.maximum(y, 0) if index < len(strides) else y
        if f"{name}/shortcut/conv/kernel" in self.weights:
            x = self.conv_norm(x, f"{name}/shortcut", max(strides))
        return np.maximum(x + y, 0)

    def __call__(self, images, stages, bottleneck):
        x = images.astype("float64") / 255
        x = (x - normalization.IMAGENET_MEAN) / normalization.IMAGENET_STDDEV
        large = images.shape[1] > 64
        x = np.maximum(self.conv_norm(x, "stem", 2 if large else 1), 0)
        if large:
            x = np.max([view for *_, view in self.windows(x, 3, 2, -np.inf)], axis=0)
        for stage, num_blocks in enumerate(stages, start=1):
            for index in range(1, num_blocks + 1):
                stride = 2 if stage > 1 and index == 1 else 1
                strides = (1, stride, 1) if bottleneck else (stride, 1)
                x = self.block(x, f"stage{stage}_block{index}", strides)
        x = x.mean((1, 2))
        return x @ self.weights["classifier/kernel"] + self.weights["classifier/bias"]


@pytest.mark.parametrize(
    ("depth", "image_size", "stages"),
    [
        (18, 8, (2, 2, 2, 2)),
        (18, 66, (2, 2, 2, 2)),
        pytest.param(50, 66, (3, 4, 6, 3), marks=pytest.mark.slow),
    ],
)
def test_forward_pass_agrees_with_numpy(depth, image_size, stages):
    network = ResNet(depth=depth).build(10, image_size)
    generator = np.random.default_rng(2)
    for variable in network.weights:
        if variable.name != "kernel":
            variable.assign(generator.uniform(0.5, 1.0, variable.shape))
    images = pixels(2, image_size, image_size, 3)
    expected = NumpyResNet(network)(images, stages, depth >= 50)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(network(images), expected, rtol=1e-3, atol=1e-3)


def test_the_stem_depends_on_the_image_size():
    sizes = {
        size: ResNet(depth=18).build(10, size).stem.conv.kernel.shape[0]
        for size in (32, 63, 64)  # 64: the whole stem in adversarial logit pairing
    }
    assert sizes == {32: 3, 63: 3, 64: 7}


def test_initial_scales():
    network = ResNet(depth=18).build(1000, 8)
    conv = network.blocks[-1].residual[1].conv.kernel.numpy()
    assert conv.std() == pytest.approx(np.sqrt(2 / (9 * 512)), rel=0.01)
    for variable in network.classifier.weights:
        assert 0.98 < np.abs(variable).max() * np.sqrt(512) <= 1.0


def test_the_classifier_may_start_normal_around_biases_of_0():
    layer = ResNet(depth=18, classifier_stddev=0.01).build(1000, 8).classifier
    assert np.std(layer.kernel) == pytest.approx(0.01, rel=0.01)
    assert not np.any(layer.bias)


def test_images_are_normalised_as_the_recipe_says():
    images = np.array([[[[0.0, 127.5, 255.0]]]], "float32")
    network = ResNet(depth=18, normalization="symmetric").build(10, 8)
    assert network.normalize(images).numpy().tolist() == [[[[-1.0, 0.0, 1.0]]]]


def test_one_channel_needs_another_normalisation():
    with pytest.raises(
        ValueError, match=r"'per_image' takes any. Received: channels=1"
    ):
        ResNet(depth=18).build(10, 8, 1)
    network = ResNet(depth=18, normalization="per_image").build(10, 8, 1)
    assert network(pixels(2, 8, 8, 1)).shape == (2, 10)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("depth", 51, "Received: depth=51"),
        ("activation", "rel", "Nearest: relu"),
        ("normalization", "image_net", "Nearest: imagenet"),
        ("denoise", "gauss", "Nearest: gaussian"),
        ("groups", 0, "Received: groups=0"),
        ("group_width", 0, "Received: groups=1, group_width=0"),
        ("classifier_stddev", -0.01, "Received: classifier_stddev=-0.01"),
    ],
)
def test_what_does_not_exist_is_refused_when_declared(field, value, message):
    with pytest.raises(ValueError, match=message):
        ResNet(**{field: value})


def test_paths_are_unique_and_the_seed_decides_the_weights():
    built = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        network = ResNet(depth=18).build(10, 8)
        built.append({v.path: v.numpy() for v in network.weights})
        assert len(built[-1]) == len(network.weights)
    assert list(built[0]) == list(built[1])
    for path, value in built[0].items():
        np.testing.assert_array_equal(value, built[1][path])


def test_training_moves_every_statistic_and_inference_none():
    network = ResNet(depth=18).build(10, 8)
    before = [v.numpy() for v in network.weights]
    network(pixels(4, 8, 8, 3))
    for old, variable in zip(before, network.weights, strict=True):
        np.testing.assert_array_equal(old, variable)
    network(pixels(4, 8, 8, 3), training=True)
    for old, variable in zip(before, network.weights, strict=True):
        assert np.array_equal(old, variable) != ("moving" in variable.name)


def test_mixed_precision_gives_float32_logits_of_unrounded_pixels():
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = ResNet(depth=18).build(10, 66)
    assert {v.dtype for v in network.weights} == {"float32"}
    flat = np.full((2, 66, 66, 3), 123.6, "float32")
    # Variation below the spacing of bfloat16 at 123 still counts.
    logits, other = (
        network(images, training=True) for images in (flat, flat + pixels(66, 3) / 2550)
    )
    assert logits.dtype == "float32"
    assert np.isfinite(other).all()
    assert not np.array_equal(logits, other)


def test_every_depth_has_a_row_in_the_parameter_counts():
    rows = test_parameter_count.pytestmark[0].args[1]
    depths = [getattr(row, "values", row)[0] for row in rows]
    assert depths == list(resnet._DEPTHS)
