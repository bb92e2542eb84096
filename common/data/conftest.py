"""Fixtures: small sets in memory, image folders, datasets as TFDS prepares them."""

import dataclasses
import os
from typing import ClassVar

import numpy as np
import pytest
import sklearn
import tensorflow as tf

from common import data

_PHOTOGRAPHS = os.path.join(os.path.dirname(sklearn.__file__), "datasets", "images")


def _pieces(count):
    """Returns `count` different JPEGs cut from the photographs of scikit-learn."""
    rng = np.random.default_rng(0)
    images = []
    for name in ("china.jpg", "flower.jpg"):
        with open(os.path.join(_PHOTOGRAPHS, name), "rb") as file:
            images.append(tf.io.decode_jpeg(file.read()).numpy())
    encoded = []
    for i in range(count):
        (top, left), (height, width) = rng.integers(0, 200, 2), rng.integers(40, 90, 2)
        piece = images[i % 2][top : top + height, left : left + width]
        encoded.append(tf.io.encode_jpeg(piece).numpy())
    return encoded


@dataclasses.dataclass(frozen=True)
class _Tiny(data.CIFAR10):
    """Random images in the shape of CIFAR; the label is the image's index."""

    num_train: ClassVar[int] = 11
    num_test: ClassVar[int] = 7

    def arrays(self, split, data_dir):
        count = self.num_train if split == "train" else self.num_test
        images = np.random.default_rng(count).integers(0, 256, (count, 32, 32, 3))
        return images.astype(np.uint8), np.arange(count, dtype=np.int32)


@pytest.fixture
def tiny():
    """Eleven training and seven test images, cropped and flipped as CIFAR-10."""
    return _Tiny()


@pytest.fixture
def folder(tmp_path):
    """An image folder with 3 classes, 4 training and 3 test photographs each."""
    pieces = iter(_pieces(21))
    for split, count in (("train", 4), ("val", 3)):
        for name in ("n02", "n01", "n10"):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(count):
                path = tmp_path / split / name / f"{name}_{i}.JPEG"
                path.write_bytes(next(pieces))
    (tmp_path / "val" / "n01" / "readme.txt").write_text("not a photograph")
    (tmp_path / "train" / ".hidden").mkdir()
    return tmp_path


@pytest.fixture
def write_tfds(tmp_path):
    """Returns a writer of a prepared TFDS dataset; it returns the TFDS folder.

    The writer takes the dataset's name, its `FeaturesDict`, and for each split a list
    of shards, each a list of examples.
    """
    import tensorflow_datasets as tfds

    def write(name, features, splits):
        folder = tmp_path / name / str(tfds.builder(name, data_dir=tmp_path).version)
        os.makedirs(folder)
        infos = []
        for split, shards in splits.items():
            for number, examples in enumerate(shards):
                shard = f"{name}-{split}.tfrecord-{number:05d}-of-{len(shards):05d}"
                with tf.io.TFRecordWriter(str(folder / shard)) as writer:
                    for example in examples:
                        encoded = features.encode_example(example)
                        writer.write(features.serialize_example(encoded))
            lengths = [len(shard) for shard in shards]
            infos.append(
                tfds.core.SplitInfo(name=split, shard_lengths=lengths, num_bytes=0)
            )
        tfds.folder_dataset.write_metadata(
            data_dir=folder,
            features=features,
            split_infos=infos,
            filename_template="{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        )
        return str(tmp_path)

    return write
