"""Networks of anybody's as networks of the suite: the same numbers, both ways."""

import json
import re

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras.src.saving.serialization_lib import SafeModeScope

from common import backend
from common.foreign import adopt
from common.models import activations, norms

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype(np.float32)
UNIT = PIXELS / 255


def dense(units):
    return layers.Dense(units)


def randomised(model):
    """Returns the model with weights of which none is what it was made with."""
    rng = np.random.default_rng(1)
    for layer in model._flatten_layers(include_self=False):
        for variable in layer._trainable_variables + layer._non_trainable_variables:
            values = 0.3 * rng.normal(size=variable.shape)
            if "variance" in variable.name:
                values = 1 + np.abs(values)
            if not isinstance(layer, layers.Normalization):
                variable.assign(values.astype("float32"))
    return model


def sequential(*further, head="softmax"):
    """A sequential model that ends with a softmax in its last layer."""
    return randomised(
        keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                *further,
                layers.Conv2D(4, 3, activation="relu", name="first"),
                layers.BatchNormalization(momentum=0.7, name="norm"),
                layers.ReLU(),
                layers.GlobalAveragePooling2D(),
                layers.Dense(5, activation=head, name="classes"),
            ]
        )
    )


def residual(*, frozen=False):
    """A functional model with a nested one, operations, and a shared batch norm."""
    images = keras.Input((8, 8, 3))
    stem = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, padding="same", use_bias=False, name="first"),
            layers.BatchNormalization(scale=False, epsilon=1e-2, name="norm"),
        ],
        name="stem",
    )
    stem.trainable = not frozen
    shared = layers.BatchNormalization(center=False, name="norm")
    features = stem(images)
    features = ops.relu(shared(features)) + keras.activations.relu(features)
    features = layers.BatchNormalization(axis=1)(shared(features))
    features = layers.Conv2D(4, 3, name="first")(features)
    logits = layers.Dense(5)(layers.GlobalAveragePooling2D()(features))
    return randomised(keras.Model(images, layers.Softmax()(logits)))


def two_headed():
    """A functional model whose classes are one of two outputs, behind a sigmoid."""
    images = keras.Input((8, 8, 3))
    adapted = layers.Normalization()
    adapted.adapt(UNIT)
    features = layers.Flatten()(adapted(images))
    features = layers.BatchNormalization()(layers.Dense(6)(features))
    features = layers.LeakyReLU()(features)
    outputs = {
        "size": layers.Dense(2)(features),
        "classes": layers.Dense(5, activation="sigmoid", name="head")(features),
    }
    return randomised(keras.Model(images, outputs))


def centred(logits):
    """Logits up to the constant that a softmax does not tell."""
    return logits - np.mean(logits, axis=-1, keepdims=True)


def odds(answers):
    found = np.asarray(answers["classes"], np.float64)
    return np.log(found / (1 - found))


NETWORKS = {  # the model, what is said of it, and its answers as logits
    "sequential": (sequential, {}, lambda found: centred(np.log(found))),
    "residual": (residual, {}, lambda found: centred(np.log(found))),
    "two_headed": (two_headed, {"output": "classes"}, odds),
}


@pytest.fixture(params=NETWORKS)
def pair(request):
    """A model, its network of two branches, and functions images -> logits of both."""
    build, options, to_logits = NETWORKS[request.param]
    model = build()
    network = adopt(model, pixels="unit", branches=norms.MIXTURE, **options)

    def ours(**mode):
        found = np.asarray(network(PIXELS, **mode))
        return found if options else centred(found)

    return model, network, ours, lambda **mode: to_logits(model(UNIT, **mode))


def test_the_logits_are_those_of_the_model(pair):
    _, _, ours, theirs = pair
    for branch in norms.MIXTURE:
        np.testing.assert_allclose(ours(branch=branch), theirs(), atol=1e-5)


def test_training_mode_moves_a_branch_as_keras_moves_its_statistics(pair):
    model, network, ours, theirs = pair
    before = [np.asarray(v) for v in network.variables]
    found = ours(training=True, branch="adversarial")
    np.testing.assert_allclose(found, theirs(training=True), atol=1e-5)
    moved = {
        variable.path
        for variable, value in zip(network.variables, before, strict=True)
        if not np.array_equal(variable, value)
    }
    assert moved and all("adversarial" in path for path in moved)
    others = network.plain("clean").get_weights()
    for moved, expected, kept in zip(
        network.plain("adversarial").weights, model.weights, others, strict=True
    ):
        np.testing.assert_allclose(moved, expected, atol=1e-6, err_msg=moved.path)
        assert np.array_equal(kept, expected) != ("moving" in moved.path)


