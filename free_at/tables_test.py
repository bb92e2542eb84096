"""Tests of the Free paper's tables, reported numbers and map."""

import csv
import pathlib

from common.recipe import TRAINING_TIME
from free_at import presets, tables

ROOT = pathlib.Path(__file__).parent.parent
CONFIDENCES = {"paper", "author_code", "figure", "secondary", "unverified"}


def reported():
    with open(ROOT / "free_at" / "reported.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_reported_cells_are_the_cells_of_the_tables():
    cells = [(t.name, c.row, c.column) for t in tables.TABLES for c in t.cells]
    lines = [(line["table"], line["row"], line["column"]) for line in reported()]
    assert len(set(lines)) == len(lines)
    assert len(set(cells)) == len(cells)
    assert set(lines) == set(cells)


def test_reported_lines_are_complete_and_in_range():
    for line in reported():
        assert None not in line.values()
        assert line["confidence"] in CONFIDENCES
        assert line["source"]
        if line["metric"] == "accuracy":
            assert 0.0 <= float(line["value"]) <= 100.0
        else:
            assert line["metric"] == "minutes"
            assert float(line["value"]) > 0.0


def test_remembered_numbers_are_unverified_and_no_others():
    for line in reported():
        assert (line["source"] == "memory") == (line["confidence"] == "unverified")


def test_minutes_are_reported_for_training_time_cells():
    metrics = {
        (line["table"], line["row"], line["column"]): line["metric"]
        for line in reported()
    }
    for table in tables.TABLES:
        for cell in table.cells:
            minutes = metrics[table.name, cell.row, cell.column] == "minutes"
            assert minutes == (cell.evaluation == TRAINING_TIME)


def test_every_cell_names_a_recipe_and_an_evaluation_of_the_paper_scale():
    evaluations = {*presets.EVALUATIONS["paper"], TRAINING_TIME}
    for table in tables.TABLES:
        for cell in table.cells:
            assert cell.recipe in presets.PAPER
            assert cell.evaluation in evaluations


def test_every_recipe_and_evaluation_of_the_paper_scale_is_in_a_table():
    cells = [cell for table in tables.TABLES for cell in table.cells]
    assert {cell.recipe for cell in cells} == set(presets.PAPER)
    used = {cell.evaluation for cell in cells} - {TRAINING_TIME}
    assert used == set(presets.EVALUATIONS["paper"])


def test_an_imagenet_cell_attacks_with_the_radius_of_its_training():
    for table in tables.TABLES:
        for cell in table.cells:
            recipe = presets.PAPER[cell.recipe]
            evaluation = presets.EVALUATIONS["paper"].get(cell.evaluation)
            trained = getattr(recipe.method, "epsilon", None)
            if evaluation and evaluation.attack and trained:
                assert evaluation.attack.epsilon == trained


def test_figure_columns_end_with_epsilon():
    figure = next(t for t in tables.TABLES if t.plot == "epsilon")
    assert len(figure.rows) == 5
    assert len(figure.columns) == 4 * 6
    for cell in figure.cells:
        epsilon = cell.column.split("eps=")[1]
        if cell.row != "natural":
            assert cell.recipe.endswith(f"_eps{epsilon}")
