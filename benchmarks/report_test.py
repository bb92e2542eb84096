"""The page from fabricated records: every verdict, and no number but theirs."""

import dataclasses
import functools
import re

import pytest

from benchmarks import __main__ as command
from benchmarks import (
    attack,
    engines,
    figure,
    memory,
    peer_autoattack,
    peer_training,
    peer_updates,
    questions,
    records,
    replay,
    report,
    restarts,
)
from common import cli

NOTES = {
    "command": "python -m benchmarks x",
    "versions": {"python": "3.11"},
    "hardware": "CPU, 2 cores",
    "commit": "abc",
    "seconds": 90.0,
    "others": 0.02,
}


COUNTED = records.Counts(
    "Network 1, 1,200 images",
    {
        "float32": {"ours": records.Cell(1_030, 1_200), "a peer": records.Cell(9, 10)},
        "rounded": {
            "ours": records.Cell(None, 1_200, "GradientError: none"),
            "a peer": records.Cell(None, 10, "TypeError: it broke"),
        },
        "in part": {
            "ours": records.Cell(7, 1_200, "5 have no gradient"),
            "a peer": records.Cell(None, 10, "TypeError: it broke"),
        },
    },
)


def comparison(ratios, *, row="row", name="Network 1", **fields):
    samples = {"reference": [2.0] * len(ratios), row: [2.0 * x for x in ratios]}
    return records.Comparison(f"{name}, 2 images", "reference", samples, **fields)


def record(letter, *comparisons):
    return records.Record(letter, comparisons, NOTES)


def autoattack(row, ratio, right):
    """Returns AutoAttack beside the reference, which leaves 40 images."""
    counts = {"reference": (40, 100), row: (right, 100)}
    return comparison([ratio], row=row, name="AutoAttack", counts=counts)


standard = functools.partial(autoattack, peer_autoattack.STANDARD)
quick = functools.partial(autoattack, peer_autoattack.QUICK)


@pytest.fixture
def found():
    """Returns a record of every benchmark, all bounds met."""
    counts = {"reference": (40, 100), "evaluation.evaluate": (40, 100)}
    return {
        "a": record("a", comparison([1.01, 1.04, 0.99], row="PGD-20")),
        "b": record(
            "b",
            comparison([1.06, 1.07, 1.05], row="Free replay"),
            comparison([1.00, 1.02, 1.01], row="Free replay", name="Network 2"),
        ),
        "c": record("c", comparison([0.4], row="evaluation.evaluate", counts=counts)),
        "d": record("d", comparison([1.0], row="100 steps", unit="MiB")),
        "e": record(
            "e",
            comparison(
                [2.5],
                row="a peer",
                passes={"a peer": {"forward": 21, "backward": 1_234}},
                counts={"reference": (50, 100), "a peer": (49, 100)},
                failures={"a broken peer": "ImportError: no | module"},
            ),
        ),
        "f": record("f", comparison([1.5], row="JAX"), comparison([0.8], row="JAX")),
        "g": records.Record("g", notes=NOTES, counts=(COUNTED,)),
        "h": record("h", comparison([1.2], row="PyTorch, channels last")),
        "i": record("i", comparison([3.1], row="ART, 7-PGD")),
        "j": record("j", standard(0.6, 42), quick(0.07, 42)),
    }


def line(page, start):
    return next(x for x in page.splitlines() if x.startswith(start))


def test_met_bounds_are_shown_with_median_smallest_and_largest(found):
    page = report.page(found)
    assert line(page, "| a |").endswith(
        "| 1.010 [0.990, 1.040] | at most 1.05 | **met** |"
    )
    one, other = "1.060 [1.050, 1.070]", "1.010 [1.000, 1.020]"
    answers = f"| Network 1: {one}; Network 2: {other} | at most 1.10 | **met** |"
    assert line(page, "| b |").endswith(answers)
    assert line(page, "| c |").endswith("| same counts | **met** |")
    assert line(page, "| e |").endswith("| 2.50 to 2.50 | none | **no bound** |")


@pytest.mark.parametrize(
    ("letter", "changed"),
    [
        ("a", [comparison([1.06, 1.2, 1.0], row="PGD-20")]),
        (
            "b",  # one comparison keeps the bound, the other does not
            [
                comparison([1.0], row="Free replay"),
                comparison([1.11], row="Free replay"),
            ],
        ),
        (
            "c",
            [
                comparison(
                    [0.4],
                    row="evaluation.evaluate",
                    counts={"reference": (40, 100), "evaluation.evaluate": (41, 100)},
                )
            ],
        ),
        ("d", [comparison([1.11], row="100 steps")]),
        ("j", [standard(0.6, 40), quick(0.09, 40)]),
        ("j", [standard(0.6, 43), quick(0.07, 40)]),
        ("j", [standard(0.6, 40), quick(0.07, 43)]),
        ("j", [standard(0.6, 40)]),  # without the other row
    ],
)
def test_what_is_over_the_bound_is_missed(found, letter, changed):
    found[letter] = record(letter, *changed)
    page = report.page(found)
    assert line(page, f"| {letter} |").endswith("| **missed** |")
    assert page.count("**missed**") == 1


def test_exactly_at_the_bound_is_met():
    at_bound = record("a", comparison([1.05], row="PGD-20"))
    assert questions.QUESTIONS["a"].verdict(at_bound) == questions.MET


def test_what_others_are_compared_with_is_not_compared_with_itself():
    ours, shorter = peer_autoattack.STANDARD, peer_autoattack.QUICK
    counts = {ours: (40, 100), shorter: (40, 100)}
    samples = {ours: [2.0], shorter: [0.1]}
    beside = records.Comparison("quick", ours, samples, counts=counts)
    both = record("j", standard(0.6, 40), beside)
    assert questions.QUESTIONS["j"].verdict(both) == questions.MET


