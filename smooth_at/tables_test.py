"""The tables and figures of Smooth Adversarial Training."""

import collections

from common.results import reported
from smooth_at import PAPER, presets, tables

PAPERS_OWN = ("table1", "activations", "controls", "elu")  # not those of the README
README = ("zoo", "scaling")


def by_name(name):
    return next(table for table in tables.TABLES if table.name == name)


def numbers_of(name):
    """Returns (row, column) -> the reported number."""
    return {
        (row, column): record.value
        for (table, row, column), record in reported.by_cell(PAPER).items()
        if table == name
    }


def test_the_columns_of_each_source_add_up():
    """The sums were taken at the source, so that no single number can be mistyped."""
    sums = {
        "table1": (275.4, 140.2),
        "activations": (484.25, 277.65),
        "zoo": (346.6, 203.8, 199.0, 197.3),
        "scaling": (581.3, 368.8, 361.2, 358.3),
        "efficientnet": (752.8, 153.2),
    }
    for name, expected in sums.items():
        totals = collections.Counter()
        for (_, column), number in numbers_of(name).items():
            totals[column] += number
        columns = [c for c in by_name(name).columns if c in totals]
        assert [round(totals[c], 2) for c in columns] == list(expected), name


def test_each_source_has_its_own_tables_and_is_in_all_of_them():
    known = reported.by_cell(PAPER)
    for group, steps in ((PAPERS_OWN, ("pgd_50",)), (README, ())):
        numbers = collections.defaultdict(set)
        for name in group:
            for cell in by_name(name).cells:
                record = known.get((name, cell.row, cell.column))
                run = PAPER.at("paper").run_name(cell.recipe)
                numbers[run, cell.evaluation].add(record.value if record else None)
                if record:
                    assert ("README" in record.source) == (group == README)
                    assert cell.evaluation not in steps
        assert all(len(found) == 1 for found in numbers.values()), numbers
    assert all(
        (name, c.row, c.column) in known for name in README for c in by_name(name).cells
    )


def test_two_sources_of_one_number_lie_close():
    paper, readme = numbers_of("activations"), numbers_of("zoo")
    for row in tables.ZOO:
        assert abs(paper[row, "clean"] - readme[row, "clean"]) < 0.21, row
        assert abs(paper[row, "PGD-200"] - readme[row, "PGD-50"]) < 1.01, row


def test_the_changes_that_table_1_prints_follow():
    known = numbers_of("table1")

    def changes(column):
        rows = by_name("table1").rows
        first, *others = (known[row, column] for row in rows)
        return [round(number - first, 1) for number in others]

    assert changes("clean") == [-0.5, 0.6, 0.1]
    assert changes("PGD-200") == [1.5, 2.8, 3.9]


def test_the_gains_that_the_abstract_states_follow():
    known = numbers_of("activations")
    for column, gain in (("clean", 0.9), ("PGD-200", 9.3)):
        assert round(known["SiLU", column] - known["ReLU", column], 1) == gain
    largest = numbers_of("efficientnet")
    row = "EfficientNet-L1, enhanced"
    assert (largest[row, "clean"], largest[row, "PGD-200"]) == (82.2, 58.6)


def test_the_readme_falls_with_the_steps_and_rises_with_the_size():
    for name in README:
        for row in by_name(name).rows:
            known = numbers_of(name)
            line = [known[row, column] for column in by_name(name).columns]
            assert line == sorted(line, reverse=True), row
    known = numbers_of("efficientnet")
    sizes = [known[row, "clean"] for row in by_name("efficientnet").rows]
    assert sizes == sorted(sizes)


def test_the_row_of_table_1_names_the_passes_with_a_smooth_derivative():
    for cell in by_name("table1").cells:
        method = presets.PAPER[cell.recipe].method
        smooth = {
            "attacker": method.crafting == "smooth",
            "weight update": method.update == "smooth",
        }
        named = [name for name, is_smooth in smooth.items() if is_smooth]
        assert cell.row == (" and ".join(named) or "neither")
        assert presets.PAPER[cell.recipe].network.activation == "relu"


def test_the_row_of_an_activation_names_it():
    for cell in by_name("activations").cells:
        recipe = presets.PAPER[cell.recipe]
        title = cell.row.partition(",")[0].replace(" ", "").lower()
        name = recipe.network.activation
        assert title == {
            "learned_softplus": "parametricsoftplus",
            "gelu_exact": "gelu",
        }.get(name, name.replace("_", ""))
        assert bool(recipe.seed) == ("another seed" in cell.row)
        smoothed = recipe.method.label_smoothing > 0
        assert smoothed == ("smoothed labels" in cell.row)
    for cell in by_name("elu").cells:
        name, _, alpha = presets.PAPER[cell.recipe].network.activation.partition("_")
        assert cell.row == f"alpha={alpha or '1.0'}"
        family = cell.column.partition(",")[0].lower()
        assert family == name or (cell.row, name) == ("alpha=1.0", "elu")


def test_the_row_of_a_size_names_it():
    for cell in by_name("scaling").cells:
        recipe = presets.PAPER[cell.recipe]
        network, side = recipe.network, recipe.dataset.image_size
        assert network.activation == "silu"
        title = f"ResNet-{network.depth}"
        if network.groups > 1:
            title = f"ResNeXt-{network.depth}-{network.groups}x{network.group_width}d"
        assert cell.row.partition(" ")[0] == title
        assert cell.row.endswith(f"@{side}") or side == 224
    for cell in by_name("efficientnet").cells:
        enhanced = cell.row.endswith(", enhanced")
        assert bool(presets.PAPER[cell.recipe].average) == enhanced


def test_the_row_of_a_control_names_what_was_added():
    base = presets.PAPER["relu"]
    for cell in by_name("controls").cells:
        recipe = presets.PAPER[cell.recipe]
        added = []
        if recipe.method.attack.num_steps > 1:
            added = [f"{recipe.method.attack.num_steps} attack steps"]
        if recipe.num_steps != base.num_steps:
            added = [f"{100 * recipe.num_steps // base.num_steps} passes"]
        activation = {"relu": "ReLU", "silu": "SiLU"}[recipe.network.activation]
        assert cell.row == ", ".join([activation, *added])
