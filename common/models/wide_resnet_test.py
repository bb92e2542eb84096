import keras
import numpy as np
import pytest
import tensorflow as tf

from common.models import WideResNet


def pixels(*shape):
    return np.random.default_rng(1).uniform(0, 255, shape).astype("float32")


def randomised(network):
    """Gives every variable a value that its place in the forward pass decides on."""
    generator = np.random.default_rng(2)
    for variable in network.weights:
        if variable.name != "kernel":
            variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    return network


def num_parameters(depth, width, num_classes, channels):
    """Trainable scalars, counted layer by layer without building anything."""
    total, filters = 9 * channels * 16, 16
    for stage in (16, 32, 64):
        for _ in range((depth - 2) // 6):
            total += 2 * filters + 9 * filters * (stage * width)
            filters = stage * width
            total += 2 * filters + 9 * filters * filters
    return total + 2 * filters + (filters + 1) * num_classes


@pytest.mark.parametrize(
    ("config", "num_classes", "image_size", "channels"),
    [
        (WideResNet(depth=8, width=1), 10, 8, 1),
        (WideResNet(depth=14, width=2), 100, 32, 3),
        (WideResNet(), 10, 32, 3),
    ],
)
def test_parameter_count(config, num_classes, image_size, channels):
    network = config.build(num_classes, image_size, channels)
    counted = sum(int(np.prod(v.shape)) for v in network.trainable_weights)
    assert counted == num_parameters(config.depth, config.width, num_classes, channels)


def test_wrn_32_10_has_45_9_million_parameters():
    assert num_parameters(32, 10, 10, 3) == 45_901_914


def test_depth_34_is_the_network_of_depth_32():
    paths = [
        [v.path for v in WideResNet(depth=depth, width=1).build(10, 8).weights]
        for depth in (14, 16)
    ]
    assert paths[0] == paths[1]


@pytest.mark.parametrize("depth", [2, 7, 9, 30, 33])
def test_depth_outside_the_family_is_refused(depth):
    with pytest.raises(ValueError, match=f"Received: depth={depth}"):
        WideResNet(depth=depth)


@pytest.mark.parametrize("field", ["width", "stem_stride"])
def test_fields_are_positive(field):
    with pytest.raises(ValueError, match=f"Received: {field}=0"):
        WideResNet(**{field: 0})


def test_unknown_activation_is_refused_when_declared():
    with pytest.raises(ValueError, match="Nearest: leaky_relu"):
        WideResNet(activation="leaky")


class NumpyWideResNet:
    """The forward pass from a table of weights, one formula per line."""

    def __init__(self, network):
        self.weights = {
            v.path.removeprefix("wide_resnet/"): v.numpy().astype("float64")
            for v in network.weights
        }

    def conv(self, x, name, stride):
        kernel = self.weights[f"{name}/kernel"]
        size = -(-x.shape[1] // stride)
        before = max((size - 1) * stride + 3 - x.shape[1], 0) // 2
        x = np.pad(x, ((0, 0), (before, 3), (before, 3), (0, 0)))
        span = stride * size
        return sum(
            x[:, i : i + span : stride, j : j + span : stride] @ kernel[i, j]
            for i in range(3)
            for j in range(3)
        )

    def norm_act(self, x, name):
        mean, variance, gamma, beta = (
            self.weights[f"{name}/norm/{part}"]
            for part in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        x = (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        return np.where(x > 0, x, 0.1 * x)

    def unit(self, x, name, stride, first):
        activated = self.norm_act(x, f"{name}/norm_act1")
        shortcut = activated if first else x
        y = self.conv(activated, f"{name}/conv1", stride)
        y = self.conv(self.norm_act(y, f"{name}/norm_act2"), f"{name}/conv2", 1)
        if stride == 2:
            b, h, w, c = shortcut.shape
            shortcut = shortcut.reshape(b, h // 2, 2, w // 2, 2, c).mean((2, 4))
        side = (y.shape[-1] - shortcut.shape[-1]) // 2
        return y + np.pad(shortcut, ((0, 0), (0, 0), (0, 0), (side, side)))

    def __call__(self, images, depth, stem_stride):
        x = images.astype("float64")
        deviation = np.maximum(x.std((1, 2, 3)), x[0].size ** -0.5)
        x = (x - x.mean((1, 2, 3), keepdims=True)) / deviation[:, None, None, None]
        x = self.conv(x, "stem", stem_stride)
        for stage in (1, 2, 3):
            for index in range(1, (depth - 2) // 6 + 1):
                stride = 2 if stage > 1 and index == 1 else 1
                first = stage == index == 1
                x = self.unit(x, f"stage{stage}_unit{index}", stride, first)
        x = self.norm_act(x, "head").mean((1, 2))
        return x @ self.weights["classifier/kernel"] + self.weights["classifier/bias"]


@pytest.mark.parametrize(
    ("depth", "width", "stem_stride", "shape"),
    [
        (8, 1, 1, (3, 8, 8, 1)),
        (8, 1, 2, (3, 32, 32, 3)),
        (14, 2, 1, (3, 8, 8, 3)),
    ],
)
def test_forward_pass_agrees_with_numpy(depth, width, stem_stride, shape):
    config = WideResNet(depth=depth, width=width, stem_stride=stem_stride)
    network = randomised(config.build(10, shape[1], shape[3]))
    images = pixels(*shape)
    expected = NumpyWideResNet(network)(images, depth, stem_stride)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(network(images), expected, atol=1e-4, rtol=1e-4)


def test_odd_sizes_pass():
    network = WideResNet(depth=8, width=1).build(10, 7, 1)
    assert network(pixels(2, 7, 7, 1)).shape == (2, 10)


def test_initial_scales():
    network = WideResNet(depth=8, width=4).build(10, 8)
    kernels = {v.path: v.numpy() for v in network.weights if v.name == "kernel"}
    conv = kernels["wide_resnet/stage3_unit1/conv2/kernel"]
    assert conv.std() == pytest.approx(np.sqrt(2 / (9 * 256)), rel=0.01)
    assert np.abs(conv).max() > 3 * conv.std()  # not truncated at two deviations
    limit = np.sqrt(3 / 256)
    dense = kernels["wide_resnet/classifier/kernel"]
    assert 0.98 * limit < np.abs(dense).max() <= limit
    assert not network.classifier.bias.numpy().any()


def test_the_seed_decides_the_weights_and_the_paths_are_unique():
    built = []
    for seed in (0, 0, 1):
        keras.utils.set_random_seed(seed)
        network = WideResNet(depth=8, width=1).build(10, 8, 1)
        built.append({v.path: v.numpy() for v in network.weights})
        assert len(built[-1]) == len(network.weights)
    first, second, other = built
    assert list(first) == list(second)  # although another was built before
    for path, value in first.items():
        np.testing.assert_array_equal(value, second[path])
    path = "wide_resnet/stage1_unit1/conv1/kernel"
    assert not np.array_equal(first[path], other[path])


def test_training_moves_every_statistic_and_inference_none():
    network = WideResNet(depth=8, width=1).build(10, 8, 1)
    images = pixels(4, 8, 8, 1)
    before = [v.numpy() for v in network.weights]
    network(images)
    network(images, training=False, branch="clean")
    for old, variable in zip(before, network.weights, strict=True):
        np.testing.assert_array_equal(old, variable)
    network(images, training=True)
    for old, variable in zip(before, network.weights, strict=True):
        assert np.array_equal(old, variable) != ("moving" in variable.name)


def test_compiled_step_traces_once_and_gives_finite_pixel_gradients():
    network = WideResNet(depth=8, width=1).build(10, 8, 1)

    @tf.function
    def step(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = tf.reduce_sum(network(images, training=True)[:, 0])
        return tape.gradient(loss, images)

    images = pixels(4, 8, 8, 1)
    images[0] = 128.0
    for scale in (1.0, 0.5):
        gradient = step(tf.constant(images * np.float32(scale)))
    assert step.experimental_get_tracing_count() == 1
    assert gradient.shape == images.shape
    assert np.isfinite(gradient).all()
    assert np.abs(gradient[1:]).max() > 0


def test_mixed_precision_gives_float32_logits_of_unrounded_pixels():
    exact = WideResNet(depth=8, width=1).build(10, 8, 1)
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = WideResNet(depth=8, width=1).build(10, 8, 1)
    network.set_weights(exact.get_weights())
    # Differences below the spacing of bfloat16 at 200 decide these images.
    images = 200.0 + pixels(4, 8, 8, 1) / 1000.0
    logits = network(images, training=True)
    assert logits.dtype == "float32"
    assert {v.dtype for v in network.weights} == {"float32"}
    np.testing.assert_allclose(logits, exact(images, training=True), atol=0.1)


def test_builds_and_steps_under_a_strategy(two_replicas):
    with two_replicas.scope():
        network = WideResNet(depth=8, width=1).build(10, 8, 1)
    step = tf.function(
        lambda images: two_replicas.run(lambda i: network(i, training=True), (images,))
    )
    logits = two_replicas.experimental_local_results(step(pixels(2, 8, 8, 1)))
    assert [piece.shape for piece in logits] == [(2, 10)] * 2


def test_unknown_branch_is_refused():
    network = WideResNet(depth=8, width=1).build(10, 8, 1)
    with pytest.raises(ValueError, match=r"branches clean. Received: branch=advers"):
        network(pixels(2, 8, 8, 1), branch="adversarial")


def test_units_follow_the_papers_strides():
    units = WideResNet(depth=14, width=1).build(10, 8, 1).units
    assert [unit.strides for unit in units] == [1, 1, 2, 1, 2, 1]
    assert [unit.first for unit in units] == [True] + [False] * 5
    assert [unit.filters for unit in units] == [16, 16, 32, 32, 64, 64]
