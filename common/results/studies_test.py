"""Tables of a study, from records written by hand."""

import json

import pytest

from common.results import readmes, studies

IMAGES = {"folder": "photographs", "split": "held_out"}


def write(folder, network, name, *, correct, total=50, epsilon=None, **further):
    path = folder / "paper" / "study" / network / "evaluations" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "evaluation": name,
        "attack": epsilon and {"type": "FGSM", "epsilon": epsilon},
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
        for epsilon, correct in ((16.0, 0), (2.0, 25)):
            for name, more in (("fgsm", 0), ("step_ll", 5)):
                stem = f"{name}_eps{epsilon:g}"
                write(tmp_path, network, stem, correct=correct + more, epsilon=epsilon)
    for epsilon, correct, eligible, rate in ((16.0, 30, 20, 35.0), (2.0, 40, 0, None)):
        shown = {"target": "B", "eligible": eligible, "rate": rate}
        name = f"fgsm_eps{epsilon:g}_to_B"
        write(tmp_path, "A", name, correct=correct, epsilon=epsilon, **shown)
    return tmp_path


def block(workdir, what):
    return readmes.Blocks(workdir).text(f"paper study {what}")


def test_errors_are_by_attack_and_growing_epsilon(workdir):
    text = block(workdir, "errors")
    assert "**A**, error on 50 clean images: 20.0 [11.2, 33.0] %" in text
    lines = text.splitlines()
    assert lines[2] == "|  | eps=2 | eps=16 |"
    assert lines[3] == "| --- | --- | --- |"
    assert lines[4] == "| fgsm | 50.0 [36.6, 63.4] | 100.0 [92.9, 100.0] |"
    assert lines[5].startswith("| step_ll | 40.0 [")
    command = "python -m paper study 'photographs?split=held_out' A:w.h5 B:w.h5"
    assert lines[-1] == f"Made by `{command}`."


def test_the_command_says_the_order_of_the_classes(tmp_path):
    images = {**IMAGES, "classes": "numeric"}
    write(tmp_path, "A", "clean", correct=40, images=images)
    command = "study 'photographs?split=held_out&classes=numeric' A:w.h5"
    assert command in block(tmp_path, "errors")


def test_each_folder_of_images_has_a_command_of_its_own(workdir):
    others = {"folder": "snapshots", "split": ""}
    write(workdir, "C", "clean", correct=40, images=others)
    last = block(workdir, "errors").splitlines()[-1]
    first, second = last.removeprefix("Made by ").split(" and ")
    assert "photographs" in first and "A:w.h5 B:w.h5" in first
    assert "snapshots" in second and second.endswith(" snapshots C:w.h5`.")


def test_a_warning_stands_below_the_table_of_its_network(workdir):
    write(workdir, "A", "clean", correct=0, warnings=["clean accuracy is near chance"])
    first, second = block(workdir, "errors").split("**B**")
    assert first.endswith("|\n\nWarning: clean: clean accuracy is near chance.\n\n")
    assert "Warning" not in second
    hidden = "3 of 40 images have no gradient"
    write(workdir, "B", "fgsm_eps2", correct=3, epsilon=2.0, warnings=[hidden])
    _, second = block(workdir, "errors").split("**B**")
    assert second.count(f"Warning: fgsm_eps2: {hidden}.") == 1


def test_transfers_show_rate_count_and_error_of_the_target(workdir):
    lines = block(workdir, "transfers").splitlines()
    assert lines[2] == "| A to B, fgsm | - (of 0); 20.0 | 35.0 (of 20); 40.0 |"
    assert (
        lines[-1].startswith("Each cell: of the images that fooled")
        and "Made by" in lines[-1]
    )


def test_records_are_kept(workdir, tmp_path):
    records = tmp_path / "records"
    studies.Study(workdir, "paper").keep(records)
    kept = studies.Study(records, "paper")
    assert kept.records == studies.Study(workdir, "paper").records
    kept.keep(records)  # onto itself changes nothing
    studies.Study(workdir, "other").keep(records)  # a paper without a study
    assert studies.Study(records, "other").records == {}


def test_a_study_that_was_killed_or_damaged_says_so_and_stops_nothing(
    workdir, tmp_path
):
    begun = workdir / "paper" / "study" / "begun" / "evaluations"
    begun.mkdir(parents=True)
    (begun / "clean.progress.npz").write_bytes(b"")
    assert "begun" not in block(workdir, "errors")
    studies.Study(workdir, "paper").keep(tmp_path / "records")
    assert not list((tmp_path / "records").rglob("*.progress.npz"))
    (begun / "clean.json").write_text("{")
    with pytest.raises(ValueError, match=r"begun/evaluations/clean\.json: broken"):
        block(workdir, "errors")


def test_a_study_that_was_not_run_says_so(tmp_path):
    for what in ("errors", "transfers"):
        text = block(tmp_path, what)
        assert text.startswith("Not run yet") and text == text.strip()
