"""The tables and figures of Xie and Yuille (2020)."""

import collections

import pytest

from common.models import norms
from common.results import reported
from common.training.natural import NaturalTraining
from intriguing_at import PAPER, presets, tables
from intriguing_at.algorithm import AdversarialTraining


def by_name(name):
    return next(table for table in tables.TABLES if table.name == name)


def cells_of(name):
    return {(c.row, c.column): c for c in by_name(name).cells}


def test_every_cell_of_the_figures_and_of_the_neighbours_has_its_number():
    known = reported.by_cell(PAPER)
    for name in ("iterations", "depth", "success", "alp"):
        for row, column in cells_of(name):
            if name != "iterations" or "MBN" not in row:
                assert (name, row, column) in known


def test_a_number_stands_wherever_the_same_is_measured():
    known = reported.by_cell(PAPER)
    measured = collections.defaultdict(set)
    for table in tables.TABLES:
        for cell in table.cells:
            number = known.get((table.name, cell.row, cell.column))
            # Reported ones of this table alone are without AutoAugment.
            alone = table.name == "efficientnet"
            key = cell.recipe, cell.evaluation, cell.metric, alone
            measured[key].add(number.value if number else None)
    for key, numbers in measured.items():
        assert len(numbers) == 1 or None not in numbers, key
        # Two sources of one number lie no further apart than the eye reads a figure.
        assert max(n or 0 for n in numbers) - min(n or 0 for n in numbers) < 0.21, key


def test_the_gains_that_the_abstract_and_the_tables_print_follow():
    known = {k: record.value for k, record in reported.by_cell(PAPER).items()}

    def gain(table, column, row, than):
        return round(known[table, row, column] - known[table, than, column], 1)

    assert gain("clean_share", "PGD-2000", "clean=0", "clean=100") == 18.3
    through_adv = f"MBN_adv, {tables.MIXED}"
    assert gain("mixture", "PGD-2000", through_adv, tables.ADV) == -0.9
    assert gain("depth", "PGD-2000", "ResNet-638", "ResNet-152") == 4.5
    paired = gain("iterations", "PGD-2000", tables.PAIRED, tables.MIXED)
    assert paired == 2.1


def test_the_gains_that_the_talk_on_advprop_prints_follow():
    known = {k: record.value for k, record in reported.by_cell(PAPER).items()}

    def gains(table, than):
        rows = dict.fromkeys(row for name, row, _ in known if name == table)
        pairs = [
            (known[table, r, "AdvProp"], known.get((table, r, than))) for r in rows
        ]
        return [round(own - other, 1) for own, other in pairs if other is not None]

    alone, one = "clean images alone", "one batch norm"
    assert gains("advprop_efficientnet", alone) == [
        *(0.3, 0.4, 0.2, 0.2, 0.3, 0.6, 0.6, 0.7)
    ]
    assert gains("advprop_joint_efficientnet", one) == [
        *(0.9, 0.5, 0.6, 0.5, 0.4, 0.5, 0.3, 0.1)
    ]
    assert gains("advprop", alone) == [0.4, 0.6, 0.8, 0.8]
    assert gains("advprop", one) == [3.6, 2.4, 2.8, 2.2]


def test_sizes_whose_two_attackers_give_two_accuracies_met_the_weak_one():
    """Against the one attacker of the talk, B4 and up have that of the weights."""
    known = {k: record.value for k, record in reported.by_cell(PAPER).items()}
    differ = {
        size
        for size in presets.JOINT_SIZES
        for row in [f"EfficientNet-{size.upper()}"]
        if known["advprop_efficientnet", row, "AdvProp"]
        != known["advprop_joint_efficientnet", row, "AdvProp"]
    }
    assert differ == set(presets.WEAKLY_ATTACKED)


def test_the_share_in_the_heading_is_that_of_the_recipe():
    for cell in by_name("clean_share").cells:
        share = presets.PAPER[cell.recipe].method.clean_share
        assert cell.row == f"clean={100 * share:g}"


def test_each_row_of_the_mixture_goes_through_the_branch_that_it_names():
    for name in ("mixture", "ablation", "iterations"):
        for cell in by_name(name).cells:
            evaluation = presets.EVALUATIONS["paper"][cell.evaluation]
            through_adv = "MBN_adv" in cell.row
            assert (evaluation.branch == "adversarial") == through_adv
            if "MBN" in cell.row:
                branches = presets.PAPER[cell.recipe].network.norm.branches
                assert branches == norms.MIXTURE
    for cell in by_name("normalizers").cells:
        routed = cell.row.startswith("MBN") and cell.column != "clean"
        assert cell.evaluation.endswith("_mbn_adv") == routed


def test_the_ablation_names_what_is_not_shared():
    for cell in by_name("ablation").cells:
        norm = presets.PAPER[cell.recipe].network.norm
        own = cell.row.partition(",")[0].removeprefix("own ")
        parts = {"statistics": norm.share_statistics, "affine": norm.share_affine}
        if len(norm.branches) == 1:
            assert own == "nothing"
        else:
            kept = [part for part, is_shared in parts.items() if not is_shared]
            assert own == " and ".join(kept)


def test_a_depth_has_one_network_for_each_kind_of_training():
    for cell in by_name("depth").cells:
        recipe = presets.PAPER[cell.recipe]
        assert cell.row == f"ResNet-{recipe.network.depth}"
        kind = type(recipe.method).__name__
        if cell.column == "clean":
            assert kind == "NaturalTraining"
        else:
            assert kind == "AdversarialTraining"
            assert (recipe.method.clean_share, bool(recipe.method.consistent_from)) == (
                0.0,
                True,
            )


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("efficientnet", 9),
        ("advprop_efficientnet", 3 * 9),
        ("advprop_joint_efficientnet", 2 * 8),
    ],
)
def test_an_efficientnet_is_of_the_size_of_its_row(name, count):
    cells = by_name(name).cells
    assert len(cells) == count
    for cell in cells:
        recipe = presets.PAPER[cell.recipe]
        size = presets.SIZES[cell.row.removeprefix("EfficientNet-").lower()]
        assert (recipe.network.width, recipe.network.depth) == (size.width, size.depth)
        assert recipe.dataset.image_size == size.image_size
        branches = recipe.network.norm.branches
        assert (branches == norms.MIXTURE) == cell.column.startswith("AdvProp")
        adversarial = isinstance(recipe.method, AdversarialTraining)
        assert adversarial == cell.column.startswith(("AdvProp", "one batch norm"))
        evaluation = presets.EVALUATIONS["paper"][cell.evaluation]
        through_adv = "MBN_adv" in cell.column
        assert evaluation.attack is None
        assert (evaluation.branch == "adversarial") == through_adv


def test_a_resnet_of_advprop_is_trained_as_its_column_says():
    for cell in by_name("advprop").cells:
        recipe = presets.PAPER[cell.recipe]
        assert cell.row == f"ResNet-{recipe.network.depth}"
        mixture = recipe.network.norm.branches == norms.MIXTURE
        assert mixture == cell.column.startswith("AdvProp")
        natural = isinstance(recipe.method, NaturalTraining)
        assert natural == (cell.column == "clean images alone")
        assert (cell.evaluation == "clean_mbn_adv") == cell.column.endswith("MBN_adv")


def test_reported_numbers_say_which_networks_had_autoaugment():
    for record in reported.read(PAPER.reported):
        if record.table.endswith("efficientnet"):
            augmented = record.source.endswith("with AutoAugment")
            assert augmented == record.table.startswith("advprop")
