import dataclasses
import html.parser
import json
import re
import shutil

import numpy as np
import pytest

from common.results import plots, report

VOID = {"meta", "img", "source", "br"}


class Checker(html.parser.HTMLParser):
    """Collects text and links, and refuses elements that do not nest."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.links, self.ids = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        self.links += [attrs[k] for k in ("src", "srcset", "href") if k in attrs]
        if tag == "img":
            assert attrs["alt"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text.append(data)


def parse(index):
    checker = Checker()
    checker.feed(index.read_text(encoding="utf-8"))
    checker.close()
    assert checker.open == []
    return checker


@pytest.fixture
def runs(tmp_path, write_run, outcomes):
    def line(kind, step, **values):
        return {"kind": kind, "step": step, **values}

    metrics = (
        line("train", 5, loss=2.0, accuracy=40.0),
        line("train", 10, loss=float("nan"), accuracy=60.0),
        line("probe", 5, clean_accuracy=50, fgsm_accuracy=30, pgd_accuracy=20),
        line("probe", 10, clean_accuracy=10, fgsm_accuracy=30, pgd_accuracy=20),
    )
    for scale in ("paper", "digits"):
        counts = {"clean": outcomes(900), "pgd_20": outcomes(0)}
        place = {"hardware": "one <GPU>"}
        write_run("natural", counts, scale=scale, metrics=metrics, **place)
        counts = {"pgd_20": outcomes(500), "pgd_20_eps4": outcomes(500)}
        path = write_run(
            "free_4",
            {**counts, "pgd_20_eps2": outcomes(700)},
            scale=scale,
            minutes=130.0,
            versions={"keras": "3"},
            **place,
            commit="abc",
            num_parameters=12345,
        )
        images = np.full((3, 4, 4, 1), 100.0)
        np.savez(
            path / "examples.npz",
            clean=images,
            adversarial=images + 4,
            labels=[0, 1, 2],
            predictions_clean=[0, 1, 2],
            predictions_adversarial=[0, 2, 1],
        )
    return tmp_path / "runs"


@pytest.mark.parametrize("scale", ["paper", "digits"])
def test_the_page_is_sound_complete_and_self_contained(tmp_path, paper, runs, scale):
    out_dir = tmp_path / "report"
    checker = parse(report.write_report([paper], scale, runs, out_dir))
    text = " ".join(" ".join(checker.text).split())
    for words in (
        *("plain", "hard <m=4>", "PGD-20 eps=2", "A paper <that> nobody wrote"),
        *("Hard training is more robust & as fast.", "is above the clean", "one <GPU>"),
        *("1.30", "python -m fake train free_4", "unverified", "not run"),
    ):
        assert words in text
    assert not re.search(r"\bnan\b|\bNone\b", text)
    for link in checker.links:
        link = link.removesuffix(" 1.5x")
        if link.startswith("#"):
            assert link[1:] in checker.ids
        else:
            assert (out_dir / link).read_bytes().startswith(b"\x89PNG")


def test_another_precision_of_evaluations_is_said(tmp_path, paper, write_run, outcomes):
    record = {"survived": outcomes(800), "precision": "float32"}
    write_run("free_4", {"clean": record}, precision="mixed_bfloat16")
    folder = tmp_path / "report"
    page = parse(report.write_report([paper], "paper", tmp_path / "runs", folder))
    assert "mixed_bfloat16; evaluated in float32" in " ".join(page.text)


def test_only_the_papers_scale_is_judged(tmp_path, paper, runs):
    pages = {
        scale: " ".join(
            parse(report.write_report([paper], scale, runs, tmp_path / scale)).text
        )
        for scale in ("paper", "digits")
    }
    assert "within, \N{PLUS-MINUS SIGN}" in pages["paper"]
    assert "within" not in pages["digits"]
    assert "are not compared" in pages["digits"]
    assert "not expected to show at this scale" in pages["digits"]
    assert "not expected to show at this scale" not in pages["paper"]


def test_markdown_and_page_hold_the_same_rows(tmp_path, paper, runs):
    report.write_report([paper], "paper", runs, tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    for words in ("| plain |", "| hard <m=4> |", "(unverified)", "**holds**"):
        assert words in text
    assert "nan" not in text


@pytest.mark.parametrize("kind", report.ABSCISSAE)
def test_a_plot_takes_its_number_from_rows_or_columns(
    monkeypatch, tmp_path, paper, runs, kind
):
    seen = {}

    def drawn(cells, scale, xlabel, *, by_row):
        seen.update(xlabel=xlabel, by_row=by_row)

    monkeypatch.setattr(plots, "against_number", drawn)
    table = dataclasses.replace(paper.table("sweep"), plot=kind)
    report._table(report._answers(paper, "digits", runs), table, tmp_path)
    expected = kind in ("share", "depth", "alpha")
    assert seen == {"xlabel": report.ABSCISSAE[kind], "by_row": expected}


def test_a_table_may_show_robustness_against_clean_accuracy(
    tmp_path, paper, write_run, outcomes
):
    for name in ("natural", "free_4"):
        write_run(name, {"clean": outcomes(900), "pgd_20": outcomes(300)})
    runs = tmp_path / "runs"
    table = dataclasses.replace(paper.table("main"), plot=report.TRADEOFF)
    drawn = report._table(report._answers(paper, "paper", runs), table, tmp_path)
    assert "against accuracy on clean images: Main table" in drawn
    names = {path.name for path in tmp_path.glob("fake-main*")}
    assert names == {
        f"fake-main{kind}-{theme}.png"
        for kind in ("", "-tradeoff")
        for theme in ("light", "dark")
    }


def test_a_report_of_nothing_says_not_run(tmp_path, paper):
    index = report.write_report([paper], "digits", tmp_path, tmp_path / "report")
    text = " ".join(parse(index).text)
    assert text.count("not run") >= 10
    assert not list((tmp_path / "report").glob("*.png"))


def test_the_same_records_give_the_same_bytes(tmp_path, paper, runs):
    contents = []
    for name in ("a", "b"):
        report.write_report([paper], "paper", runs, tmp_path / name)
        files = sorted((tmp_path / name).iterdir())
        contents.append([(path.name, path.read_bytes()) for path in files])
    assert contents[0] == contents[1]


def test_a_broken_record_stops_the_report_and_is_named(tmp_path, paper, runs):
    path = runs / "fake" / "paper" / "free_4" / "evaluations" / "pgd_20.json"
    path.write_text(json.dumps({"correct": 1})[:-3])
    with pytest.raises(ValueError, match=r"pgd_20\.json"):
        report.write_report([paper], "paper", runs, tmp_path / "report")


def test_a_run_of_two_names_is_listed_once_and_a_note_shown(tmp_path, alias, runs):
    for name in ("m_4", "free_4@seed=1"):  # left over, and with overrides
        shutil.copytree(runs / "fake/paper/natural", runs / "fake/paper" / name)
    claim = dataclasses.replace(alias.claims[0], note="Few <updates> hide it.")
    noted = dataclasses.replace(alias, claims=(claim,))
    index = report.write_report([noted], "paper", runs, tmp_path / "report")
    text = " ".join(parse(index).text)
    assert text.count("python -m fake train free_4 ") == 1
    assert "python -m fake train free_4@seed=1 " in text
    assert "train m_4" not in text
    assert "Few <updates> hide it." in text
    assert "Few <updates> hide it." in (index.parent / "report.md").read_text()
