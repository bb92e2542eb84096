import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from common.recipe import Cell, Plot
from common.results import canvas, plots
from common.results.cells import Compared
from common.results.metrics import Value
from common.results.reported import Reported

PLOT = Plot("columns", "epsilon")


def cell(x=None, number=None, *, paper=None, confidence="figure", width=2.0, **fields):
    """Returns a compared cell, measured if it has a number, reported by the paper."""
    known = {"row": "plain", "column": f"PGD eps={x}", "recipe": "a", "panel": "PGD"}
    wanted = Cell(evaluation="pgd", x=x, **{**known, **fields})
    value = number and Value(number, (number - width, number + 2 * width), 1000)
    reference = paper and Reported(
        "table", wanted.row, wanted.column, "accuracy", paper, "", "", confidence
    )
    return Compared(wanted, reference, value, "claims only")


def points(panel):
    """Returns the points of each line that has some."""
    lines = (line.get_xydata() for line in panel.lines)
    return [xy.tolist() for xy in lines if len(xy)]


def notes(figure):
    return figure.legends[0].get_title().get_text()


def test_a_row_is_a_line_against_the_number_of_the_columns():
    cells = [cell(2, 70.0), cell(4, 50.0), cell(4, 40.0, row="hard"), cell(None, 90.0)]
    figure = plots.against_number(cells, "digits", PLOT)
    (panel,) = figure.axes
    assert (panel.get_title(), panel.get_xlabel()) == ("PGD", "epsilon")
    assert panel.get_ylabel() == "accuracy, %"
    assert points(panel)[0] == [[2, 70], [4, 50]]
    assert list(canvas.named([panel])) == ["plain", "hard"]
    assert notes(figure) == "solid: measured"


def test_a_column_is_a_line_against_the_number_of_the_rows():
    cells = [
        cell(share, 70.0, row=f"clean={share}", column=column)
        for column in ("PGD-10", "PGD-50")
        for share in (20, 0, 100)
    ]
    (panel,) = plots.against_number(cells, "digits", Plot("rows", "share")).axes
    assert list(canvas.named([panel])) == ["PGD-10", "PGD-50"]
    assert points(panel)[0] == [[0, 70], [20, 70], [100, 70]]
    assert panel.get_xscale() == "linear"


def test_each_metric_and_panel_of_two_numbers_is_a_panel():
    cells = [
        cell(x, 50.0, metric=metric, panel=panel)
        for metric, panel in (
            *(("accuracy", "CW"), ("accuracy", "PGD")),
            *(("transfer", "PGD"), ("transfer_top5", "PGD")),
        )
        for x in ((100,) if panel == "CW" else (20, 100))
    ]
    panels = plots.against_number(cells, "paper", PLOT).axes
    assert [(panel.get_title(), panel.get_ylabel()) for panel in panels] == [
        ("PGD", "accuracy, %"),
        ("PGD", "transfer rate, %"),
        ("PGD", "top-5 transfer rate, %"),
    ]


def test_numbers_of_all_magnitudes_are_spaced_by_ratio():
    for steps, scale in (((10, 50, 200, 2000), "log"), ((10, 20, 50), "linear")):
        cells = [cell(number, 50.0) for number in steps]
        (panel,) = plots.against_number(cells, "digits", PLOT).axes
        assert panel.get_xscale() == scale
        labels = [label.get_text() for label in panel.get_xticklabels()]
        assert labels == [f"{number}" for number in steps]
        assert not list(panel.get_xticks(minor=True))


@pytest.mark.parametrize("confidence", ["figure", "unverified"])
def test_reported_numbers_are_dashed_and_at_the_papers_scale_only(confidence):
    cells = [cell(x, 50.0, paper=60.0, confidence=confidence) for x in (2, 4)]
    for scale in ("paper", "digits"):
        figure = plots.against_number(cells, scale, PLOT)
        lines = figure.axes[0].lines
        assert ("--" in [line.get_linestyle() for line in lines]) == (scale == "paper")
        unsure = [line.get_marker() for line in lines].count("$?$")
        is_marked = scale == "paper" and confidence == "unverified"
        assert unsure == (2 if is_marked else 0)
        assert ("?: unverified" in notes(figure)) == is_marked


