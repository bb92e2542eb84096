"""Generated blocks say what the records say, and kept records hold no weights."""

import dataclasses
import sys
import types

import pytest

from common import recipe
from common.recipe import Cell, Table
from common.results import readmes


@pytest.fixture
def block(tmp_path, paper, monkeypatch):
    """Returns a function: the text of a block, of a paper that is a package."""

    def text(name, of=paper):
        package = types.ModuleType("fake")
        package.PAPER = of
        monkeypatch.setitem(sys.modules, "fake", package)
        return readmes.Blocks(tmp_path / "runs").text(name)

    return text


@pytest.fixture
def runs(write_run, outcomes):
    counts = {"clean": outcomes(900), "pgd_20": outcomes(5)}
    for scale in ("paper", "small", "digits"):
        write_run("natural", counts, scale=scale, hardware="CPU")
        write_run("free_4", {"pgd_20": outcomes(700)}, scale=scale, hardware="CPU")


def rows(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[field.strip() for field in line.strip("|").split("|")] for line in lines]


def test_a_table_holds_every_row_and_the_command(block, runs):
    text = block("fake paper table main")
    head, _, plain, hard = rows(text)
    assert head == ["", "clean", "PGD-20", "time (min)"]
    assert plain[:2] == ["plain", "90.00 [87.98, 91.71] / 90.0, **within**"]
    assert hard[:2] == ["hard <m=4>", "not run / 80.0 (code)"]
    assert text.endswith("verdict. Made by `python -m fake table main --scale=paper`.")


def test_another_scale_is_context_without_verdicts(block, runs):
    text = block("fake small table main")
    assert "**" not in text and " / 90.0 |" in text
    assert "the two are not compared. Made by" in text


def test_digits_have_no_reported_number_beside_them(block, runs):
    text = block("fake digits table main")
    _, _, plain, hard = rows(text)
    assert plain[:2] == ["plain", "90.00 [87.98, 91.71]"]
    assert hard[:2] == ["hard <m=4>", "not run"]
    assert "[95 % interval]. Made by" in text


def test_a_cell_without_images_and_a_table_without_a_cell_say_so(
    block, paper, write_run, outcomes
):
    cells = (Cell("plain", "to B", "natural", "pgd_20", metric="transfer"),)
    tables = (Table("one", "One", cells), Table("none", "None", ()))
    write_run("natural", {"pgd_20": {"survived": outcomes(5), "fooled": outcomes(0)}})
    changed = dataclasses.replace(paper, tables=(*paper.tables, *tables))
    assert rows(block("fake paper table one", changed))[-1] == [
        "plain",
        "no images / no number",
    ]
    assert "No cell of this table" in block("fake paper table none", changed)


def test_claims_hold_their_numbers_note_and_the_command(block, paper, runs):
    claim = dataclasses.replace(
        paper.claims[0], note="Few updates hide it.", expected_at=("digits",)
    )
    lines = block(
        "fake digits claims", dataclasses.replace(paper, claims=(claim,))
    ).splitlines()
    assert lines[0].startswith("- **holds**: Hard training")
    assert lines[1] == "  - Few updates hide it."
    assert "= +69.50 points [" in lines[2]
    assert lines[4:] == ["", "Made by `python -m fake claims --scale=digits`."]


def test_claims_that_are_not_judged_are_folded_with_their_numbers(block, paper, runs):
    lines = block("fake digits claims", paper).splitlines()
    assert lines[:4] == [
        "",
        "<details><summary>1 claim not judged at this scale</summary>",
        "",
        "- Hard training is more robust & as fast. (Section 9)",
    ]
    assert "= +69.50 points [" in lines[4] and "holds" not in lines[4]
    assert lines[6:8] == ["", "</details>"]


def test_claims_are_chosen_by_name_and_long_ones_folded(block, paper, runs):
    claim = dataclasses.replace(paper.claims[0], expected_at=("digits",))
    many = dataclasses.replace(claim, name="many", comparisons=claim.comparisons * 7)
    both = dataclasses.replace(paper, claims=(claim, many))
    assert block("fake digits claims", both).count("**holds**") == 2
    text = block("fake digits claims many", both)
    assert text.count("**holds**") == 1
    count = len(many.comparisons)
    assert f"<summary>{count} comparisons</summary>" in text
    assert text.count("<li>") == count
    with pytest.raises(ValueError, match="Nearest: many"):
        block("fake digits claims manny", both)


def test_times_say_minutes_and_the_ratio_to_natural(block, write_run):
    write_run("free_4", {}, minutes=2.0, hardware="CPU")
    text = block("fake paper times")
    assert rows(text)[2:] == [["free_4", "10", "2.00"]]
    assert "\n\nOn CPU: " in text
    write_run("natural", {}, minutes=4.0, hardware="CPU")
    assert rows(block("fake paper times")) == [
        ["recipe", "updates", "minutes", "of natural"],
        ["---"] * 4,
        ["natural", "10", "4.00", "1.00"],
        ["free_4", "10", "2.00", "0.50"],
    ]


