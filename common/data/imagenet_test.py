"""Tests of ImageNet on small folders and TFDS records of real photographs."""

import dataclasses
import glob
import os
import pathlib
import shutil

import numpy as np
import pytest

from common import data, recipe
from common.data import crops, pipeline, tensorpack_crops, unreadable

_CROPS = {
    "torchvision": (crops.random_resized_crop, 41),
    "inception": (crops.distorted_crop, 8),
    "tensorpack": (tensorpack_crops.jittered_crop, 43),
    "alp": (crops.object_crop, 3),
    "tpu": (crops.object_crop, 3),
}
_OPENING = ("torchvision", "alp")
_ALL = pytest.mark.parametrize("preprocessing", list(_CROPS))


def _dataset(folder, preprocessing="torchvision"):
    return data.ImageNet(
        image_size=24, resize=32, folder=str(folder), preprocessing=preprocessing
    )


def _collected(dataset):
    batches = list(dataset.as_numpy_iterator())
    return tuple(np.concatenate(part) for part in zip(*batches, strict=True))


def _take(dataset, count, **settings):
    settings = {"batch_size": 8, "seed": 1, **settings}
    return list(dataset.train_batches(**settings).take(count).as_numpy_iterator())


def test_a_folder_says_its_own_sizes(folder):
    dataset = _dataset(folder)
    assert (dataset.num_classes, dataset.num_train, dataset.num_test) == (3, 12, 9)


def test_the_sizes_of_imagenet_need_no_data():
    dataset = data.ImageNet()
    sizes = (dataset.num_classes, dataset.num_train, dataset.num_test)
    assert sizes == (1_000, 1_281_167, 50_000)
    assert recipe.to_dict(dataset) == {
        "type": "ImageNet",
        "image_size": 224,
        "resize": 256,
        "folder": "",
        "preprocessing": "torchvision",
        "classes": "",
    }


@pytest.mark.parametrize(
    "preprocessing",  # those that open photographs in two ways; the others do as "alp"
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name not in _OPENING))
        for name in _CROPS
    ],
)
def test_a_broken_photograph_is_named(folder, preprocessing):
    for split in ("train", "val"):
        (broken,) = folder.glob(f"{split}/n10/n10_2.JPEG")
        broken.write_bytes(broken.read_bytes()[:-200])
    dataset = _dataset(folder, preprocessing)
    for some in (
        lambda: dataset.train_batches(batch_size=12, seed=0).take(1),
        lambda: dataset.test_batches(batch_size=4),
    ):
        with pytest.raises(OSError, match=r"n10_2\.JPEG, which is a JPEG that is dam"):
            list(unreadable.batches(some()))
    with pytest.raises(OSError, match=r"train/n10/n10_2\.JPEG"):
        dataset.train_slice(12)


def test_the_order_of_class_folders_is_a_field(folder):
    for split in ("train", "val"):
        shutil.move(folder / split / "n02", folder / split / "n2")
    dataset = _dataset(folder)
    with pytest.raises(ValueError, match=r"--set dataset\.classes="):
        _ = dataset.num_classes
    numeric = dataclasses.replace(dataset, classes="numeric")
    assert (numeric.num_classes, numeric.num_test) == (3, 9)
    _, labels = _collected(numeric.test_batches(batch_size=9))
    assert labels.tolist() == [0] * 3 + [1] * 3 + [2] * 3


def test_nothing_is_read_that_was_consumed(folder):
    dataset = _dataset(folder)
    third = _take(dataset, 3, batch_size=4)[2]
    stream = dataset.train_batches(batch_size=4, seed=1, start=2)
    assert int(stream.cardinality()) == -1  # endless
    files = sorted(glob.glob(str(folder / "train" / "*" / "*.JPEG")))
    consumed = pipeline.index_stream(12, batch_size=4, seed=1).take(2)
    for _, indices in consumed.as_numpy_iterator():
        for index in indices:
            os.remove(files[index])
    started = next(stream.take(1).as_numpy_iterator())
    np.testing.assert_array_equal(third[0], started[0])


def test_train_slice_is_spread_over_the_classes(folder):
    images, labels = _dataset(folder).train_slice(6)
    assert images.shape == (6, 24, 24, 3)
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]


def test_an_empty_folder_is_refused_with_the_layout(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train/CLASS/\*.*without class") as e:
        _dataset(tmp_path).train_batches(batch_size=2, seed=0)
    assert f"folder={tmp_path}" in str(e.value)


def test_a_class_without_photographs_is_refused(folder):
    shutil.rmtree(folder / "val" / "n10")
    with pytest.raises(FileNotFoundError, match=r"folder=.*val/n10"):
        _dataset(folder).test_batches(batch_size=2)


def test_a_test_class_without_training_photographs_is_refused(folder):
    (folder / "val" / "n99").mkdir()
    with pytest.raises(ValueError, match="class=n99"):
        _dataset(folder).test_batches(batch_size=2)


def test_missing_records_say_where_and_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"data_dir={tmp_path}.*manual"):
        data.ImageNet().test_batches(batch_size=2, data_dir=str(tmp_path))


