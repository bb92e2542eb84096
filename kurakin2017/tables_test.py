"""The tables and figures of Kurakin et al. (2017)."""

import collections

from common.results import reported
from kurakin2017 import PAPER, presets, tables


def by_name(name):
    return next(table for table in tables.TABLES if table.name == name)


def test_as_many_numbers_are_reported_as_the_tables_print():
    counts = collections.Counter(
        record.table for record in reported.read(PAPER.reported)
    )
    assert counts == {
        "table1": 8 * 5,
        "table2": 8 * 5,
        "table3": 4 * 5,
        "table4": 8 * 9,  # from a network to itself the rate is 100 by definition
        "table5": 10 * 5,
        "table7": 18 * 5,
        "table8": 6 * 5,
        "text": 2,
        "mnist": 5 * 4,  # seeds; the text and what is remembered of it have few
        "mnist_larger": 3,
    }
    for name, count in counts.items():
        cells = PAPER.at("paper").cells(by_name(name))
        compared = [cell for cell in cells if cell.column[-1] != cell.row[0]]
        if not name.startswith("mnist"):
            assert len(compared if name == "table4" else cells) == count


def test_what_the_text_contradicts_says_so():
    """Three of the remembered numbers are not what the text of the paper has."""
    doubted = {}
    for record in reported.read(PAPER.reported):
        if "the text of the paper has" in record.source:
            doubted.setdefault((record.table, record.row), []).append(record.value)
    assert doubted == {
        ("table5", "none"): [40.7, 39.0, 37.9, 36.7],  # more than 31 to 37
        ("table7", "step l.l., ReluDecay 0.1"): [67.5, 67.5, 67.0, 64.8],
        ("table8", "k=32"): [76.3],
    }
    known = {k: record.value for k, record in reported.by_cell(PAPER).items()}
    relu = [known["table7", "step l.l., relu", f"eps={e}"] for e in presets.EPSILONS]
    decay = doubted["table7", "step l.l., ReluDecay 0.1"]
    assert all(left - right < 10 for left, right in zip(relu, decay, strict=True))
    assert known["table8", "k=16", "clean"] - known["table8", "k=32", "clean"] > 1


def test_a_number_of_mnist_stands_beside_every_seed():
    by_kind = collections.defaultdict(set)
    for record in reported.read(PAPER.reported):
        if record.table == "mnist":
            kind = record.row.rpartition(", seed ")[0], record.column
            by_kind[kind].add((record.value, record.source))
    assert len(by_kind) == 4
    assert all(len(numbers) == 1 for numbers in by_kind.values())


def test_a_row_is_evaluated_with_the_attack_of_its_table():
    cells = {(c.row, c.column): c for c in by_name("table5").cells}
    assert cells["FGSM", "eps=8"].evaluation == "fgsm_eps8"
    assert cells["step l.l.", "eps=8"].evaluation == "fgsm_eps8"
    assert cells["fast grad. L2", "eps=8"].evaluation == "step_ll_eps8"
    assert cells["none", "clean"].recipe == "one_step_none"
    cells = {(c.row, c.column): c for c in by_name("table3").cells}
    assert cells["FGSM, top-5", "eps=4"].evaluation == "fgsm_eps4"
    assert cells["step l.l., top-1", "eps=4"].evaluation == "step_ll_eps4"
    cells = {(c.row, c.column): c for c in by_name("table7").cells}
    assert cells["iter. basic, tanh", "eps=2"].evaluation == "iter_basic_eps2"


def test_top_5_rows_count_the_five_largest():
    for name, metrics in (
        ("table1", {"accuracy", "top5"}),
        ("table4", {"transfer", "transfer_top5"}),
        ("table6", {"target_error", "target_error_top5"}),
    ):
        cells = by_name(name).cells
        assert {cell.metric for cell in cells} == metrics
        for cell in cells:
            assert cell.row.endswith("top-5") == cell.metric.endswith("top5")


def test_a_transfer_goes_from_the_row_to_the_column():
    for cell in by_name("table4").cells:
        assert cell.recipe == presets.MODELS[cell.row[0]]
        target = presets.EVALUATIONS["paper"][cell.evaluation].target
        assert target == presets.MODELS[cell.column[-1]]


def test_ratios_and_leaks_relate_two_evaluations_of_one_network():
    for cell in by_name("figure1").cells:
        assert (cell.metric, cell.other) == ("ratio", "clean")
        assert f"rho={cell.recipe.split('_')[1]}" == cell.column
    for cell in by_name("leaks").cells:
        assert cell.evaluation.startswith("fgsm_eps")
        assert cell.other.split("_eps")[1] == cell.evaluation.split("_eps")[1]
    leaked = [c for c in by_name("mnist").cells if c.metric == "leaked"]
    assert len(leaked) == 2 * 5 * 7
    for cell in leaked:
        radius = cell.column.removeprefix("eps=")
        assert cell.evaluation == f"fgsm_mnist_{radius}"
        other = "fgsm_pred" if "predicted" in cell.row else "step_ll"
        assert cell.other == f"{other}_mnist_{radius}"
        seed = cell.row.rpartition(" ")[2]
        assert cell.recipe == f"mnist_adversarial_seed{seed}"
