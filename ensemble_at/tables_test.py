"""The tables of Tramèr et al. (2018)."""

import collections

from common.results import reported
from ensemble_at import PAPER, presets, tables


def by_name(name):
    return next(table for table in tables.TABLES if table.name == name)


def test_as_many_numbers_are_reported_as_the_tables_print():
    known = reported.by_cell(PAPER)
    counts = collections.Counter(table for table, _, _ in known)
    assert counts == {
        "table1": 2 * 25,
        "table2": 2 * 10,
        "table4": 7 * 6,
        "masking": 7 + 2 + 2,
    }
    assert {record.confidence for record in known.values()} == {"paper"}


def test_numbers_that_two_tables_print_agree():
    known = {key: record.value for key, record in reported.by_cell(PAPER).items()}
    for kind in tables.KINDS:
        for name in tables.FIVE:
            title = tables.MODELS[name]
            own = known["table1", f"{title}, {kind}", f"from {title}"]
            assert own == known["table2", f"Step-LL, {kind}", title]
            assert own == known.get(("table4", f"{title}, {kind}", "Step-LL"), own)
            if name in tables.SEVEN:  # a holdout's attack is one of those of Table 1
                worst = known["table4", f"{title}, {kind}", "max. black-box"]
                assert worst >= known["table1", f"{title}, {kind}", "from v4"]


def test_a_transfer_goes_from_the_column_to_the_row():
    known = presets.EVALUATIONS["paper"]
    names = {title: name for name, title in tables.MODELS.items()}
    for cell in by_name("table1").cells:
        target, source = names[cell.row.split(",")[0]], names[cell.column.split()[1]]
        assert cell.recipe == source
        assert known[cell.evaluation].target == ("" if source == target else target)
        assert cell.metric.endswith("_top5") == cell.row.endswith("top-5")
        assert cell.metric.startswith("target") == (source != target)


def test_the_worst_is_of_all_attacks_from_networks_that_no_training_has_seen():
    cells = [c for c in by_name("table4").cells if c.column == "max. black-box"]
    assert len(cells) == 14
    for cell in cells:
        found = [(each.recipe, each.evaluation) for each in cell.candidates]
        assert len(set(found)) == len(found) == 3 * 5
        assert {recipe for recipe, _ in found} == set(presets.HOLDOUTS)
        targets = {presets.EVALUATIONS["paper"][name].target for _, name in found}
        assert targets == {
            name for name, title in tables.MODELS.items() if title == cell.row[:-7]
        }