def test_times_name_the_machine_of_each_network_if_they_differ(block, write_run):
    write_run("free_4", {}, minutes=2.0, hardware="CPU")
    write_run("natural", {}, minutes=4.0, hardware="GPU")
    text = block("fake paper times")
    assert rows(text) == [
        ["recipe", "updates", "minutes", "of natural", "machine"],
        ["---"] * 5,
        ["natural", "10", "4.00", "1.00", "GPU"],
        ["free_4", "10", "2.00", "", "CPU"],
    ]
    assert "\n\nOn CPU and GPU: " in text


def test_the_section_on_autoattack_is_there_if_a_record_is(
    block, paper, write_run, outcomes
):
    known = paper.evaluations["small"] | recipe.autoattacks(4.0)
    tested = dataclasses.replace(paper, evaluations={"small": known})
    write_run("natural", {"pgd_20": outcomes(700)}, scale="small")
    assert block("fake small autoattack pgd_20", tested).strip() == ""
    both = {"pgd_20": outcomes(700), "autoattack": outcomes(600)}
    write_run("natural", both, scale="small")
    text = block("fake small autoattack pgd_20 pgd_100", tested)
    assert "### Under AutoAttack" in text
    assert rows(text)[-1][-1].startswith("+10.00 [+")
    assert "on all test images, at epsilon 4." in text
    assert "`python -m fake evaluate RECIPE autoattack --scale=small`" in text


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("fake paper tabel main", "table"),
        ("fake paper table mian", "main"),
        ("fake study error", "errors"),
    ],
)
def test_an_unknown_name_in_a_block_names_the_nearest(block, name, nearest):
    with pytest.raises(ValueError, match=f"Nearest: {nearest}"):
        block(name)


def test_a_generated_block_is_replaced_once_and_then_stays(tmp_path, block, runs):
    claims = block("fake digits claims")
    path = tmp_path / "README.md"
    path.write_text(
        "Before \\1\n<!-- generated: fake digits claims -->\nold\n<!-- end -->\n"
        "Between\n"
        "<!-- generated: fake digits times -->\n<!-- end -->\nAfter\n"
    )
    blocks = readmes.Blocks(tmp_path / "runs")
    assert blocks.refresh(path)
    text = path.read_text()
    assert text.startswith(
        f"Before \\1\n<!-- generated: fake digits claims -->\n{claims}\n<!-- end -->\n"
    )
    assert "\nBetween\n" in text and text.endswith("<!-- end -->\nAfter\n")
    assert not blocks.refresh(path)


@pytest.mark.parametrize(
    "content",
    [
        "no block\n",
        "<!-- generated: a -->\n",
        2 * "<!-- generated: a -->\n<!-- end -->\n",
        "<!-- generated: a -->\nkept\n<!-- generated: b -->\n<!-- end -->\n",
    ],
)
def test_a_missing_or_doubtful_block_is_refused(tmp_path, content):
    with pytest.raises(ValueError, match=r"README\.md: expected one block"):
        readmes.replaced(content, "a", "new", tmp_path / "README.md")


def test_records_of_recipes_are_kept_once_and_without_weights(
    tmp_path, alias, results, write_run, outcomes
):
    for name in ("free_4", "m_4", "free_4@seed=1"):  # the second is left over
        folder = write_run(name, {"clean": outcomes(5)}, minutes=2.0)
    folder = write_run("free_4", {"clean": outcomes(5)}, minutes=2.0)
    (folder / "checkpoints").mkdir()
    unfinished = ("evaluations/pgd.npz", "evaluations/pgd.json.partial")
    for name in ("checkpoints/00000480.npz", *unfinished):
        (folder / name).write_bytes(b"half")
    records = tmp_path / "records"
    readmes.keep(results(of=alias), records)
    readmes.keep(results(of=alias, workdir="records"), records)  # changes nothing
    kept = {str(p.relative_to(records)) for p in records.rglob("*") if p.is_file()}
    evaluations = ("evaluations/clean.json", "evaluations/clean.npz")
    expected = ("recipe.json", "metrics.jsonl", *evaluations)
    assert kept == {f"fake/paper/free_4/{name}" for name in expected}


def test_what_is_kept_of_an_earlier_training_goes(
    tmp_path, results, write_run, outcomes
):
    records = tmp_path / "records"
    folder = write_run("free_4", {"clean": outcomes(5), "pgd_20": outcomes(3)})
    readmes.keep(results(), records)
    (folder / "evaluations" / "pgd_20.json").unlink()
    kept = records / "fake/paper/free_4/evaluations/pgd_20.json"
    readmes.keep(results(), records)
    assert kept.exists()  # of the same training
    write_run("free_4", {}, minutes=None)
    readmes.keep(results(), records)
    assert kept.exists()  # a training that is not finished takes nothing's place
    file = {"weights": {"file": "x.weights.h5"}}
    write_run(
        "free_4", {"clean": outcomes(5)}, workdir="released", minutes=None, **file
    )
    readmes.keep(results(workdir="released"), records)
    assert kept.exists()  # nor does a file that somebody released
    write_run("free_4", {}, minutes=3.0)
    readmes.keep(results(), records)
    assert not kept.exists()
