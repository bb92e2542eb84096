"""Files that are whole or not there, and lines that are being written."""

import errno
import fcntl
import json
import sys
from unittest import mock

import numpy as np
import pytest

from common import errors, files


def test_a_file_takes_the_place_of_another_when_it_is_written(tmp_path):
    path = tmp_path / "folder" / "record.json"
    for content in (b"one", b"two"):
        with files.whole(path) as file:
            file.write(content)
            assert not path.exists() or path.read_bytes() == b"one"
        assert path.read_bytes() == content
    with pytest.raises(KeyError), files.whole(path) as file:
        file.write(b"thr")
        raise KeyError
    assert path.read_bytes() == b"two"


LINES = [{"kind": "train", "step": 10, "loss": 1.25}, {"kind": "end", "step": 12}]
TEXT = "".join(json.dumps(line) + "\n" for line in LINES)


def test_a_log_reads_wherever_its_writing_has_come(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for length in range(len(TEXT) + 1):
        path.write_text(TEXT[:length])
        whole = [line for line in LINES if TEXT[:length].count(json.dumps(line))]
        assert files.json_lines(path) == whole, length


def test_a_log_that_is_not_there_has_no_line(tmp_path):
    assert files.json_lines(tmp_path / "metrics.jsonl") == []


@pytest.mark.parametrize("line", [b"broken", b"3", b"\x00\x00", b"\xff{}"])
def test_a_broken_line_before_the_last_is_named(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"\n".join([b"{}", b"", line, b"{}", b""]))
    with pytest.raises(ValueError, match=r"metrics\.jsonl is damaged.*line 3"):
        files.json_lines(path)


def test_a_folder_is_one_process_alone(tmp_path):
    folder = tmp_path / "run"
    with (
        files.alone(folder),
        pytest.raises(errors.RunError, match=r"Another process.*run$"),
        files.alone(folder),
    ):
        pass
    with files.alone(folder):  # which is free again
        assert list(folder.iterdir()) == []


def test_a_claim_ends_well_without_locks_and_where_its_folder_was_removed(
    tmp_path, monkeypatch
):
    claim = tmp_path / "record.lock"
    with files.claimed(claim):
        claim.rmdir()  # by another one that had opened it before
        with files.claimed(claim):
            pass
    without = OSError(errno.ENOLCK, "No locks available")
    monkeypatch.setattr("fcntl.flock", mock.Mock(side_effect=without))
    with files.claimed(claim), files.claimed(claim):
        assert claim.is_dir()
    assert not claim.exists()


def test_a_folder_that_was_removed_after_it_was_opened_is_not_ours(
    tmp_path, monkeypatch
):
    locked = fcntl.flock

    def late(handle, operation):
        (tmp_path / "run").rmdir()
        locked(handle, operation)

    monkeypatch.setattr("fcntl.flock", late)
    with pytest.raises(errors.RunError), files.alone(tmp_path / "run"):
        pass


def test_what_could_not_be_written_leaves_nothing_behind(tmp_path):
    with pytest.raises(KeyError), files.whole(tmp_path / "record.json") as file:
        file.write(b"half")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_two_processes_that_write_one_file_do_not_meet(tmp_path, monkeypatch):
    path = tmp_path / "record[1].json"
    with files.whole(path) as ours:
        ours.write(b"ours")
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "getpid", lambda: -1)
            with files.whole(path) as theirs:
                theirs.write(b"theirs, and longer")
        assert path.read_bytes() == b"theirs, and longer"
    assert path.read_bytes() == b"ours"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed_by_name_or_all(tmp_path):
    path, other = tmp_path / "record[1].json", tmp_path / "other.json"
    for name in (path, other):
        files.partial(name).touch()
    files.remove_partial(tmp_path, path.name)
    assert list(tmp_path.iterdir()) == [files.partial(other)]
    files.remove_partial(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def full(tmp_path):
    """Returns a path whose disk is full for what is written before it."""
    path = tmp_path / "folder" / "record.json"
    path.parent.mkdir()
    files.partial(path).symlink_to("/dev/full")
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /dev/full")
def test_a_full_disk_is_said_in_one_line_that_names_the_folder(full):
    full.write_bytes(b"one")
    with pytest.raises(errors.RunError) as found, files.whole(full) as file:
        np.savez(file, weights=np.zeros(100_000))
    (line,) = str(found.value).splitlines()
    assert line.startswith(f"No space is left in {full.parent};")
    assert "the same command goes on" in line
    assert full.read_bytes() == b"one"


def test_other_failures_of_a_disk_say_what_they_are(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError), files.whole(tmp_path / "file" / "record.json"):
        pass


def test_what_a_writer_opens_itself_is_whole_or_not_there(tmp_path):
    """A file or a folder; what others have hidden there stays."""
    for name in ("robust.keras", "robust"):
        path = tmp_path / f"new {name}" / name
        other = path.with_name(f".{name}")
        other.mkdir(parents=True)
        with pytest.raises(RuntimeError, match="half"), files.placed(path) as hidden:
            hidden.mkdir() if not path.suffix else hidden.touch()
            raise RuntimeError("half")
        assert list(path.parent.iterdir()) == [other]
        with files.placed(path) as hidden:
            assert hidden.name == path.name
            hidden.mkdir() if not path.suffix else hidden.write_text("whole")
        assert set(path.parent.iterdir()) == {path, other}


def test_a_place_that_cannot_be_written_is_refused_with_its_flag(tmp_path):
    file = tmp_path / "file"
    file.touch()
    files.check_folder(tmp_path / "a" / "b", "report")
    files.check_file(file, "json")
    files.check_file(tmp_path / "a" / "b.json", "json")
    for folder in (file, file / "below"):
        with pytest.raises(ValueError, match=f"--report={folder}, but {file} is no"):
            files.check_folder(folder, "report")
    with pytest.raises(ValueError, match=f"--json={tmp_path}, which is a folder"):
        files.check_file(tmp_path, "json")
    with pytest.raises(ValueError, match=f"but {file} is no folder"):
        files.check_file(file / "a.json", "json")


def test_a_file_that_cannot_take_its_place_leaves_nothing_behind(tmp_path):
    (tmp_path / "answers").mkdir()
    with pytest.raises(OSError, match="directory"):
        files.write_text(tmp_path / "answers", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["answers"]
