import dataclasses

import pytest

from common.recipe import Cell, Table
from common.results import markdown


@pytest.fixture
def runs(tmp_path, write_run, outcomes):
    counts = {"clean": outcomes(900), "pgd_20": outcomes(5)}
    for scale in ("paper", "digits"):
        write_run("natural", counts, scale=scale)
        write_run("free_4", {"pgd_20": outcomes(700)}, scale=scale)
    return tmp_path / "runs"


def test_a_table_holds_every_row_and_the_command(paper, runs):
    lines = markdown.markdown_table(paper, "paper", runs, "main").splitlines()
    assert lines[0] == "|  | clean | PGD-20 | time (min) |"
    assert lines[2].startswith("| plain | 90.00 [87.98, 91.71] / 90.0, **within** |")
    assert lines[2].endswith("| 100.0 min / 100 min |")
    assert lines[3].startswith("| hard <m=4> | not run / 80.0 (code) |")
    assert "70.00 [67.09, 72.76] / 50.0 (unverified), **above**" in lines[3]
    assert lines[-1].endswith("`python -m fake table main --scale=paper`.")


def test_another_scale_is_context_without_verdicts(paper, runs):
    table = markdown.markdown_table(paper, "digits", runs, "main")
    assert "**" not in table
    assert "the two are not compared" in table


def test_an_unknown_table_names_the_nearest(paper, runs):
    with pytest.raises(ValueError, match="Nearest: main"):
        markdown.markdown_table(paper, "paper", runs, "mian")


def test_claims_hold_their_numbers_and_the_command(paper, runs):
    block = markdown.markdown_claims(paper, "digits", runs)
    assert "**holds**, not expected at this scale: Hard training" in block
    assert "= +69.50 points [" in block
    assert block.endswith("`python -m fake claims --scale=digits`.")


def test_a_generated_block_is_replaced_once_and_then_stays(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(
        "Before\n<!-- generated: a -->\nold \\1\n<!-- end -->\nBetween\n"
        "<!-- generated: b -->\n<!-- end -->\nAfter\n"
    )
    assert markdown.update_generated(path, "a", "new \\1 | text")
    assert markdown.update_generated(path, "b", "other")
    assert path.read_text() == (
        "Before\n<!-- generated: a -->\nnew \\1 | text\n<!-- end -->\nBetween\n"
        "<!-- generated: b -->\nother\n<!-- end -->\nAfter\n"
    )
    assert not markdown.update_generated(path, "a", "new \\1 | text")


@pytest.mark.parametrize(
    "content",
    [
        "no block\n",
        "<!-- generated: a -->\n",
        2 * "<!-- generated: a -->\n<!-- end -->\n",
        "<!-- generated: a -->\nkept\n<!-- generated: b -->\n<!-- end -->\n",
    ],
)
def test_a_missing_or_doubtful_block_is_refused_and_nothing_lost(tmp_path, content):
    path = tmp_path / "README.md"
    path.write_text(content)
    with pytest.raises(ValueError, match="expected one block"):
        markdown.update_generated(path, "a", "new")
    assert path.read_text() == content


def test_a_note_and_a_cell_without_images_are_shown(paper, runs, write_run, outcomes):
    claim = dataclasses.replace(paper.claims[0], note="Few updates hide it.")
    cell = Cell("plain", "to B", "natural", "pgd_20", metric="transfer")
    noted = dataclasses.replace(
        paper, claims=(claim,), tables=(*paper.tables, Table("one", "One", (cell,)))
    )
    block = markdown.markdown_claims(noted, "digits", runs)
    assert "\n  - Few updates hide it.\n" in block
    record = {"survived": outcomes(5), "fooled": outcomes(0)}
    write_run("natural", {"pgd_20": record}, scale="digits")
    table = markdown.markdown_table(noted, "digits", runs, "one")
    assert "| plain | no images / no number |" in table
