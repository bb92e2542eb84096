import keras
import numpy as np
import pytest

from common.models import ResNet, normalization, resnet


def pixels(*shape):
    return np.random.default_rng(1).uniform(0, 255, shape).astype("float32")


@pytest.mark.parametrize(
    ("depth", "expected"),  # as published with torchvision's weights
    [
        (18, 11_689_512),
        (34, 21_797_672),
        pytest.param(50, 25_557_032, marks=pytest.mark.slow),
        pytest.param(101, 44_549_160, marks=pytest.mark.slow),
        pytest.param(152, 60_192_808, marks=pytest.mark.slow),
    ],
)
def test_parameter_count(depth, expected):
    network = ResNet(depth=depth).build(1000, 224)
    counted = sum(int(np.prod(v.shape)) for v in network.trainable_weights)
    assert counted == expected


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
        for size in (32, 64, 96)
    }
    assert sizes == {32: 3, 64: 3, 96: 7}


def test_zero_gamma_makes_every_block_start_as_its_shortcut():
    network = ResNet(depth=18, zero_gamma=True).build(10, 8)
    for block in network.blocks:
        *inner, last = [v for v in block.trainable_weights if v.name == "gamma"][:2]
        assert all(v.numpy().all() for v in inner)
        assert not last.numpy().any()
    features = np.abs(pixels(2, 4, 4, 64))
    np.testing.assert_allclose(network.blocks[0](features), features)


def test_initial_scales():
    network = ResNet(depth=18).build(1000, 8)
    conv = network.blocks[-1].residual[1].conv.kernel.numpy()
    assert conv.std() == pytest.approx(np.sqrt(2 / (9 * 512)), rel=0.01)
    for variable in network.classifier.weights:
        assert 0.98 < np.abs(variable).max() * np.sqrt(512) <= 1.0


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