class Tiny(data.ImageNet):
    num_train, num_test = 12, 9


def test_data_dir_may_be_a_folder_of_the_photographs(folder):
    """So that a recipe is the same wherever its photographs lie."""
    found = Tiny(image_size=24, resize=32)
    for kind in ("train", "test"):
        ours, theirs = (
            getattr(each, f"{kind}_batches")(batch_size=4, data_dir=str(folder), **said)
            for said in ({"seed": 1} if kind == "train" else {},)
            for each in (found, _dataset(folder))
        )
        for one, two in zip(ours.take(1), theirs.take(1), strict=True):
            np.testing.assert_array_equal(one[0], two[0])
            np.testing.assert_array_equal(one[1], two[1])
    with pytest.raises(ValueError, match=r"Received: 12 .*complete the folder"):
        data.ImageNet().train_batches(batch_size=2, seed=0, data_dir=str(folder))


def test_records_give_the_same_crops_as_files(folder, write_tfds):
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(
        {
            "file_name": tfds.features.Text(),
            "image": tfds.features.Image(encoding_format="jpeg"),
            "label": tfds.features.ClassLabel(num_classes=1_000),
        }
    )
    splits = {}
    for split, source in (("train", "train"), ("validation", "val")):
        files = sorted(glob.glob(str(folder / source / "*" / "*.JPEG")))
        count = len(files) // 3
        examples = [
            {"file_name": os.path.basename(file), "image": file, "label": i // count}
            for i, file in enumerate(files)
        ]
        splits[split] = [examples[:2], examples[2:5], examples[5:]]
    root = write_tfds("imagenet2012", features, splits)
    records = Tiny(image_size=24, resize=32)
    one = _collected(records.test_batches(batch_size=4, data_dir=root))
    two = _collected(_dataset(folder).test_batches(batch_size=4))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
    one, two = _take(records, 1, data_dir=root)[0], _take(_dataset(folder), 1)[0]
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
    with pytest.raises(ValueError, match=r"1281167 photographs .* Received: 12"):
        data.ImageNet().train_batches(batch_size=2, seed=0, data_dir=root)
    (file,) = glob.glob(f"{root}/imagenet2012/*/*validation.tfrecord-00001-*")
    content = bytearray(pathlib.Path(file).read_bytes())
    content[2_000] ^= 1
    pathlib.Path(file).write_bytes(content)
    with pytest.raises(OSError, match=f"prepare .*again.*file={file}, which is dam"):
        list(unreadable.batches(records.test_batches(batch_size=4, data_dir=root)))


@_ALL
def test_training_photographs_are_the_crops_of_their_draws(folder, preprocessing):
    seed = 2
    images, labels = _take(_dataset(folder, preprocessing), 2, seed=seed)[1]
    positions = pipeline.index_stream(12, batch_size=8, seed=seed, start=1)
    epochs, indices = next(iter(positions))
    crop, num_draws = _CROPS[preprocessing]
    draws = pipeline.uniform(seed, epochs, indices, num_draws)
    files = sorted(glob.glob(str(folder / "train" / "*" / "*.JPEG")))
    assert set(epochs.numpy()) == {0, 1}
    assert labels.tolist() == [index // 4 for index in indices.numpy()]
    for image, index, row in zip(images, indices, draws, strict=True):
        with open(files[index], "rb") as stream:
            expected = crop(stream.read(), row, 24)
        np.testing.assert_allclose(image, expected, atol=1e-3)


@_ALL
def test_test_photographs_are_its_central_crops(folder, preprocessing):
    dataset = _dataset(folder, preprocessing)
    images, labels = _collected(dataset.test_batches(batch_size=4))
    assert labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]  # n01, n02, n10
    slices, labels = dataset.train_slice(3)
    assert labels.tolist() == [0, 1, 2]
    crop = {
        "torchvision": lambda encoded: crops.central_crop(encoded, 32, 24),
        "inception": lambda encoded: crops.central_fraction(encoded, 24),
        "tensorpack": lambda encoded: tensorpack_crops.central_crop(encoded, 32, 24),
        "alp": lambda encoded: crops.central_square(encoded, 24),
        "tpu": lambda encoded: crops.central_square(encoded, 24, share=24 / 32),
    }[preprocessing]
    tests = sorted(glob.glob(str(folder / "val" / "*" / "*.JPEG")))
    training = sorted(glob.glob(str(folder / "train" / "*" / "*.JPEG")))[::4]
    for image, file in zip([*images, *slices], [*tests, *training], strict=True):
        with open(file, "rb") as stream:
            np.testing.assert_allclose(image, crop(stream.read()), atol=1e-3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_size": 0}, "image_size=0"),
        ({"image_size": 299}, "torchvision.*image_size=299, resize=256"),
        ({"preprocessing": "inceptoin"}, r"inceptoin\. Nearest: inception"),
        ({"classes": "numeric"}, "classes=numeric, folder=''"),
    ],
)
def test_fields_that_do_not_fit_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        data.ImageNet(**fields)