def test_what_goes_home_is_the_model_as_it_came(pair, tmp_path):
    model, network, *_ = pair
    network.plain().save(tmp_path / "home.keras")
    home = keras.models.load_model(tmp_path / "home.keras")
    assert json.loads(home.to_json()) == json.loads(model.to_json())
    for found, expected in zip(home.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    found, expected = home(UNIT), model(UNIT)
    keras.tree.map_structure(np.testing.assert_array_equal, found, expected)


def test_the_model_is_not_changed_and_paths_of_variables_are_unique(pair):
    model, network, *_ = pair
    kept = model.get_weights()
    for variable in network.variables:
        variable.assign(variable + 1)
    for found, expected in zip(model.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(found, expected)
    paths = [variable.path for variable in network.variables]
    assert len(set(paths)) == len(paths)
    learned = [v.name in ("gamma", "beta") for v in model.trainable_variables]
    names = [variable.name for variable in network.trainable_variables]
    assert sum(n.startswith(("gamma", "beta")) for n in names) == 2 * sum(learned)


def test_what_was_frozen_stays_frozen():
    model = residual(frozen=True)
    network = adopt(model, pixels="unit")
    assert len(network.trainable_variables) == len(model.trainable_variables)
    kept = {v.path: np.asarray(v) for v in network.variables}
    expected = np.log(model(UNIT, training=True))
    found = np.asarray(network(PIXELS, training=True))
    np.testing.assert_allclose(centred(found), centred(expected), atol=1e-5)
    moved = [v.path for v in network.variables if not np.array_equal(v, kept[v.path])]
    assert len(moved) == 2 * 2  # of the two batch norms that are not in the stem
    assert not any(v.path.startswith("norm/") for v in network.trainable_variables)


def gradient(network, **mode):
    weights = np.random.default_rng(2).normal(size=5).astype(np.float32)
    return backend.value_and_gradients(
        lambda x: ops.sum(network(x, **mode) * weights), ops.convert_to_tensor(PIXELS)
    )


@pytest.mark.parametrize("build", [sequential, residual])
def test_every_relu_can_have_a_smooth_derivative(build, monkeypatch):
    network = adopt(build(), pixels="unit")
    value, own = gradient(network)
    seen = []
    smooth_relu = activations.relu_with_smooth_gradient
    monkeypatch.setattr(
        activations,
        "relu_with_smooth_gradient",
        lambda inputs: seen.append(1) or smooth_relu(inputs),
    )
    smooth_value, smooth = gradient(network, backward="smooth")
    assert len(seen) == 2  # of a layer or operation each
    np.testing.assert_array_equal(smooth_value, value)
    assert not np.allclose(smooth, own, rtol=1e-2, atol=0)


def test_without_relu_there_is_no_smooth_derivative():
    network = adopt(two_headed(), pixels="unit", output="classes")
    with pytest.raises(ValueError, match=r"Only ReLU.*Received: backward=smooth"):
        network(PIXELS, backward="smooth")


@pytest.mark.parametrize("build", [sequential, residual])
def test_relus_become_another_activation_in_the_network_and_at_home(build):
    network = adopt(build(), pixels="unit", activation="silu")
    home = network.plain()
    text = home.to_json()
    assert not re.search('"class_name": "relu"|"activation": "relu"', text, re.I)
    assert text.count('"activation": "silu"') == 2
    expected = np.log(np.asarray(home(UNIT)))
    np.testing.assert_allclose(
        centred(np.asarray(network(PIXELS))), centred(expected), atol=1e-5
    )
    with pytest.raises(ValueError, match=r"smooth activation of Keras.*Nearest: silu"):
        adopt(build(), pixels="unit", activation="silo")


def test_dropout_draws_by_the_seed_and_flips_of_its_own_do_not_happen():
    flip = layers.RandomFlip(name="flip")
    model = sequential(flip, layers.Dropout(0.5), layers.Dropout(0.5))
    network = adopt(model, pixels="unit")
    assert network.draws
    assert network.lacks == ("flip draws by seeds of Keras, and does not in training.",)
    expected = centred(np.log(model(UNIT, training=False)))
    np.testing.assert_allclose(
        centred(np.asarray(network(PIXELS))), expected, atol=1e-5
    )
    first, same, other = (
        np.asarray(network(PIXELS, training=True, seed=seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)
    with pytest.raises(ValueError, match="needs a seed"):
        network(PIXELS, training=True)


def test_only_what_can_be_adopted_is():
    with pytest.raises(
        ValueError, match=r"pixels= one of raw, unit.*Received: pixels=unti"
    ):
        adopt(sequential(), pixels="unti")
    plain = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(5)]
    )
    message = r"Cannot adopt.*no batch norm.*Received: branches=\('clean', 'adv"
    with pytest.raises(ValueError, match=message):
        adopt(plain, pixels="raw", branches=norms.MIXTURE)
    assert adopt(plain, pixels=lambda x: x / 9.0).branches == ("clean",)
    with pytest.raises(
        ValueError, match=r"keras.Model of Keras 3.*\.ndarray"
    ) as caught:
        adopt(PIXELS, pixels="raw")
    assert "\n" not in str(caught.value)


def test_one_sigmoid_answers_for_two_classes_and_goes_home_as_one():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    network = adopt(model, pixels="unit")
    first, second = np.asarray(ops.softmax(network(PIXELS))).T
    np.testing.assert_allclose(second, model(UNIT)[:, 0], rtol=1e-4)
    np.testing.assert_allclose(first + second, 1, rtol=1e-5)
    np.testing.assert_array_equal(network.plain()(UNIT), model(UNIT))
    without = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), dense(1)])
    with pytest.raises(ValueError, match="K at least 2, or one sigmoid"):
        adopt(without, pixels="unit")


