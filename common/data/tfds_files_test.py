"""Where TFDS data are looked for, and what is said when they are not there."""

import os

from common.data import tfds_files


def test_the_argument_comes_before_the_environment_and_the_default(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "/from/environment")
    assert tfds_files.folder("/given") == "/given"
    assert tfds_files.folder(None) == "/from/environment"
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert tfds_files.folder(None) == os.path.expanduser("~/tensorflow_datasets")