def test_a_panel_per_column_in_percent():
    fields = {"clean": {}, "PGD-20": {}, "ratio": {"metric": "ratio", "other": "x"}}
    cells = [cell(None, 50.0, column=name, **more) for name, more in fields.items()]
    figure = plots.reported_and_measured(cells, "paper")
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == ["clean, %", "PGD-20, %"]
    assert plots.reported_and_measured(cells[2:], "paper") is None


def test_the_difference_is_magnified_to_the_full_range_around_grey():
    clean = np.full((2, 4, 4, 3), 100.0)
    adversarial = clean.copy()
    adversarial[:, 0, 0], adversarial[:, 1, 1] = 104, 96
    found = {"clean": clean, "adversarial": adversarial, "labels": np.array([0, 1])}
    found |= {f"predictions_{k}": np.array([0, 0]) for k in ("clean", "adversarial")}
    figure = plots.examples(found)
    shown = figure.axes[2].images[0].get_array()
    assert (shown[0, 0, 0], shown[1, 1, 0], shown[2, 2, 0]) == (254, 0, 127)
    assert figure.axes[2].get_ylabel() == "perturbation\nx 32"
    assert [panel.get_xlabel() for panel in figure.axes[:2]] == ["0", "0, not 1"]


def test_nothing_measured_draws_nothing():
    cells = [cell(x, paper=50.0) for x in (2, 4)]
    assert plots.reported_and_measured(cells, "paper") is None
    assert plots.against_number(cells, "paper", PLOT) is None
    assert plots.training_curves({}) is plots.probe_curves({}) is None


def network(row, clean=None, attacked=None, *, column="PGD-20", **reported):
    """Returns the cells of a network in a tradeoff, in percent or not measured."""
    numbers = {"clean": (clean, 85.0), column: (attacked, 45.0)}
    return [
        cell(None, number, paper=paper, row=row, column=name, **reported)
        for name, (number, paper) in numbers.items()
    ]


def bars(figure):
    """Returns the points, and for each the ends of its bars, right and up."""
    found = [c for c in figure.axes[0].containers if isinstance(c, ErrorbarContainer)]
    places = [c.lines[0].get_xydata()[0].tolist() for c in found]
    return places, [[b.get_segments()[0] for b in c.lines[2]] for c in found]


def hollow(figure):
    """Returns the points whose markers are hollow."""
    return [
        line.get_xydata()[0].tolist()
        for line in figure.axes[0].lines
        if line.get_fillstyle() == "none"
    ]


def test_a_network_is_a_point_with_its_two_intervals():
    cells = [*network("plain", 90.0, 10.0), *network("hard", 80.0, 50.0, width=3.0)]
    figure = plots.against_clean(cells, "digits")
    places, reach = bars(figure)
    assert places == [[90, 10], [80, 50]]
    (left, right), (below, above) = reach[1]
    assert [left[0], right[0], below[1], above[1]] == [77, 86, 47, 56]
    (panel,) = figure.axes
    assert panel.get_xlabel() == "accuracy on clean images, %"
    assert panel.get_ylabel() == "accuracy under PGD-20, %"
    assert not hollow(figure) and "reported" not in notes(figure)


def test_what_is_reported_is_hollow_and_joined_to_what_was_measured():
    cells = [*network("plain", 90.0, 10.0), *network("hard", 80.0, 50.0)]
    figure = plots.against_clean(cells, "paper")
    assert hollow(figure) == [[85, 45], [85, 45]]
    assert notes(figure).endswith("hollow: reported")
    dashed = [x for x in figure.axes[0].lines if x.get_linestyle() == "--"]
    assert [[80, 50], [85, 45]] in [line.get_xydata().tolist() for line in dashed]


