"""What every network promises, whatever it is made of; a new network is a new row."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import backend, models
from common.models import layers, norms
from tests.oracles.networks import randomised


class Shallow(models.ResNet):
    """The stages of a ResNet but the last, with one block in each."""

    blocks = (1, 1, 1, 0)


SIZE = 9  # an odd size, which no stride divides
MIXTURE = norms.Batch(norms.MIXTURE)
NETWORKS = {  # the network, and the channels of its images
    "resnet": (models.ResNet(depth=18), 3),
    "resnet, mixture": (Shallow(depth=18, denoise="gaussian", norm=MIXTURE), 3),
    "resnet_v2": (models.ResNetV2(depth=50), 3),
    "wide": (models.WideResNet(depth=8, width=1), 1),
    "wide, group": (models.WideResNet(depth=8, width=1, norm=norms.Group(8)), 1),
    "wide, mixture": (models.WideResNet(depth=8, width=1, norm=MIXTURE), 3),
    "efficientnet": (
        models.EfficientNet(
            width=0.25, depth=0.5, activation="learned_softplus", norm=MIXTURE
        ),
        1,
    ),
    "inception_resnet_v2": (models.InceptionResNetV2(width=0.25, blocks=(1, 1, 1)), 1),
    "inception_v3": (models.InceptionV3(width=0.25, blocks=(1, 1, 1)), 1),
    "inception_v4": (models.InceptionV4(width=0.25, blocks=(1, 1, 1)), 1),
    "maxout": (models.Maxout(units=40, pieces=3), 1),
}
OF_HEADS = ("inception_resnet_v2", "inception_v3", "inception_v4", "maxout")
DRAWING = ("efficientnet", *OF_HEADS)
FLEXIBLE = [name for name in NETWORKS if name not in OF_HEADS]
BY_BATCH = [name for name in NETWORKS if name not in ("wide, group", "maxout")]


def rows(names):
    """Returns the names, of which the costly ones are for the slow tests."""
    slow = ("resnet", "resnet_v2", "inception_resnet_v2", "inception_v4")
    return [
        pytest.param(name, marks=[pytest.mark.slow] * (name in slow)) for name in names
    ]


def made(name):
    config, channels = NETWORKS[name]
    return config.build(10, SIZE, channels)


@pytest.fixture(scope="module", params=rows(NETWORKS))
def built(request):
    """A network whose weights all reach the logits, its name, and its first weights."""
    keras.utils.set_random_seed(0)
    network = made(request.param)
    first = network.get_weights()
    randomised(network)
    return network, request.param, first


@pytest.fixture
def network(built):
    """The network, which gets its weights back after the test."""
    before = built[0].get_weights()
    yield built[0]
    built[0].set_weights(before)


@pytest.fixture
def images(built):
    shape = (6, SIZE, SIZE, NETWORKS[built[1]][1])
    return np.random.default_rng(1).uniform(0, 255, shape).astype("float32")


def of(names):
    return pytest.mark.parametrize("built", rows(names), indirect=True, scope="module")


def ask(network, images, **mode):
    """Calls a network, with a seed where it draws; all its heads where it has some."""
    if getattr(network, "draws", False):
        mode = {"seed": 5, **mode}
    return getattr(network, "heads", network)(images, **mode)


def parts(network):
    """Six images in two parts: the first four take the last of the branches."""
    return (network.branches[-1], 4), (network.branches[0], 2)


def values(network):
    return {v.path: v.numpy() for v in network.weights}


def changed(network, before):
    return {path for path, v in values(network).items() if np.any(v != before[path])}


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_every_network_has_a_row():
    types = {type(config) for config, _ in NETWORKS.values()} - {Shallow}
    assert types == set(models.MODELS)


def test_logits_are_float32_one_for_each_class(network, images):
    logits = network(images)
    assert logits.shape == (6, 10) and logits.dtype == "float32"
    assert np.ptp(logits) > 0.01
    np.testing.assert_array_equal(
        logits, network(images, training=False, branch=network.branches[0])
    )


def test_the_seed_decides_the_weights_and_paths_are_where_they_are_kept(
    built, network, images
):
    _, name, first = built
    keras.utils.set_random_seed(0)
    other = made(name)
    assert [v.path for v in other.weights] == list(values(network))
    for value, variable in zip(first, other.weights, strict=True):
        np.testing.assert_array_equal(value, variable)
    kernels = [v.numpy().flat[0] for v in other.weights if "kernel" in v.name]
    assert len(set(kernels)) == len(kernels)  # none is drawn as another one is
    kept = values(network)
    for variable in other.weights:
        variable.assign(kept[variable.path])
    np.testing.assert_array_equal(ask(other, images), ask(network, images))


def test_training_moves_the_statistics_of_its_branch_and_inference_none(
    network, images
):
    statistics = {path for path in values(network) if "/moving_" in path}
    for branch in network.branches:
        before = values(network)
        ask(network, images, branch=branch)
        assert not changed(network, before)
        ask(network, images, training=True, branch=branch)
        its_own = {path for path in statistics if path.endswith(f"_{branch}")}
        assert changed(network, before) == (its_own or statistics)


@of(FLEXIBLE)
def test_the_mode_may_be_decided_when_a_compiled_step_runs(network, images):
    mode = {"branch": parts(network)}
    step = tf.function(lambda training: ask(network, images, training=training, **mode))
    for training in (True, False):
        before = network.get_weights()
        logits, after = step(tf.constant(training)), network.get_weights()
        network.set_weights(before)
        close(logits, ask(network, images, training=training, **mode))
        for value, variable in zip(after, network.weights, strict=True):
            close(value, variable)
        network.set_weights(before)
    assert step.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("training", [False, True])
@of(FLEXIBLE)
def test_parts_of_a_batch_are_separate_calls_where_there_are_branches(
    network, images, training
):
    before = network.get_weights()
    whole = ask(network, images, training=training, branch=parts(network))
    after = network.get_weights()
    network.set_weights(before)
    pieces = {"clean": images}
    if network.branches != ("clean",):
        pieces = {"adversarial": images[:4], "clean": images[4:]}
    alone = [
        ask(network, piece, training=training, branch=branch)
        for branch, piece in pieces.items()
    ]
    close(whole, np.concatenate(alone))
    for value, variable in zip(after, network.weights, strict=True):
        close(value, variable)
    if len(pieces) > 1:
        swapped = ask(network, images[:4], training=training, branch="clean")
        assert np.abs(swapped - whole[:4]).max() > 0.01 * np.ptp(whole)


@of(BY_BATCH)
def test_a_branch_that_is_not_there_is_refused(network, images):
    with pytest.raises(
        ValueError, match=r"has the branches .* Received: branch=advers"
    ):
        ask(network, images, branch="advers")


@of(DRAWING)
def test_training_that_draws_needs_a_seed(network, images):
    before = values(network)
    with pytest.raises(ValueError, match=r"so it needs a seed\. Received: seed=None"):
        ask(network, images, training=True, seed=None)
    assert not changed(network, before)
    assert network.draws


@of(DRAWING)
def test_an_image_loses_the_same_wherever_it_stands(network, images):
    order = [3, 5, 0, 1, 4, 2]
    logits = network(images, training=True, seed=5).numpy()
    seed = tf.constant(5, tf.int64)
    close(network(images[order], training=True, seed=seed), logits[order])
    other = network(images, training=True, seed=6).numpy()
    assert np.abs(other - logits).max() > 0.01 * np.ptp(logits)


def test_a_compiled_step_traces_once_and_trains_every_weight(network, images):
    @tf.function
    def gradients(images, seed):
        def loss(inputs):
            mode = {"seed": seed} if getattr(network, "draws", False) else {}
            mode |= {"training": True, "branch": parts(network)}
            heads = ask(network, inputs, **mode)
            return sum(tf.reduce_sum(head[..., 0]) for head in tf.nest.flatten(heads))

        return backend.value_and_gradients(loss, images, network.trainable_weights)[1]

    for seed in (0, 1):
        of_images, found = gradients(tf.constant(images), tf.constant(seed, tf.int64))
    assert gradients.experimental_get_tracing_count() == 1
    assert np.isfinite(of_images).all()
    assert np.abs(of_images).max(axis=(1, 2, 3)).min() > 0
    for variable, gradient in zip(network.trainable_weights, found, strict=True):
        assert np.abs(gradient).max() > 0, variable.path


@of(FLEXIBLE)
def test_every_activation_hears_of_the_backward_pass(network, images, monkeypatch):
    heard = {}

    def recorded(self, inputs, backward="own"):
        heard[self.path] = backward
        return inputs

    monkeypatch.setattr(layers.Activation, "call", recorded)
    ask(network, images, backward="smooth")
    there = [
        layer.path
        for layer in network._flatten_layers()
        if isinstance(layer, layers.Activation)
    ]
    assert heard == dict.fromkeys(there, "smooth") and len(there) > 6


@pytest.mark.parametrize("name", rows([*BY_BATCH, "wide, group"]))
def test_mixed_precision_gives_float32_logits_of_unrounded_pixels(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = made(name)
    assert {v.dtype for v in network.weights} == {"float32"}
    assert "bfloat16" in {layer.compute_dtype for layer in network._flatten_layers()}
    flat = np.full((2, SIZE, SIZE, NETWORKS[name][1]), 123.6, "float32")
    # Differences below the spacing of bfloat16 at 123 still count.
    noise = np.random.default_rng(1).uniform(0, 0.1, flat.shape).astype("float32")
    one, other = (
        tf.nest.flatten(ask(network, images, training=True))
        for images in (flat, flat + noise)
    )
    for first, second in zip(one, other, strict=True):
        assert first.dtype == second.dtype == "float32"
        assert np.isfinite(second).all()
        assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("config", "published"),
    [
        (models.ResNet(depth=18), 11_689_512),  # with torchvision's weights
        pytest.param(models.ResNet(200), 64_673_832, marks=pytest.mark.slow),
        pytest.param(models.ResNet(50, 32, 4), 25_028_904, marks=pytest.mark.slow),
        (
            models.WideResNet(),
            45_901_914 + 990 * 641,
        ),  # its 45.9 million have 10 classes
        (models.EfficientNet(), 5_288_548),
        pytest.param(
            models.EfficientNet.named("l1"), 272_630_564, marks=pytest.mark.slow
        ),
    ],
    ids=str,
)
def test_parameters_of_a_thousand_classes_are_as_many_as_published(config, published):
    image_size = 64 if isinstance(config, models.ResNet) else 8
    network = config.build(1000, image_size)
    assert sum(int(np.prod(v.shape)) for v in network.trainable_weights) == published
