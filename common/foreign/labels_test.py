"""`labels.csv`: what is read, and what is refused with file and row."""

import pytest

from common.foreign import labels


@pytest.fixture
def write(tmp_path):
    """Returns a writer of a table beside four files."""
    for name in ("a.jpg", "b.jpg", "in/c.jpg", "é.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")

    def written(content):
        table = tmp_path / "labels.csv"
        encoded = content if isinstance(content, bytes) else content.encode()
        table.write_bytes(encoded)
        return table

    return written


@pytest.mark.parametrize(
    "content",
    [
        "file,class_index\na.jpg,3\né.jpg,0\n",
        "\ufefffile,class_index\r\na.jpg,3\r\né.jpg,0",
        "file,class_index\r\ra.jpg,3\ré.jpg,0\r",
        "\nfile,class_index\n\na.jpg,3\n,\n  \né.jpg,0\n\n",
        "class_index, note, file\n3.0, x, a.jpg\n0., y, ./é.jpg\n",
        'file,class_index\n"a.jpg","3",\n"é.jpg",00\n',
    ],
)
def test_a_table_is_read_however_it_was_saved(write, content):
    assert labels.read(write(content)) == [("a.jpg", 3), ("é.jpg", 0)]


def test_rows_outside_the_split_are_left_out_and_their_files_not_needed(write):
    table = write("file,class_index\nmissing.jpg,3\nin/c.jpg,1\ninside.jpg,0\n")
    assert labels.read(table, "in") == labels.read(table, "in/") == [("in/c.jpg", 1)]


HEAD = "file,class_index\na.jpg,3\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEAD + "b.jpg\n", "line 3: expected 2 cells. Received: 1"),
        (HEAD + "\n\nb.jpg,\n", r"line 5: class_index must .*class_index=$"),
        (HEAD + "b.jpg,-1\n", "line 3.*class_index=-1"),
        (HEAD + "b.jpg,2.5\n", "line 3.*class_index=2.5"),
        (HEAD + "b.jpg,99999999999\n", "line 3.*class_index=99999999999"),
        (HEAD + ",3\n", "line 3: file must .*file=$"),
        (HEAD + "../a.jpg,3\n", "line 3.*file=../a.jpg"),
        (HEAD + "b.jpg,1\n./a.jpg,3\n", "line 4: file=a.jpg, as in .*line 2"),
        (HEAD.encode() + b"\xe9.jpg,1\n", r"line 3.*UTF-8.*b'\\xe9'"),
        (HEAD + '"b.jpg,1\nin/c.jpg,2\n', "line 4: unexpected end of data"),
        (HEAD.replace(",", ";"), r"columns file and class_index. Received: file;class"),
        ("file,class_index,file\n", "Received: file, class_index, file"),
    ],
)
def test_what_is_unclear_is_refused_with_file_and_row(write, content, message):
    table = write(content)
    with pytest.raises(ValueError, match=message) as caught:
        labels.read(table)
    assert str(table) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.jpg", "in", "a.JPG"])
def test_a_file_that_is_not_there_is_named_with_its_row(write, name):
    table = write(f"{HEAD}{name},1\n")
    with pytest.raises(FileNotFoundError, match=f"{table}, line 3.*file={name}"):
        labels.read(table)


@pytest.mark.parametrize(
    ("path", "outside"),
    [
        ("a/../b", False),
        ("..a", False),
        ("a/../../b", True),
        ("/a", True),
    ],
)
def test_a_path_escapes_if_it_leads_outside(path, outside):
    assert labels.escapes(path) == outside
