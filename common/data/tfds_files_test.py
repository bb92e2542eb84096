"""Where TFDS data are looked for, and what is said when they are not there."""

import os

import numpy as np
import pytest

from common.data import tfds_files


def test_the_argument_comes_before_the_environment_and_the_default(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "/from/environment")
    assert tfds_files.folder("/given") == "/given"
    assert tfds_files.folder(None) == "/from/environment"
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert tfds_files.folder(None) == os.path.expanduser("~/tensorflow_datasets")


def test_an_absent_dataset_says_where_it_looked_and_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        tfds_files.builder("cifar10", str(tmp_path), how="tfds build cifar10")
    message = str(error.value)
    assert str(tmp_path) in message and "tfds build cifar10" in message
    assert "--data_dir" in message and "\n" not in message


def test_images_come_in_the_order_of_their_ids(monkeypatch):
    class Batches:
        def as_numpy_iterator(self):
            for ids in ([b"t_2", b"t_0"], [b"t_1"]):
                numbers = np.array([int(name[-1:]) for name in ids])
                images = np.zeros((len(ids), 1, 1, 1), np.uint8)
                images += numbers[:, None, None, None].astype(np.uint8)
                yield {"id": np.array(ids), "image": images, "label": numbers}

    class Builder:
        def as_dataset(self, **_):
            return Batches()

    monkeypatch.setattr(tfds_files, "builder", lambda *_, **__: Builder())
    images, labels = tfds_files.in_memory("cifar10", "test", "")
    assert labels.tolist() == [0, 1, 2] and images.flatten().tolist() == [0, 1, 2]
