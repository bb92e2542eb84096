"""Files that are whole or not there, and lines that are being written."""

import json

import pytest

from common import files


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
