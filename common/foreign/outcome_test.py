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
        ("folder.keras", "must name a file.*folder.keras, which is a folder"),
        ("other.keras", "is not of this fit.*other.keras"),
    ],
)
def test_a_file_of_something_else_is_not_replaced(home, tmp_path, name, message):
    (tmp_path / "folder.keras").mkdir()
    (tmp_path / "other.keras").write_text("a year of work")
    with pytest.raises(ValueError, match=message):
        home(name).check()


def test_three_lines_say_what_was_won_under_attacks_of_every_kind(home):
    clean = {"accuracy": 90.0, "total": 50, "attack": None}
    pgd = {"accuracy": 25.0, "total": 50, "attack": {"type": "PGD", "epsilon": 8.0}}
    worst = {"type": "Worst", "attacks": [{"type": "APGD", "epsilon": 4.0}]}
    own = {"type": "Own", "strength": 3}
    pairs = {
        name: {"before": pgd, "after": {**found, "accuracy": 50.0}}
        for name, found in (
            ("clean", clean),
            ("pgd", pgd),
            ("worst", {**clean, "attack": worst}),
            ("own", {**clean, "attack": own}),
        )
    }
    record = {"accuracy": pairs, "minutes": None, "updates": 1000}
    won, kept, place = home("mine.keras")._told(record)
    said = "25.00 % before, 50.00 % now (+25.00), of 50"
    assert won == (
        f"Robust accuracy: under pgd at epsilon 8 {said}; under worst at epsilon 4 "
        f"{said}; under own {said}"
    )
    assert kept == f"Clean accuracy: {said}"
    assert place.startswith("After 1,000 updates: ") and "mine.keras and " in place


def test_the_own_file_is_written_again_unless_somebody_changed_it(home, tmp_path):
    file = tmp_path / "mine.keras"
    home("mine.keras").check()  # not there yet
    file.write_text("robust")
    sha256 = outcome._sha256(file)
    # Before a later call that wrote none, and after one.
    for record in (
        {"sha256": sha256, "written": [sha256]},
        {"written": [sha256, "another"]},
    ):
        (tmp_path / "run" / "fit.json").write_text(json.dumps(record))
        home("mine.keras").check()
    file.write_text("more robust")
    with pytest.raises(ValueError, match="not of this fit"):
        home("mine.keras").check()
