"""The Free paper's tables and their reported numbers."""

from common.results import reported
from free_at import PAPER, presets, tables


def test_every_cell_of_scale_paper_has_its_reported_number():
    at = PAPER.at("paper")
    cells = {(t.name, c.row, c.column) for t in tables.TABLES for c in at.cells(t)}
    assert set(reported.by_cell(PAPER)) == cells


def test_every_evaluation_of_the_paper_is_in_a_table():
    used = {cell.evaluation for table in tables.TABLES for cell in table.cells}
    names = {x for x in presets.EVALUATIONS["paper"] if not x.startswith("autoattack")}
    assert names <= used


def test_a_network_is_attacked_with_the_radius_of_its_training():
    for table in tables.TABLES:
        for cell in table.cells:
            evaluation = presets.EVALUATIONS["paper"].get(cell.evaluation)
            trained = getattr(
                (presets.PAPER | presets.SMALL)[cell.recipe].method, "epsilon", None
            )
            attack = evaluation and evaluation.attack
            for part in getattr(attack, "attacks", (attack,)):
                if part and trained:
                    assert part.epsilon == trained, cell
