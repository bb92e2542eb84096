"""Loading of networks from elsewhere: weights, saved models, and what is refused."""

import hashlib
import os
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import attacks, evaluation
from common.foreign import classifiers, folders

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.float32)
LABELS = np.arange(4, dtype=np.int32)


def layers(*last):
    keras.utils.set_random_seed(1)
    return [
        keras.Input((8, 8, 3)),
        keras.layers.Conv2D(4, 3),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5),
        keras.layers.GlobalAveragePooling2D(),
        *last,
    ]


def saved(tmp_path, *last, name="tiny.keras"):
    network = keras.Sequential(layers(*last))
    # Statistics other than those of the batch: the mode is seen in the answers.
    network.layers[1].set_weights([np.full(4, c, np.float32) for c in (2, 1, 3, 5)])
    network.save(tmp_path / name)
    return network


def dense(activation=None):
    return keras.layers.Dense(7, activation=activation, kernel_initializer="normal")


def softmax(logits):
    exp = np.exp(logits - logits.max(-1, keepdims=True))
    return exp / exp.sum(-1, keepdims=True)


@pytest.mark.parametrize(
    ("pixels", "mapped"),
    [("raw", IMAGES), ("unit", IMAGES / 255), ("tf", IMAGES / 127.5 - 1)],
)
@pytest.mark.parametrize("name", ["tiny.keras", "tiny.h5"])
@pytest.mark.filterwarnings("ignore")  # that HDF5 is legacy
def test_a_saved_model_is_asked_in_inference_mode(tmp_path, pixels, mapped, name):
    network = saved(tmp_path, dense(), name=name)
    found = classifiers.classifier(f"{tmp_path}/{name}?pixels={pixels}")
    assert (found.name, found.image_size, found.num_classes) == ("tiny", 8, 7)
    logits = np.asarray(found.logits_fn(IMAGES))
    expected = network(mapped, training=False)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(logits, network(mapped, training=True), atol=1e-2)


