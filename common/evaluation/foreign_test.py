"""Loading of networks from elsewhere: weights, saved models, and what is refused."""

import hashlib
import os
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import attacks, evaluation
from common.evaluation import folders, foreign

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
    "last",
    [
        lambda: [dense("softmax")],
        lambda: [dense(), keras.layers.Activation("softmax")],
        lambda: [dense(), keras.layers.Softmax()],
        lambda: [keras.Sequential([keras.Input((4,)), dense("softmax")])],
    ],
    ids=["dense", "activation", "softmax", "nested"],
)
def test_a_softmax_is_taken_off(tmp_path, last):
    network = saved(tmp_path, *last())
    found = foreign.classifier(f"{tmp_path}/tiny.keras?pixels=unit")
    logits = found.logits_fn(IMAGES).numpy()
    expected = network(IMAGES / 255, training=False)
    assert not np.allclose(logits.sum(-1), 1)
    np.testing.assert_allclose(softmax(logits), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("pixels", "mapped"),
    [("raw", IMAGES), ("unit", IMAGES / 255), ("tf", IMAGES / 127.5 - 1)],
)
@pytest.mark.parametrize("name", ["tiny.keras", "tiny.h5"])
@pytest.mark.filterwarnings("ignore")  # that HDF5 is legacy
def test_a_saved_model_is_asked_in_inference_mode(tmp_path, pixels, mapped, name):
    network = saved(tmp_path, dense(), name=name)
    found = foreign.classifier(f"{tmp_path}/{name}?pixels={pixels}")
    assert (found.name, found.image_size, found.num_classes) == ("tiny", 8, 7)
    logits = found.logits_fn(IMAGES).numpy()
    expected = network(mapped, training=False)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(logits, network(mapped, training=True), atol=1e-2)


def test_the_record_has_the_hash_and_no_folder(tmp_path):
    saved(tmp_path, dense())
    found = foreign.classifier(f"{tmp_path}/tiny.keras?pixels=unit&name=other")
    content = (tmp_path / "tiny.keras").read_bytes()
    assert found.record == {
        "name": "other",
        "spec": "tiny.keras?pixels=unit&name=other",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert found.name == "other"


def test_larger_images_are_resized_and_attacks_see_through_it(tmp_path):
    saved(tmp_path, dense())
    found = foreign.classifier(f"{tmp_path}/tiny.keras?pixels=tf")
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
    assert (loss(adv_images).numpy() > loss(large).numpy()).all()


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
    found = foreign.classifier(f"MobileNet:{file}?alpha=0.25&image_size=32&classes=7")
    assert (found.name, found.image_size, found.num_classes) == ("MobileNet", 32, 7)
    images = np.kron(IMAGES, np.ones((1, 4, 4, 1), np.float32))
    logits = found.logits_fn(images).numpy()
    expected = network(images / 127.5 - 1, training=False)
    np.testing.assert_allclose(softmax(logits), expected, rtol=1e-4)
    assert not np.allclose(logits.sum(-1), 1)
    assert found.record["spec"] == (
        "MobileNet:w.weights.h5?alpha=0.25&image_size=32&classes=7"
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("MobilNet:{weights}", "Unknown network.*Nearest: MobileNet"),
        ("MobileNet:{weights}?alpha=0.25&image_size=32", "Cannot load classifier="),
        ("MobileNet:{weights}?depth=3", "unexpected keyword argument 'depth'"),
        ("{weights}?pixels=unit", "weights alone; say NETWORK:FILE"),
        ("{tiny}", "pixels= one of raw, unit, tf"),
        ("{tiny}?pixels=byte", "pixels= one of raw, unit, tf"),
        ("{tiny}?pixels=unit&alpha=1", "A saved model has no option alpha"),
        ("{tiny}?pixels=unit&image_size=9", "image_size=9 does not fit"),
        ("{tiny}?pixels", "OPTION=VALUE after [?]. Received: pixels"),
        ("{tiny}?pixels=unit&name=a/b", "Received: name=a/b"),
        ("{broken}?pixels=unit", "Cannot load classifier=.*broken.keras"),
        ("{map}?pixels=unit", r"logits \[B, K\] out, not"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(tmp_path, mobile_net, spec, message):
    saved(tmp_path, dense())
    (tmp_path / "broken.keras").write_bytes(b"nothing")
    keras.Sequential(layers()[:2]).save(tmp_path / "map.keras")
    places = {name: tmp_path / f"{name}.keras" for name in ("tiny", "broken", "map")}
    with pytest.raises(ValueError, match=message) as caught:
        foreign.classifier(spec.format(weights=mobile_net[1], **places))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"Received: no/such.keras"):
        foreign.classifier("no/such.keras?pixels=raw")


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
    found = foreign.classifier(f"MobileNetV2:{file}")
    images = folders.photographs(suite_data / "imagenet_sample", 224, split=split)
    dataset = images.test_batches(batch_size=50)
    record = evaluation.evaluate(found.logits_fn, dataset)
    assert record.total == 200 and abs(record.correct - correct) <= 2
    assert record.top5.sum() > record.correct
