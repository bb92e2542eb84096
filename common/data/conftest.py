"""Fixtures: datasets as TFDS prepares them."""

import os

import pytest
import tensorflow as tf


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
