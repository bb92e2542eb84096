import dataclasses
import html.parser
import json
import re
import shutil

import numpy as np
import pytest

from common.recipe import Plot
from common.results import canvas, report

VOID = {"meta", "img", "source", "br"}


class Page(html.parser.HTMLParser):
    """Collects text and links, and refuses elements that do not nest."""

    def __init__(self, index):
        super().__init__()
        self.open, self.texts, self.links, self.ids = [], [], [], set()
        self.chips = []
        self.source = index.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        self.links += [attrs[k] for k in ("src", "srcset", "href") if k in attrs]
        assert tag != "script"
        if tag == "img":
            assert attrs["alt"]
        if attrs.get("class", "").startswith("chip "):
            self.chips.append(attrs["class"].removeprefix("chip "))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)


@pytest.fixture
def page(tmp_path, monkeypatch, paper, results):
    """Returns a function: the page of the records at a scale, in `tmp_path/report`."""

    def written(scale="paper", of=paper, folder="report", drawn=True):
        with monkeypatch.context() as patch:
            if not drawn:  # which takes the time
                patch.setattr(canvas, "save", lambda draw, stem: None)
            return Page(report.write([results(scale, of=of)], tmp_path / folder))

    return written


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
    for scale in ("paper", "small", "digits"):
        counts = {"clean": outcomes(900), "pgd_20": outcomes(0)}
        place = {"hardware": "one <GPU>", "scale": scale}
        write_run("natural", counts, metrics=metrics, **place)
        counts = {"pgd_20": outcomes(500), "pgd_20_eps4": outcomes(500)}
        path = write_run(
            "free_4",
            {**counts, "pgd_20_eps2": outcomes(700)},
            minutes=130.0,
            versions={"keras": "3"},
            commit="abc",
            num_parameters=12345,
            **place,
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


@pytest.mark.parametrize("scale", ["paper", "small"])
def test_the_page_is_sound_complete_and_self_contained(tmp_path, page, runs, scale):
    found = page(scale)
    for words in (
        *("plain", "hard <m=4>", "PGD-20 eps=2", "A paper <that> nobody wrote"),
        *("Hard training is more robust & as fast.", "is above the clean", "one <GPU>"),
        *("1.30", "python -m fake train free_4", "unverified", "not run"),
        *("12 345", "keras 3; commit abc", "Sources: Table 9; memory."),
    ):
        assert words in found.text
    assert not re.search(r"\bnan\b|\bNone\b", found.text)
    for link in found.links:
        link = link.removesuffix(" 1.5x")
        if link.startswith("#"):
            assert link[1:] in found.ids
        else:
            assert (tmp_path / "report" / link).read_bytes().startswith(b"\x89PNG")
    # Each mark of a reported number is explained, in a sentence of its own.
    assert "Reported numbers: code read in the authors' code" in found.text
    assert "unverified remembered, not checked against any source. Sources" in (
        found.text
    )


def test_a_verdict_has_a_sign_beside_its_word(page, runs):
    """No verdict is told by its colour alone."""
    source = page(drawn=False).source
    for verdict, sign in (("within", "✓"), ("above", "▲"), ("below", "▼")):
        for words in re.findall(rf'class="chip {verdict}">([^<]*)<', source):
            assert words.startswith(f"{sign} ") and verdict in words
    assert '<span class="chip warning">! ' in source


def test_only_the_papers_scale_is_judged(page, runs):
    full, small, digits = (
        page(scale, drawn=False) for scale in ("paper", "small", "digits")
    )
    assert "within, \N{PLUS-MINUS SIGN}" in full.text
    assert "Tolerances" in full.text
    assert "not judged at this scale" not in full.text
    for other in (small, digits):
        assert not {"within", "above", "below"} & set(other.chips)
        assert "Tolerances" not in other.text
        assert "1 claim not judged at this scale" in other.text
    assert "are not compared" in small.text and "paper 90.0" in small.text
    assert "Measured at scale digits, with another network" in digits.text
    assert "paper 90.0" not in digits.text and "Sources" not in digits.text


def test_the_page_opens_on_the_screen_and_images_come_before_tables(
    tmp_path, page, runs
):
    found = page()
    order = (
        *("+50.00 [", "Cost: 2 networks", "What may be concluded"),
        *(f"<h3>{name}</h3>" for name in ("Images", "Curves", "Claims", "Main table")),
    )
    places = [found.source.index(words) for words in order]
    assert places == sorted(places)


def test_images_of_many_networks_open_on_demand(monkeypatch, page, runs):
    monkeypatch.setattr(report, "SHOWN_IMAGES", 0)
    monkeypatch.setattr(canvas, "save", lambda draw, stem: stem.name)
    source = page().source
    assert "<summary>Images of 1 more network</summary>" in source


@pytest.mark.parametrize(
    ("plot", "ends"),
    [
        (Plot(), {""}),
        (Plot("columns", "epsilon"), {"", "-lines"}),
        (Plot("columns", "epsilon", bars=False), {"-lines"}),
        (Plot("tradeoff"), {"", "-tradeoff"}),
    ],
)
def test_a_table_is_drawn_as_its_plot_says(
    tmp_path, paper, page, write_run, outcomes, plot, ends
):
    counts = {"clean": outcomes(900), "pgd_20": outcomes(300)}
    for name in ("natural", "free_4"):
        write_run(name, counts)
    cells = [
        dataclasses.replace(cell, x=float(x))
        for x, cell in enumerate(paper.table("main").cells)
    ]
    table = dataclasses.replace(paper.table("main"), cells=tuple(cells), plot=plot)
    page(of=dataclasses.replace(paper, tables=(table, paper.table("sweep"))))
    names = {path.name for path in (tmp_path / "report").glob("fake-main*")}
    themes = ("light", "dark")
    assert names == {f"fake-main{end}-{theme}.png" for end in ends for theme in themes}


def test_a_large_table_and_many_warnings_open_on_demand(monkeypatch, page, runs):
    monkeypatch.setattr(report, "MANY_CELLS", 1)
    monkeypatch.setattr(report, "SHOWN_FINDINGS", 0)
    monkeypatch.setattr(canvas, "save", lambda draw, stem: stem.name)
    source = page().source
    assert re.search(r"<details><summary>All 4 cells</summary>", source)
    assert re.search(r"<summary>\d+ more warnings</summary>", source)


def test_a_report_of_nothing_says_not_run(tmp_path, page):
    found = page("digits")
    assert found.text.count("not run") >= 10
    assert "None in the records of 0 runs" in found.text
    assert not list((tmp_path / "report").glob("*.png"))


def test_a_run_of_two_names_is_listed_once_and_a_note_shown(
    tmp_path, alias, page, runs
):
    for name in ("m_4", "free_4@seed=1"):  # left over, and with overrides
        shutil.copytree(runs / "fake/paper/natural", runs / "fake/paper" / name)
    made = {"name": "free_4", "overrides": ["seed=1", "schedule.values=[0.1, 0.01]"]}
    (runs / "fake/paper/free_4@seed=1/recipe.json").write_text(json.dumps(made))
    claim = dataclasses.replace(alias.claims[0], note="Few <updates> hide it.")
    found = page(of=dataclasses.replace(alias, claims=(claim,)), drawn=False)
    assert found.text.count("python -m fake train free_4 ") == 2
    assert "train free_4 --scale=paper --set=seed=1 '--set=schedule.va" in found.text
    assert "train m_4" not in found.text
    assert "Few <updates> hide it." in found.text


def test_what_made_all_runs_is_said_once(page, write_run, outcomes):
    record = {"survived": outcomes(800), "precision": "float32"}
    write_run("free_4", {"clean": record}, precision="mixed_bfloat16")
    words = "All made with: mixed_bfloat16; evaluated in float32"
    assert words in page().text
    write_run("natural", {"clean": outcomes(800)}, precision="float32")
    assert "All made with" not in page().text and "made with" in page().text
