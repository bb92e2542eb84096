"""Exported sets: the arrays of TFDS, read without it."""

import dataclasses
import errno
import os
import sys

import numpy as np
import pytest

from common import data
from common.data import export


@dataclasses.dataclass(frozen=True)
class Few(data.CIFAR10):
    """Six images of each split."""

    num_train = num_test = 6

    def arrays(self, split, data_dir):
        images = np.random.default_rng(len(split)).integers(0, 256, (6, 32, 32, 3))
        return images.astype(np.uint8), np.arange(6, dtype=np.int32)


@dataclasses.dataclass(frozen=True)
class Read(data.CIFAR10):
    """The same, read from a file."""

    num_train = num_test = 6


def test_what_was_written_is_read_without_tfds(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(export._DATASETS, "cifar10", Few())
    assert export.main(["export", "cifar10", f"--to={tmp_path / 'sets'}"]) == 0
    path = tmp_path / "sets" / "cifar10.npz"
    assert capsys.readouterr().out == f"{path}\n"
    assert [found.name for found in path.parent.iterdir()] == ["cifar10.npz"]
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)  # cannot be imported
    for split in ("train", "test"):
        found = Read().arrays(split, str(path.parent))
        for array, wanted in zip(found, Few().arrays(split, None), strict=True):
            assert array.dtype == wanted.dtype
            np.testing.assert_array_equal(array, wanted)


def test_a_full_disk_is_one_line_that_names_the_folder(tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setitem(export._DATASETS, "cifar10", Few())
    monkeypatch.setattr(np, "savez", full)
    assert export.main(["export", "cifar10", f"--to={tmp_path}"]) == 3
    said = capsys.readouterr().err
    assert f"No space is left in {tmp_path}" in said and said.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_without_tfds_and_file_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(
        FileNotFoundError, match=r"common\.data\.export cifar10"
    ) as found:
        data.CIFAR10().arrays("train", str(tmp_path))
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cifar1", "--to=x"], "Unknown dataset to export. Received: cifar1. Nearest"),
        (["cifar10"], "Expected NAME ... --to=FOLDER"),
        (["cifar10", "--form=x"], "Unknown command line flag 'form'"),
    ],
)
def test_wrong_usage_is_one_line(words, message, capsys):
    assert export.main(["export", *words]) == 2
    found = capsys.readouterr().err
    assert message in found and found.count("\n") == 1
