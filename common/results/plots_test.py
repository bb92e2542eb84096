import dataclasses

import numpy as np
import pytest

from common.recipe import Cell, Table
from common.results import canvas, comparison, plots


def titles(figure):
    return [panel.get_title() for panel in figure.axes]


@pytest.fixture
def cells(tmp_path, paper, write_run, outcomes):
    counts = {"clean": 800, "pgd_20": 500, "pgd_20_eps2": 700, "pgd_20_eps4": 500}
    write_run("free_4", {name: outcomes(n) for name, n in counts.items()})
    return comparison.compare(paper, "paper", tmp_path / "runs")


def test_the_number_at_the_end_of_a_heading_is_the_abscissa(cells):
    sweep = [cell for cell in cells if cell.table == "sweep"]
    figure = plots.against_number(sweep, "digits", "epsilon")
    assert titles(figure) == ["PGD-20"]
    line = next(x for x in figure.axes[0].lines if len(x.get_xdata()))
    np.testing.assert_allclose(line.get_xydata(), [[2, 70], [4, 50]])


def test_the_rows_give_the_abscissa_where_asked_for(cells):
    sweep = [
        dataclasses.replace(cell, row=f"clean={share}")
        for cell in cells
        if cell.table == "sweep"
        for share in (20, 0, 100)
    ]
    (panel,) = plots.against_number(sweep, "digits", "share", by_row=True).axes
    assert set(canvas.named([panel])) == {"PGD-20 eps=2", "PGD-20 eps=4"}
    line = next(x for x in panel.lines if len(x.get_xdata()))
    np.testing.assert_allclose(line.get_xydata(), [[0, 70], [20, 70], [100, 70]])
    assert panel.get_xscale() == "linear"


def test_steps_of_all_magnitudes_are_spaced_by_ratio(cells):
    sweep = [cell for cell in cells if cell.table == "sweep"]
    for steps, scale in (((10, 50, 200, 2000), "log"), ((10, 20, 50), "linear")):
        columns = [
            dataclasses.replace(sweep[-1], column=f"PGD-{number}") for number in steps
        ]
        (panel,) = plots.against_number(columns, "digits", "steps").axes
        assert panel.get_xscale() == scale
        labels = [label.get_text() for label in panel.get_xticklabels()]
        assert labels == [f"{number}" for number in steps]
        assert not list(panel.get_xticks(minor=True))


def test_reported_numbers_are_drawn_at_the_papers_scale_only(cells):
    sweep = [cell for cell in cells if cell.table == "sweep"]
    lines = {
        scale: [
            x.get_linestyle()
            for x in plots.against_number(sweep, scale, "epsilon").axes[0].lines
        ]
        for scale in ("paper", "digits")
    }
    assert "--" in lines["paper"]
    assert "--" not in lines["digits"]


@pytest.mark.parametrize("confidence", ["figure", "unverified"])
def test_unverified_points_of_a_line_are_question_marks(cells, confidence):
    sweep = [
        dataclasses.replace(cell, confidence=confidence)
        for cell in cells
        if cell.table == "sweep"
    ]
    figure = plots.against_number(sweep, "paper", "epsilon")
    markers = [line.get_marker() for line in figure.axes[0].lines]
    sure = confidence == "figure"
    assert markers.count("$?$") == (0 if sure else 2)
    assert ("?: unverified" in figure.legends[0].get_title().get_text()) != sure


def test_a_panel_per_accuracy_column_and_none_for_minutes(cells):
    main = [cell for cell in cells if cell.table == "main"]
    assert titles(plots.reported_and_measured(main, "paper")) == [
        "clean, %",
        "PGD-20, %",
    ]


def test_the_difference_is_magnified_to_the_full_range_around_grey():
    clean = np.full((2, 4, 4, 3), 100.0)
    adversarial = clean.copy()
    adversarial[:, 0, 0], adversarial[:, 1, 1] = 104, 96
    found = {"clean": clean, "adversarial": adversarial, "labels": np.array([0, 1])}
    found |= {f"predictions_{k}": np.array([0, 0]) for k in ("clean", "adversarial")}
    found["class_names"] = np.array(["cat", "dog"])
    figure = plots.examples(found)
    shown = figure.axes[2].images[0].get_array()
    assert (shown[0, 0, 0], shown[1, 1, 0], shown[2, 2, 0]) == (254, 0, 127)
    assert figure.axes[2].get_ylabel() == "difference\nx 32"
    assert [panel.get_xlabel() for panel in figure.axes[:2]] == ["cat", "cat, not dog"]


def test_nothing_measured_draws_nothing_and_writes_nothing(tmp_path, paper):
    cells = comparison.compare(paper, "paper", tmp_path / "none")
    assert plots.reported_and_measured(cells, "paper") is None
    assert plots.against_number(cells, "paper", "steps") is None
    assert plots.training_curves({}) is plots.probe_curves({}) is None
    assert canvas.save(lambda: None, tmp_path / "empty") is None
    assert not list(tmp_path.glob("empty*"))


@pytest.fixture
def widths(tmp_path, paper, write_run, outcomes):
    """Ratios and transfer rates of two networks, in a table each."""
    recipe = paper.recipes["paper"]["natural"]
    names = ("w_0.5", "w_2")
    recipes = {n: dataclasses.replace(recipe, seed=i) for i, n in enumerate(names)}
    ratios = [
        Cell("FGSM eps=4", f"rho={n[2:]}", n, "pgd_20", metric="ratio", other="clean")
        for n in names
    ]
    mixed = [
        Cell(f"A, {metric}", f"eps={eps}", "w_2", evaluation, metric=metric)
        for metric in ("transfer", "transfer_top5")
        for eps, evaluation in ((2, "pgd_20"), (16, "pgd_100"))
    ]
    for name, right in zip(names, (300, 600), strict=True):
        transfer = {"survived": outcomes(500), "fooled": outcomes(800)}
        transfer |= {f"{k}_top5": v for k, v in transfer.items()}
        write_run(
            name,
            {
                "clean": outcomes(1000),
                "pgd_20": {**transfer, "survived": outcomes(right)},
                "pgd_100": transfer,
            },
        )
    tables = (Table("width", "", tuple(ratios)), Table("mixed", "", tuple(mixed)))
    path = tmp_path / "none.csv"
    path.write_text("table,row,column,metric,value,source,confidence\n")
    fake = dataclasses.replace(
        paper, recipes={"paper": recipes}, tables=tables, claims=(), reported=path
    )
    return comparison.compare(fake, "paper", tmp_path / "runs")


def test_ratios_are_drawn_against_the_width(widths):
    ratios = [cell for cell in widths if cell.table == "width"]
    figure = plots.against_number(ratios, "paper", "width factor rho")
    (panel,) = figure.axes
    assert (panel.get_title(), panel.get_ylabel()) == ("", "robustness ratio")
    assert panel.get_xlabel() == "width factor rho"
    line = next(x for x in panel.lines if len(x.get_xdata()))
    np.testing.assert_allclose(line.get_xydata(), [[0.5, 0.3], [2, 0.6]])
    assert figure.legends[0].get_title().get_text() == "solid: measured"
    assert plots.reported_and_measured(ratios, "paper") is None  # not in percent


def test_each_metric_has_its_panel_and_label(widths):
    mixed = [cell for cell in widths if cell.table == "mixed"]
    figure = plots.against_number(mixed, "paper", "epsilon")
    labels = [panel.get_ylabel() for panel in figure.axes]
    assert labels == ["transfer rate, %", "top-5 transfer rate, %"]
    assert len(plots.reported_and_measured(mixed, "paper").axes) == 2