def test_what_was_not_run_says_so(found):
    found["e"] = None
    page = report.page(found)
    assert line(page, "| e |").endswith("| - | none | **not run** |")
    assert "Not run." in page
    nothing = report.page(dict.fromkeys(found))
    assert nothing.count("**not run**") == len(found)
    assert "<picture>" not in nothing


def test_a_peer_that_does_not_run_is_shown_with_its_reason(found):
    row = line(report.page(found), "| a broken peer |")
    assert row.endswith("| does not run: ImportError: no \\| module |")


def test_counts_and_passes_stand_beside_the_ratios(found):
    row = line(report.page(found), "| a peer |")
    passes = "21 forward, 1,234 backward"
    assert row == f"| a peer | 5.00 | 2.50 [2.50, 2.50] | {passes} | 49 of 100 |"


def test_counts_without_times_have_the_lines_that_were_said_below(found):
    page = report.page(found)
    assert line(page, "| g |").endswith("| - | none | **no bound** |")
    table = """\
Network 1, 1,200 images.

|  | ours | a peer |
| --- | --- | --- |
| float32 | 1,030 of 1,200 | 9 of 10 |
| rounded | none (1) | none (2) |
| in part | 7 of 1,200 (3) | none (2) |

1. GradientError: none
2. TypeError: it broke
3. 5 have no gradient
"""
    assert table in page


def test_every_ratio_on_the_page_is_in_a_record(found):
    expected = {
        report.number(ratio)
        for one in found.values()
        for part in one.comparisons
        for row in part.samples
        for ratio in part.ratios(row)
    }
    pattern = r"(\d+\.\d+) \[(\d+\.\d+), (\d+\.\d+)\]"
    shown = re.findall(pattern, report.page(found))
    assert len(shown) >= len(found)
    assert {number for group in shown for number in group} <= expected


def test_records_come_back_from_their_files(found, tmp_path):
    for one in found.values():
        one.save(tmp_path)
    assert records.load("g", tmp_path) == found["g"]
    loaded = {letter: records.load(letter, tmp_path) for letter in found}
    assert report.page(loaded) == report.page(found)
    for letter, question in questions.QUESTIONS.items():
        assert question.verdict(loaded[letter]) == question.verdict(found[letter])
    assert records.load("a", tmp_path / "elsewhere") is None


def test_the_command_reports_a_missed_bound_in_its_exit_status(
    found, tmp_path, monkeypatch
):
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    monkeypatch.setattr(records, "load", lambda letter: found[letter])
    assert command.main(["benchmarks", "--norun"]) == cli.GOOD
    found["a"] = record("a", comparison([1.5], row="PGD-20"))
    assert command.main(["benchmarks", "--norun"]) == cli.OUTSIDE
    assert "**missed**" in (tmp_path / "README.md").read_text(encoding="utf-8")
    assert (tmp_path / "ratios-light.png").stat().st_size > 1_000
    assert command.main(["benchmarks", "z"]) == cli.USAGE


def test_a_damaged_record_is_one_line_and_no_verdict(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.json").write_text('{"benchmark"')
    whole = records.load
    monkeypatch.setattr(records, "load", lambda letter: whole(letter, tmp_path))
    assert command.main(["benchmarks", "--norun"]) == cli.USAGE
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path / 'a.json'}") and said.count("\n") == 1


def test_a_missing_peer_environment_is_no_failure(found, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    monkeypatch.setattr(command, "PEERS", tmp_path / "python")
    monkeypatch.setattr(records, "load", lambda letter: None)
    assert command.main(["benchmarks", "e", "g"]) == cli.GOOD
    said = capsys.readouterr().out
    assert "e: not run" in said
    assert "g: not run" in said


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["a", "--classifier=m.keras?pixels=raw"], "is for g, which is not run"),
        (["g", "--classifier=m.keras?pixels=raw"], "No such file"),
    ],
)
def test_a_classifier_that_cannot_be_taken_is_a_usage_error(words, reason, capsys):
    assert command.main(["benchmarks", *words]) == cli.USAGE
    assert reason in capsys.readouterr().err


def test_missing_jax_is_no_failure(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(records, "load", lambda letter: None)
    assert command.main(["benchmarks", "f"]) == cli.GOOD
    assert "f: not run, since JAX is missing" in capsys.readouterr().out


def test_the_figure_has_a_panel_for_each_comparison(found):
    axes = figure.draw(found).axes
    assert len(axes) == sum(len(one.comparisons) for one in found.values())
    assert figure.draw(dict.fromkeys(found)) is None


def test_the_bounded_rows_are_those_that_are_measured():
    rows = {
        letter: [row.name for row in question.rows]
        for letter, question in questions.QUESTIONS.items()
    }
    assert rows["a"] == [attack.OURS]
    assert set(rows["b"]) <= set(replay.ROWS)
    assert rows["c"] == [restarts.OURS]
    assert rows["d"] == [f"{memory.STEPS[-1]} steps"]
    assert {*rows["f"], engines.REFERENCE} == set(engines.ENGINES)
    assert rows["h"] == [peer_updates.PYTORCH]
    assert rows["i"] == [peer_training.ART]
    assert rows["j"] == [peer_autoattack.STANDARD, peer_autoattack.QUICK]


def test_a_row_that_does_not_run_has_no_samples(found):
    part = found["e"].comparisons[0]
    assert part.rows == ["reference", "a peer", "a broken peer"]
    assert dataclasses.replace(part, failures={}).rows == ["reference", "a peer"]
