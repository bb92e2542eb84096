"""Tables of a study, from records written by hand."""

import json

import pytest

from common.foreign import tables
from common.results import readmes

IMAGES = {"folder": "photographs", "split": "held_out"}


def write(folder, network, name, *, correct, total=50, **further):
    path = folder / "paper" / "study" / network / "evaluations" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "correct": correct,
        "total": total,
        "images": IMAGES,
        "network": {"spec": f"{network}:w.h5"},
        **further,
    }
    path.write_text(json.dumps(record))


@pytest.fixture
def workdir(tmp_path):
    for network in ("A", "B"):
        write(tmp_path, network, "clean", correct=40)
        for epsilon, correct in ((16, 0), (2, 25)):
            write(tmp_path, network, f"fgsm_eps{epsilon}", correct=correct)
            write(tmp_path, network, f"step_ll_eps{epsilon}", correct=correct + 5)
    transfer = {"target": "B", "eligible": 20, "rate": 35.0}
    write(tmp_path, "A", "fgsm_eps16_to_B", correct=30, **transfer)
    transfer = {"target": "B", "eligible": 0, "rate": None}
    write(tmp_path, "A", "fgsm_eps2_to_B", correct=40, **transfer)
    return tmp_path


def test_errors_are_by_attack_and_growing_epsilon(workdir):
    text = tables.errors("paper", workdir)
    assert "**A**, error on 50 clean images: 20.0 [11.2, 33.0] %" in text
    lines = text.splitlines()
    assert lines[2] == "| | eps=2 | eps=16 |"
    assert lines[3] == "| --- | --- | --- |"
    assert lines[4] == "| fgsm | 50.0 [36.6, 63.4] | 100.0 [92.9, 100.0] |"
    assert lines[5].startswith("| step_ll | 40.0 [")
    command = "python -m paper study photographs?split=held_out 'A:w.h5' 'B:w.h5'"
    assert lines[-1] == f"Made by `{command}`."


def test_the_command_says_the_order_of_the_classes(tmp_path):
    write(tmp_path, "A", "clean", correct=40)
    (path,) = tmp_path.rglob("clean.json")
    record = json.loads(path.read_text())
    record["images"]["classes"] = "numeric"
    path.write_text(json.dumps(record))
    command = "study 'photographs?split=held_out&classes=numeric' 'A:w.h5'"
    assert command in tables.errors("paper", tmp_path)


def test_a_warning_stands_below_the_table_of_its_network(workdir):
    write(workdir, "A", "clean", correct=0, warnings=["clean accuracy is near chance"])
    first, second = tables.errors("paper", workdir).split("**B**")
    assert first.endswith("|\n\nWarning: clean accuracy is near chance.\n\n")
    assert "Warning" not in second


def test_transfers_show_rate_count_and_error_of_the_target(workdir):
    lines = tables.transfers("paper", workdir).splitlines()
    assert lines[2] == "| A to B, fgsm | - (of 0); 20.0 | 35.0 (of 20); 40.0 |"


def test_a_block_of_a_readme_names_them(workdir):
    for what in ("errors", "transfers"):
        text = readmes.Blocks(workdir).text(f"paper study {what}")
        assert text == getattr(tables, what)("paper", workdir)
    with pytest.raises(ValueError, match="Nearest: errors"):
        readmes.Blocks(workdir).text("paper study error")


def test_records_are_kept(workdir, tmp_path):
    records = tmp_path / "records"
    tables.keep(workdir, "paper", records)
    assert tables.read(records, "paper") == tables.read(workdir, "paper")
    tables.keep(records, "paper", records)  # onto itself changes nothing
    tables.keep(workdir, "other", records)  # a paper without a study
    assert tables.read(records, "other") == {}


def test_a_study_that_was_not_run_says_so(tmp_path):
    for block in (tables.errors, tables.transfers):
        assert block("paper", tmp_path).startswith("Not run yet")
