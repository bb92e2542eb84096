"""Strings that name classifiers: what is a file, a name, an option and a value."""

import os

import pytest

from common.foreign import specs

OPTIONS = ("name", "image_size")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Returns a function that makes empty files in the present folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *names: [(tmp_path / name).touch() for name in names]


@pytest.mark.parametrize(
    ("files", "text", "network", "file"),
    [
        (["run:m.keras"], "run:m.keras?pixels=raw", "", "run:m.keras"),
        (["MobileNet:w.h5"], "MobileNet:w.h5", "", "MobileNet:w.h5"),
        (["MobileNet:w.h5", "w.h5"], "MobileNet:w.h5", "MobileNet", "w.h5"),
        (["run:1.h5"], "MobileNet:run:1.h5", "MobileNet", "run:1.h5"),
        ([r"C:\models\m.keras"], r"C:\models\m.keras", "", r"C:\models\m.keras"),
        ([r"C:\w.h5"], r"VGG16:C:\w.h5?classes=7", "VGG16", r"C:\w.h5"),
        (["what?.keras"], "what?.keras?pixels=raw", "", "what?.keras"),
    ],
)
def test_network_and_file(here, files, text, network, file):
    here(*files)
    found = specs.parse(text, OPTIONS)
    assert (found.network, os.fspath(found.file)) == (network, file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (r"C:\models\m.keras", r"No such file.* Received: C:\\models\\m.keras$"),
        ("run:m.keras", "No such file.* Received: run:m.keras$"),
        ("MobileNet:no.h5", "No such file.* Received: no.h5$"),
        ("~no-such-user/m.keras", "No such file.* Received: ~no-such-user/m.keras$"),
    ],
)
def test_a_missing_file_is_not_found(here, text, message):
    with pytest.raises(FileNotFoundError, match=message):
        specs.parse(text, OPTIONS)


def test_a_folder_and_an_unknown_network_are_refused(here, tmp_path):
    here("w.h5")
    with pytest.raises(ValueError, match="Expected a file"):
        specs.parse(str(tmp_path), OPTIONS)
    with pytest.raises(ValueError, match=r"Unknown network.*Nearest: MobileNet$"):
        specs.parse("MobilNet:w.h5", OPTIONS)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("pixels", "OPTION=VALUE after [?]. Received: pixels$"),
        ("pixel=raw", "Unknown option of a saved model.*Nearest: pixels"),
        ("alpha=1", "Unknown option of a saved model. Received: alpha"),
        ("pixels=raw&pixels=unit", "said once"),
        ("=raw", "Unknown option"),
    ],
)
def test_an_option_that_is_not_one_is_refused(here, query, message):
    here("m.keras")
    with pytest.raises(ValueError, match=message):
        specs.parse(f"m.keras?{query}", OPTIONS)


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        ("alpha=0.75&classes=7", {"alpha": 0.75, "classes": 7}),
        ("alpha=1&minimalistic=True", {"alpha": 1.0, "minimalistic": True}),
        ("name=007&image_size=32", {}),
    ],
)
def test_numbers_are_those_that_the_function_takes(here, query, arguments):
    here("w.h5")
    found = specs.parse(f"MobileNetV3Small:w.h5?{query}", OPTIONS).arguments()
    assert found == arguments
    assert all(type(found[key]) is type(arguments[key]) for key in arguments)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("alpha=wide", "alpha is a number. Received: alpha=wide"),
        ("alpha=nan", "alpha is a number"),
        ("classes=7.5", "classes is a whole number"),
        ("minimalistic=1", "minimalistic is true or false"),
    ],
)
def test_a_value_of_another_kind_is_refused(here, query, message):
    here("w.h5")
    with pytest.raises(ValueError, match=message):
        specs.parse(f"MobileNetV3Small:w.h5?{query}", OPTIONS).arguments()


@pytest.mark.parametrize("network", ["depth", "weights", "include_top", "pixels"])
def test_what_the_suite_decides_is_no_option_of_a_network(here, network):
    here("w.h5")
    with pytest.raises(ValueError, match="Unknown option of MobileNet"):
        specs.parse(f"MobileNet:w.h5?{network}=1", OPTIONS)


@pytest.mark.parametrize("name", ["007", "1e3", "a.b-c", "été"])
def test_a_name_stays_text(here, name):
    here("m.keras")
    found = specs.parse(f"m.keras?name={name}", OPTIONS)
    assert (found.name, found.without_folders) == (name, f"m.keras?name={name}")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", r"a\b", "-a", ".a", "a b"]
)
def test_a_name_is_never_a_path(here, name):
    here("m.keras")
    with pytest.raises(ValueError, match="is the name of a folder"):
        _ = specs.parse(f"m.keras?name={name}", OPTIONS).name


def test_the_default_name_is_the_network_or_the_file(here):
    here("m.v2.keras", ".keras")
    assert specs.parse("m.v2.keras", OPTIONS).name == "m"
    assert specs.parse("MobileNet:m.v2.keras", OPTIONS).name == "MobileNet"
    with pytest.raises(ValueError, match=r"say \?name="):
        _ = specs.parse(".keras", OPTIONS).name


def test_image_sizes():
    assert specs.image_size("192") == (192, 192)
    assert specs.image_size("24x32") == (24, 32)
    for text in ("0", "-1", "3.5", "x3", "3x", "1e3", ""):
        with pytest.raises(ValueError, match=r"HEIGHTxWIDTH. Received: image_size="):
            specs.image_size(text)