def test_the_record_has_the_hash_and_no_folder(tmp_path):
    saved(tmp_path, dense())
    found = classifiers.classifier(f"{tmp_path}/tiny.keras?pixels=unit&name=other")
    content = (tmp_path / "tiny.keras").read_bytes()
    assert found.record == {
        "name": "other",
        "spec": "tiny.keras?pixels=unit&name=other",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert found.name == "other"


def test_larger_images_are_resized_and_attacks_see_through_it(tmp_path):
    saved(tmp_path, dense())
    found = classifiers.classifier(f"{tmp_path}/tiny.keras?pixels=tf")
    large = np.kron(IMAGES, np.ones((1, 3, 3, 1), np.float32))
    expected = found.logits_fn(tf.image.resize(large, (8, 8)))
    np.testing.assert_allclose(found.logits_fn(large), expected, atol=1e-5)
    attack = attacks.FGSM(8.0)
    dataset = tf.data.Dataset.from_tensors((large, LABELS))
    assert evaluation.evaluate(found.logits_fn, dataset, attack).total == 4

    def loss(images):
        logits = found.logits_fn(images)
        return keras.losses.sparse_categorical_crossentropy(LABELS, logits, True)

    adv_images = attack(found.logits_fn, large, LABELS)
    assert adv_images.shape == large.shape
    assert (np.asarray(loss(adv_images)) > np.asarray(loss(large))).all()


@pytest.fixture(scope="module")
def mobile_net(tmp_path_factory):
    """Returns a MobileNet of seven classes and a quarter of the width, and its file."""
    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNet(
        alpha=0.25, input_shape=(32, 32, 3), weights=None, classes=7
    )
    file = tmp_path_factory.mktemp("weights") / "w.weights.h5"
    network.save_weights(file)
    return network, file


def test_a_network_of_keras_gets_its_weights_and_its_own_pixels(mobile_net):
    network, file = mobile_net
    found = classifiers.classifier(
        f"MobileNet:{file}?alpha=0.25&image_size=32&classes=7"
    )
    assert (found.name, found.image_size, found.num_classes) == ("MobileNet", 32, 7)
    images = np.kron(IMAGES, np.ones((1, 4, 4, 1), np.float32))
    logits = np.asarray(found.logits_fn(images))
    expected = network(images / 127.5 - 1, training=False)
    np.testing.assert_allclose(softmax(logits), expected, rtol=1e-4)
    assert not np.allclose(logits.sum(-1), 1)
    assert found.record["spec"] == (
        "MobileNet:w.weights.h5?alpha=0.25&image_size=32&classes=7"
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "MobileNet:{weights}?alpha=0.25&image_size=32",
            "Cannot load classifier=.*could not be loaded.*name=conv_preds",
        ),
        ("{weights}?pixels=unit", "weights alone; say NETWORK:FILE"),
        ("{tiny}", "pixels= one of raw, unit, tf"),
        ("{tiny}?pixels=unit&image_size=9", "image_size=9 does not fit"),
        ("{tiny}?pixels=unit&background=0", "first or last, not 0"),
        ("{broken}?pixels=unit", "Cannot load classifier=.*broken.keras.*damaged"),
        ("{map}?pixels=unit", r"logits \[B, K\] out, not"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    tmp_path, mobile_net, capsys, recwarn, spec, message
):
    saved(tmp_path, dense())
    (tmp_path / "broken.keras").write_bytes(b"nothing")
    keras.Sequential(layers()[:2]).save(tmp_path / "map.keras")
    places = {name: tmp_path / f"{name}.keras" for name in ("tiny", "broken", "map")}
    with pytest.raises(ValueError, match=message) as caught:
        classifiers.classifier(spec.format(weights=mobile_net[1], **places))
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().err == ""  # no page of warnings before the line


def images_in(*, shape=(8, 8, 3), layout="channels_last", convolves=True, **settings):
    """Returns layers for images of that shape, and the rest of a network."""
    axis = -1 if layout == "channels_last" else 1
    convolution = keras.layers.Conv2D(
        4, 3, strides=2, padding="same", data_format=layout
    )
    return [
        keras.Input(shape, **settings),
        *([convolution] if convolves else []),
        keras.layers.BatchNormalization(axis=axis),
        *([keras.layers.MaxPooling2D(2, data_format=layout)] if convolves else []),
        keras.layers.GlobalAveragePooling2D(data_format=layout),
        dense(),
    ]


def load(tmp_path, network, query="pixels=unit"):
    network.save(tmp_path / "other.keras")
    return classifiers.classifier(f"{tmp_path}/other.keras?{query}")


def twins(tmp_path, network, like, query="pixels=unit"):
    """Checks that a network is attacked as another of the same weights is."""
    like.set_weights(network.get_weights())
    found = load(tmp_path, network, query)
    expected = load(tmp_path, like)
    assert found.num_classes == expected.num_classes == 7
    attack = attacks.FGSM(8.0)
    shown = [np.asarray(attack(x.logits_fn, IMAGES, LABELS)) for x in (found, expected)]
    np.testing.assert_allclose(*shown, atol=1e-4)
    logits = [np.asarray(x.logits_fn(shown[0])) for x in (found, expected)]
    np.testing.assert_allclose(*logits, atol=1e-5)
    return found


# On CPUs, TensorFlow convolves channels first with oneDNN alone.
with_and_without_convolution = pytest.mark.parametrize(
    "convolves", [False, pytest.param(True, marks=pytest.mark.slow)]
)


@with_and_without_convolution
@pytest.mark.parametrize("sides", [(8, 8), (None, None)])
def test_a_network_of_channels_first_is_attacked_like_its_twin(
    tmp_path, sides, convolves
):
    settings = {"layout": "channels_first", "convolves": convolves}
    first = keras.Sequential(images_in(shape=(3, *sides), **settings))
    query = "pixels=unit" + ("" if sides[0] else "&image_size=8")
    twins(tmp_path, first, keras.Sequential(images_in(convolves=convolves)), query)


@with_and_without_convolution
def test_layers_say_the_layout_where_the_shape_does_not(tmp_path, convolves):
    settings = {"layout": "channels_first", "convolves": convolves}
    first = keras.Sequential(images_in(shape=(3, 8, 3), **settings))
    assert load(tmp_path, first).num_classes == 7
    np.testing.assert_allclose(
        load(tmp_path, first).logits_fn(IMAGES),
        first(np.moveaxis(tf.image.resize(IMAGES / 255, (8, 3)), -1, 1)),
        atol=1e-5,
    )


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_a_network_of_whole_numbers_is_attacked_like_its_twin(tmp_path, dtype):
    scaled = [keras.layers.Rescaling(1 / 255), *images_in()[1:]]
    network = keras.Sequential([keras.Input((8, 8, 3), dtype=dtype), *scaled])
    found = twins(tmp_path, network, keras.Sequential(images_in()), "pixels=raw")
    precision = {"file": f"{dtype} input", "evaluated": "float32"}
    assert found.record["precision"] == precision


def test_a_network_of_one_channel_sees_gray(tmp_path):
    gray = keras.Sequential(images_in(shape=(8, 8, 1)))
    found = load(tmp_path, gray)
    luma = IMAGES @ np.array([[0.299], [0.587], [0.114]], np.float32)
    expected = gray(luma / 255, training=False)
    np.testing.assert_allclose(found.logits_fn(IMAGES), expected, atol=1e-5)
    np.testing.assert_allclose(found.logits_fn(luma), expected, atol=1e-5)


@pytest.mark.parametrize("query", ["", "&image_size=6x8"])
def test_images_take_the_shape_of_the_input(tmp_path, query):
    size = (None, None) if query else (6, 8)
    network = keras.Sequential(images_in(shape=(*size, 3)))
    found = load(tmp_path, network, f"pixels=unit{query}")
    assert found.image_size == 8
    expected = network(tf.image.resize(IMAGES / 255, (6, 8)), training=False)
    np.testing.assert_allclose(found.logits_fn(IMAGES), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("background", "kept"), [("first", slice(1, None)), ("last", slice(None, -1))]
)
def test_a_background_class_is_dropped(tmp_path, background, kept):
    network = saved(tmp_path, dense("softmax"))
    query = f"pixels=unit&background={background}"
    found = classifiers.classifier(f"{tmp_path}/tiny.keras?{query}")
    assert found.num_classes == 6
    logits = np.log(network(IMAGES / 255, training=False))[:, kept]
    np.testing.assert_allclose(
        softmax(np.asarray(found.logits_fn(IMAGES))), softmax(logits), rtol=1e-4
    )


@keras.saving.register_keras_serializable()
class Code(keras.Model):
    """A network that is code: no graph, no order of layers."""

    def __init__(self, ends_with="linear", **settings):
        super().__init__(**settings)
        self.ends_with = ends_with
        self.pool = keras.layers.GlobalAveragePooling2D()
        self.dense = dense()

    def call(self, images):
        return keras.activations.get(self.ends_with)(self.dense(self.pool(images)))

    def get_config(self):
        return {**super().get_config(), "ends_with": self.ends_with}


def test_a_network_that_is_code_is_loaded(tmp_path):
    network = Code()
    network(IMAGES)
    found = load(tmp_path, network)
    assert (found.image_size, found.num_classes) == (8, 7)
    expected = network(IMAGES / 255)
    np.testing.assert_allclose(found.logits_fn(IMAGES), expected, atol=1e-5)
    inside = Code("softmax")
    inside(IMAGES)
    with pytest.raises(ValueError, match="Expected logits"):  # which 6 of 7 hide
        load(tmp_path, inside, "pixels=unit&background=first")


def several_inputs():
    parts = [keras.Input((8, 8, 3), name=name) for name in ("left", "right")]
    return keras.Model(parts, dense()(keras.layers.Flatten()(sum(parts))))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (several_inputs, "one input, the images, not left, right"),
        (
            lambda: keras.Sequential([keras.Input((192,)), dense()]),
            r"C, H, W\] in, not",
        ),
        (lambda: keras.Sequential(images_in(shape=(8, 8, 4))), "3 channels or of 1 in"),
        (lambda: keras.Sequential(images_in()[1:]), "it is not built: call it once"),
        (lambda: keras.Sequential(images_in(shape=(None, None, 3))), "say image_size="),
    ],
)
@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
def test_other_inputs_are_refused_in_one_line(tmp_path, network, message):
    with pytest.raises(ValueError, match=message) as caught:
        load(tmp_path, network())
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"Received: no/such.keras"):
        classifiers.classifier("no/such.keras?pixels=raw")


@pytest.fixture
def suite_data():
    """Returns the folder with `imagenet_sample` and `weights`, or skips the test."""
    folder = pathlib.Path(os.environ.get("SUITE_DATA", ""))
    if not os.environ.get("SUITE_DATA") or not (folder / "weights").is_dir():
        pytest.skip("SUITE_DATA names no folder with weights and imagenet_sample")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("split", "correct"), [("eli", 182), ("nips17", 155)])
def test_a_real_network_knows_real_photographs(suite_data, split, correct):
    file = suite_data / "weights" / "mobilenet_v2_1.0_224_dequant.weights.h5"
    found = classifiers.classifier(f"MobileNetV2:{file}")
    images = folders.photographs(suite_data / "imagenet_sample", 224, split=split)
    dataset = images.test_batches(batch_size=50)
    record = evaluation.evaluate(found.logits_fn, dataset)
    assert record.total == 200 and abs(record.correct - correct) <= 2
    assert record.top5.sum() > record.correct
