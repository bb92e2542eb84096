"""Class folders: their order, and what is counted beside photographs."""

import os

import pytest

from common.data import listing


def make(root, *names):
    for name in names:
        (root / name).mkdir(parents=True, exist_ok=True)
    return str(root)


@pytest.mark.parametrize(
    ("names", "number", "text", "numeric"),
    [
        (["0", "1", "10", "2"], 2, "10", "2"),
        (["class_2", "class_10"], 0, "class_10", "class_2"),
        (["7a", "07b", "6c"], 0, "07b", "6c"),
    ],
)
def test_where_text_and_numbers_differ_the_order_has_to_be_said(
    tmp_path, names, number, text, numeric
):
    path = make(tmp_path, *names)
    with pytest.raises(ValueError, match="classes=sorted, numeric") as caught:
        listing.classes(path)
    received = f"class {number} is {text} sorted as text and {numeric} as numbers"
    assert received in str(caught.value) and "\n" not in str(caught.value)
    assert list(listing.classes(path, "sorted")) == sorted(names)
    assert listing.classes(path, "numeric")[number] == numeric


def test_all_orders_are_one_where_text_and_numbers_agree(tmp_path):
    path = make(tmp_path, "n02", "n01", "n10", ".hidden")
    (tmp_path / "notes.txt").write_text("")
    for order in ("", "sorted", "numeric"):
        assert listing.classes(path, order) == ("n01", "n02", "n10")
    assert listing.classes(str(tmp_path / "missing")) == ()


def test_a_file_gives_the_order_and_classes_without_a_folder(tmp_path):
    path = make(tmp_path / "images", "cat", "dog", "été")
    file = tmp_path / "names.txt"
    file.write_bytes("\ufeffdog\r\n\r\nfish\r\nété\r\ncat".encode())
    assert listing.classes(path, str(file)) == ("dog", "fish", "été", "cat")


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"dog\n", ValueError, "names.txt must name .*Received: cat not"),
        (b"dog\ncat\ndog\n", ValueError, "Received: dog twice"),
        (b"dog\nc\xe4t\n", ValueError, "UTF-8.*names.txt"),
        (None, FileNotFoundError, "sorted, numeric.*names.txt"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, content, error, message):
    path, file = make(tmp_path / "images", "cat", "dog"), tmp_path / "names.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(error, match=message):
        listing.classes(path, str(file))


def test_what_is_not_read_is_counted_by_its_kind(tmp_path):
    path = make(tmp_path, "a/inner", "a/folder.jpg", "b")
    for name in ("a/2.PNG", "a/1.jpg", "a/x.WebP", "a/y.webp", "a/README", "a/.jpg"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "outside.bmp").write_bytes(b"")
    os.symlink("nothing", tmp_path / "b" / "link.jpeg")
    files, left_out = listing.photographs(path, ("b", "a", "none"))
    assert files == [["link.jpeg"], ["1.jpg", "2.PNG"], []]
    assert left_out == {".bmp outside": 1, ".webp": 2, "folders": 2, "no suffix": 1}


def test_it_is_said_in_a_line_each(capsys):
    listing.say("photos", {".webp": 2, "folders": 1}, ["a", "b", "c", "d"])
    assert capsys.readouterr().out.splitlines() == [
        "photos: not read: 2 .webp, 1 folders",
        "photos: 4 classes have no photograph: a, b, c, ...",
    ]
    listing.say("photos", {})
    assert not capsys.readouterr().out
