"""Files that a fit may write, and what it says at its end."""

import json
import types

import pytest

from common.foreign import outcome


@pytest.fixture
def home(tmp_path):
    run = types.SimpleNamespace(folder=tmp_path / "run")
    run.folder.mkdir()
    return lambda name: outcome.Home(run, tmp_path / name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("robust.h5", "NAME.keras. Received: --to=.*robust.h5"),
        ("folder.keras", "there and not of this fit.*folder.keras"),
        ("other.keras", "there and not of this fit.*other.keras"),
    ],
)
def test_a_file_of_something_else_is_not_replaced(home, tmp_path, name, message):
    (tmp_path / "folder.keras").mkdir()
    (tmp_path / "other.keras").write_text("a year of work")
    with pytest.raises(ValueError, match=message):
        home(name).check()


def test_the_own_file_is_written_again_unless_somebody_changed_it(home, tmp_path):
    file = tmp_path / "mine.keras"
    home("mine.keras").check()  # not there yet
    file.write_text("robust")
    record = {"sha256": outcome._sha256(file)}
    (tmp_path / "run" / "fit.json").write_text(json.dumps(record))
    home("mine.keras").check()
    file.write_text("more robust")
    with pytest.raises(ValueError, match="not of this fit"):
        home("mine.keras").check()