def test_an_unverified_point_is_a_question_mark():
    cells = [
        *network("plain", 90.0, 10.0, confidence="unverified"),
        *network("hard", 80.0, 50.0, confidence="unverified"),
    ]
    figure = plots.against_clean(cells, "paper")
    markers = [line.get_marker() for line in figure.axes[0].lines]
    assert markers.count("$?$") == 2 and not hollow(figure)
    assert notes(figure).endswith("?: unverified")


def test_the_attack_is_the_last_one_with_two_points():
    cells = [*network("plain", 90.0, 10.0), *network("hard", 80.0, 50.0)]
    stronger = network("plain", 90.0, 5.0, column="PGD-100")[1:]
    figure = plots.against_clean([*cells, *stronger], "digits")
    assert figure.axes[0].get_ylabel() == "accuracy under PGD-20, %"
    stronger += network("hard", 80.0, 40.0, column="PGD-100")[1:]
    figure = plots.against_clean([*cells, *stronger], "digits")
    assert figure.axes[0].get_ylabel() == "accuracy under PGD-100, %"
    assert plots.against_clean(network("plain", 90.0, 10.0), "paper") is None


class Trained:
    """A run with two lines of training and of its probe."""

    def lines(self, kind):
        names = {"train": ("loss", "accuracy")}
        names["probe"] = tuple(f"{name}_accuracy" for name in ("clean", "fgsm", "pgd"))
        return [
            {"step": step, **{n: 10 * i + step for i, n in enumerate(names[kind])}}
            for step in (1, 2)
        ]


def test_curves_are_of_the_numbers_of_the_log():
    losses, accuracies = plots.training_curves({"free_4": Trained()}).axes
    assert points(losses) == [[[1, 1], [2, 2]]]
    assert points(accuracies) == [[[1, 11], [2, 12]]]
    (panel,) = plots.probe_curves({"free_4": Trained()}).axes
    names = [line.get_label() for line in panel.lines]
    assert names == ["clean", "FGSM", "PGD"]
    assert points(panel) == [[[1, n + 1], [2, n + 2]] for n in (0, 10, 20)]


def test_a_cell_has_its_number_its_interval_and_the_reported_one_in_its_row():
    cells = [
        cell(None, number, paper=paper, row=row, column="clean")
        for row, number, paper in (("plain", 50.0, 60.0), ("hard", 70.0, 80.0))
    ]
    (panel,) = plots.reported_and_measured(cells, "paper").axes
    assert [t.get_text() for t in panel.get_yticklabels()] == ["plain", "hard"]
    assert points(panel) == [
        *([[60, -0.16]], [[48, 0.16], [54, 0.16]], [[50, 0.16]]),
        *([[80, 0.84]], [[68, 1.16], [74, 1.16]], [[70, 1.16]]),
    ]


def test_a_line_has_its_intervals_and_the_reported_numbers():
    cells = [cell(x, 50.0 + x, paper=60.0 + x) for x in (2, 4)]
    figure = plots.against_number(cells, "paper", PLOT)
    (container,) = figure.axes[0].containers
    (bar,) = container.lines[2]
    ends = [segment.tolist() for segment in bar.get_segments()]
    assert ends == [[[x, 48 + x], [x, 54 + x]] for x in (2, 4)]
    (dashed,) = [x for x in figure.axes[0].lines if x.get_linestyle() == "--"]
    assert dashed.get_xydata().tolist() == [[2, 62], [4, 64]]


def test_an_image_says_what_the_network_sees_in_it_attacked():
    images = np.full((2, 4, 4, 3), 100.0)
    found = {"clean": images, "adversarial": images + 1, "labels": np.array([0, 1])}
    found |= {"predictions_clean": np.array([0, 1])}
    found |= {"predictions_adversarial": np.array([2, 1])}
    figure = plots.examples(found)
    captions = [panel.get_xlabel() for panel in figure.axes]
    assert captions == ["0", "1", "", "", "2, not 0", "1"]