def test_gray_images_have_no_channel_in_the_input_or_three():
    model = keras.Sequential([keras.Input((8, 8)), layers.Flatten(), dense(5)])
    gray = PIXELS[..., :1]
    network = adopt(model, pixels="unit")
    assert network.image_shape == (8, 8, 1)
    np.testing.assert_allclose(network(gray), model(UNIT[..., 0]), atol=1e-5)
    coloured = adopt(sequential(head=None), pixels="unit")
    np.testing.assert_array_equal(coloured(gray), coloured(gray.repeat(3, axis=-1)))


def test_a_model_with_a_lambda_is_copied_once_its_code_may_run():
    model = sequential(layers.Lambda(lambda x: x / 2))
    with pytest.raises(ValueError, match=r"call keras.config.enable_unsafe_deser"):
        adopt(model, pixels="unit")
    with SafeModeScope(False):  # as after that call, which nothing takes back
        network = adopt(model, pixels="unit")
    np.testing.assert_allclose(ops.softmax(network(PIXELS)), model(UNIT), atol=1e-5)


def test_a_quantised_model_says_that_it_stays_so():
    model = sequential(head=None)
    model.quantize("int8")
    (sentence,) = adopt(model, pixels="unit").lacks
    assert "The model is quantised" in sentence and "int8_from_float32" in sentence


def test_an_open_size_of_images_is_said_in_memory_as_for_a_file():
    model = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            layers.Conv2D(5, 3),
            layers.GlobalAveragePooling2D(),
        ]
    )
    with pytest.raises(ValueError, match="say image_size=SIDE or HEIGHTxWIDTH"):
        adopt(model, pixels="unit")
    for size in (8, "8x8"):
        network = adopt(model, pixels="unit", image_size=size)
        assert network.image_shape == (8, 8, 3)
        np.testing.assert_allclose(network(PIXELS), model(UNIT), atol=1e-5)


def test_another_precision_than_that_of_the_model_is_said():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = sequential()
    finally:
        keras.config.set_dtype_policy("float32")
    first, *_ = adopt(model, pixels="unit").lacks
    assert first.startswith(
        "The model came in mixed_float16; it is computed in float32"
    )


def test_what_is_said_beside_the_string_of_a_file_counts(tmp_path):
    model, file = two_headed(), tmp_path / "two.keras"
    model.save(file)
    expected = odds(model(UNIT))[:, 1:]
    further = {"pixels": "unit", "output": "classes", "background": "first"}
    for text, said in (
        (file, further),
        (f"{file}?pixels=unit", {**further, "pixels": ""}),
        (f"{file}?output=classes&background=first", {"pixels": "unit"}),
    ):
        np.testing.assert_allclose(adopt(text, **said)(PIXELS), expected, atol=1e-5)
    for text, said, message in (
        (f"{file}?pixels=tf", further, "An option is said once.*pixels=tf&pixels=unit"),
        (file, {"pixels": np.log}, "hand over the model. Received: .*pixels=log"),
    ):
        with pytest.raises(ValueError, match=message):
            adopt(text, **said)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "MobileNetV2", "ResNet50"],
)
def test_networks_of_keras_applications_keep_their_logits(name):
    build = getattr(keras.applications, name)
    model = build(
        weights=None, input_shape=(32, 32, 3), classes=5, classifier_activation=None
    )
    rng = np.random.default_rng(1)
    for variable in model.weights:
        if "variance" in variable.name:
            variable.assign(rng.uniform(0.5, 2.0, variable.shape))
        elif variable.name in ("beta", "bias", "moving_mean"):
            variable.assign(0.1 * rng.normal(size=variable.shape))
    has_norms = name != "ConvNeXtTiny"
    branches = norms.MIXTURE if has_norms else ("clean",)
    network = adopt(model, pixels="tf", branches=branches)
    images = rng.integers(0, 256, (3, 32, 32, 3)).astype(np.float32)
    expected = np.asarray(model(images / 127.5 - 1))
    for branch in branches:
        found = np.asarray(network(images, branch=branch))
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert network.lacks == () and not network.on_one_device
    for found, kept in zip(
        network.plain().get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(found, kept)
