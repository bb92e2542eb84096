"""What a user can hand over as data, and what is said of anything else."""

import numpy as np
import pytest
import tensorflow as tf

from common import data
from common.foreign import albums, arrays, sources

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype(np.uint8)
LABELS = np.arange(40) % 10
SHAPE = (8, 8, 1)
STREAM = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))


def made(handed, shape=SHAPE, num_classes=10, **options):
    return sources.dataset(handed, shape, num_classes, **options)


def test_every_kind_of_data_is_taken(tmp_path):
    np.savez(tmp_path / "mine.npz", x_train=IMAGES, y_train=LABELS)
    kinds = {
        "file": str(tmp_path / "mine.npz"),
        "path": tmp_path / "mine.npz",
        "arrays": (IMAGES, LABELS),
        "stream": STREAM.batch(7),
        "column": tf.data.Dataset.from_tensor_slices((IMAGES, LABELS[:, None])),
        "pairs": ((IMAGES, LABELS), (IMAGES[:5], LABELS[:5])),
        "streams": (STREAM, STREAM.take(5)),
    }
    found = {key: made(handed) for key, handed in kinds.items()}
    assert all(isinstance(x, arrays.Arrays) for x in found.values())
    assert len({x.fingerprint for x in found.values()}) == 2
    assert found["pairs"].num_test == found["streams"].num_test == 5
    own = data.Digits()
    assert made(own) is own
    flipped = made((IMAGES, LABELS), padding=1, flips=True)
    assert (flipped.padding, flipped.flips) == (1, True)


def test_a_folder_is_an_album(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(20):
            encoded = tf.io.encode_png(IMAGES[number])
            (tmp_path / name / f"{number}.png").write_bytes(encoded.numpy())
    found = made(str(tmp_path), num_classes=2)
    assert isinstance(found, albums.Album)


def test_a_file_of_numpy_takes_no_options(tmp_path):
    np.savez(tmp_path / "few.npz", x_train=IMAGES, y_train=LABELS)
    made(f"{tmp_path}/few.npz")
    with pytest.raises(ValueError, match=r"takes no options. Received: .*split=all"):
        made(f"{tmp_path}/few.npz?split=all")


@pytest.mark.parametrize(
    ("handed", "options", "message"),
    [
        ("no/such/folder", {}, "Received: no/such/folder"),
        ("no_such_dataset", {"data_dir": "nowhere"}, "no_such_dataset"),
        (7, {}, "Received: int"),
        (STREAM.map(lambda image, label: {"image": image}), {}, r"pairs.*\{'image'"),
        (STREAM.take(0), {}, "must not be empty. Received: the dataset"),
        ((IMAGES, LABELS), {"num_classes": 11}, "11 classes of the network and 10 of"),
        (data.Digits(), {"shape": (8, 8, 3)}, r"\(8, 8, 1\) for a network of"),
        (data.Digits(), {"flips": True}, "says its own crops and flips"),
    ],
)
def test_anything_else_is_refused_in_one_line(handed, options, message):
    with pytest.raises((ValueError, OSError), match=message) as caught:
        made(handed, **options)
    assert "\n" not in str(caught.value)
