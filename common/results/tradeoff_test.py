"""The figure of accuracy against robustness."""

import dataclasses

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.container import ErrorbarContainer

from common.results import comparison, tradeoff

PLAIN, HARD = "plain", "hard <m=4>"


@pytest.fixture
def compare(tmp_path, paper, write_run, outcomes):
    """Returns a function: the main table, with so many right for each network."""

    def compare(**counts):
        for name, (clean, attacked) in counts.items():
            right = {"clean": clean, "pgd_20": attacked}
            known = {k: outcomes(n) for k, n in right.items() if n is not None}
            write_run(name, known)
        cells = comparison.compare(paper, "paper", tmp_path / "runs")
        return [cell for cell in cells if cell.table == "main"]

    return compare


def measured(figure):
    """Returns the points, and for each the ends of its bars, right and up."""
    bars = [c for c in figure.axes[0].containers if isinstance(c, ErrorbarContainer)]
    points = [c.lines[0].get_xydata()[0].tolist() for c in bars]
    return points, [[b.get_segments()[0] for b in c.lines[2]] for c in bars]


def hollow(figure):
    """Returns the points whose markers are hollow."""
    return [
        line.get_xydata()[0].tolist()
        for line in figure.axes[0].lines
        if line.get_fillstyle() == "none"
    ]


def labels(figure):
    """Returns the labels of the legend, and whether each is of a point with bars."""
    (legend,) = figure.legends
    bars = [isinstance(handle, LineCollection) for handle in legend.legend_handles]
    return dict(zip([t.get_text() for t in legend.get_texts()], bars, strict=True))


def notes(figure):
    return figure.legends[0].get_title().get_text()


def test_a_network_is_a_point_with_its_two_intervals(compare):
    cells = compare(natural=(900, 100), free_4=(800, 500))
    figure = tradeoff.against_clean(cells, "digits")
    points, reach = measured(figure)
    assert points == [[90, 10], [80, 50]]
    found = {(c.row, c.column): c.interval for c in cells}
    (left, right), (below, above) = reach[1]
    np.testing.assert_allclose([left[0], right[0]], found[HARD, "clean"])
    np.testing.assert_allclose([below[1], above[1]], found[HARD, "PGD-20"])
    (panel,) = figure.axes
    assert panel.get_xlabel() == "accuracy on clean images, %"
    assert panel.get_ylabel() == "accuracy under PGD-20, %"


def test_reported_numbers_are_hollow_and_at_the_papers_scale_only(compare):
    cells = compare(natural=(900, 100), free_4=(820, 460))
    sure = [dataclasses.replace(cell, confidence="paper") for cell in cells]
    figure = tradeoff.against_clean(sure, "paper")
    assert hollow(figure) == [[90, 0], [80, 50]]
    assert notes(figure).endswith("hollow: reported")
    dashed = [x for x in figure.axes[0].lines if x.get_linestyle() == "--"]
    assert [[82, 46], [80, 50]] in [line.get_xydata().tolist() for line in dashed]
    elsewhere = tradeoff.against_clean(sure, "digits")
    assert not hollow(elsewhere)
    assert "reported" not in notes(elsewhere)


def test_an_unverified_number_is_a_question_mark(compare):
    cells = compare(natural=(900, 100), free_4=(800, 500))
    figure = tradeoff.against_clean(cells, "paper")
    markers = [line.get_marker() for line in figure.axes[0].lines]
    assert markers.count("$?$") == 2
    assert not hollow(figure)
    assert notes(figure).endswith("?: unverified")
    assert "unverified" not in notes(tradeoff.against_clean(cells, "digits"))


def test_what_is_reported_alone_stands_beside_what_was_measured(compare):
    cells = compare(natural=(900, 100), free_4=(800, 500))
    extra = [
        dataclasses.replace(c, row="untrained", measured=None, interval=None)
        for c in cells
        if c.row == HARD
    ]
    for order in ([*extra, *cells], [*cells, *extra]):
        rows = list(dict.fromkeys(cell.row for cell in order))
        figure = tradeoff.against_clean(order, "paper")
        assert list(labels(figure)) == rows
        assert labels(figure) == {PLAIN: True, HARD: True, "untrained": False}
        assert len(measured(figure)[0]) == 2
        assert list(labels(tradeoff.against_clean(order, "digits"))) == [PLAIN, HARD]


def test_the_attack_is_the_last_one_with_two_points(compare):
    cells = compare(natural=(900, 100), free_4=(800, 500))
    attacked = [cell for cell in cells if cell.column == "PGD-20"]
    stronger = [dataclasses.replace(c, column="PGD-100") for c in attacked]
    figure = tradeoff.against_clean([*cells, *stronger], "digits")
    assert figure.axes[0].get_ylabel() == "accuracy under PGD-100, %"
    one = [stronger[0], dataclasses.replace(stronger[1], interval=None)]
    figure = tradeoff.against_clean([*cells, *one], "digits")
    assert figure.axes[0].get_ylabel() == "accuracy under PGD-20, %"


def test_all_right_and_none_right_can_be_drawn(compare):
    figure = tradeoff.against_clean(
        compare(natural=(1000, 0), free_4=(0, 1000)), "digits"
    )
    assert measured(figure)[0] == [[100, 0], [0, 100]]


def test_one_point_and_none_draw_nothing(compare):
    assert tradeoff.against_clean(compare(), "paper") is None
    half = compare(natural=(900, 100), free_4=(800, None))
    assert tradeoff.against_clean(half, "paper") is None
