"""README tables are what the kept records say, to the letter."""

import shutil

import pytest

import reproduce
from common.results import packages, readmes
from common.results.answers import Results

RECORDS = reproduce.ROOT / "records"


@pytest.mark.parametrize(
    "path", readmes.paths(reproduce.ROOT, reproduce.PAPERS), ids=str
)
def test_generated_blocks_are_up_to_date(path, tmp_path):
    copy = tmp_path / "README.md"
    shutil.copyfile(path, copy)
    assert not readmes.Blocks(RECORDS).refresh(copy), f"run reproduce.py --keep; {path}"


@pytest.mark.parametrize("name", reproduce.PAPERS)
def test_kept_records_are_of_the_recipes_and_attacks_of_today(name):
    results = Results(packages.find(name).at("small"), RECORDS)
    assert results.runs
    # What an evaluation itself warned of is no change of recipe or attack.
    warned = tuple(
        warning
        for run in results.distinct.values()
        for evaluation in run.records
        for warning in evaluation.record.get("warnings", ())
    )
    found = [found.message for found in results.findings if found.kind == "record"]
    assert all(message.endswith(warned) for message in found)


def test_a_typed_number_is_found_out(tmp_path):
    copy = tmp_path / "README.md"
    text = (reproduce.ROOT / "free_at" / "README.md").read_text(encoding="utf-8")
    copy.write_text(text.replace("<!-- end -->", "99.9\n<!-- end -->"), "utf-8")
    assert readmes.Blocks(RECORDS).refresh(copy)
    assert "99.9" not in copy.read_text(encoding="utf-8")
