"""What holds for every paper package: its map, its numbers and its claims."""

import importlib
import io
import json
import re
import tokenize

import pytest

from common import recipe as recipes
from common.results import packages, reported
from tests import sources

# The first line of what replaces parts of the paper's own setup: its numbers are ours.
SCALED_DOWN = re.compile(r"^(?:SMALL|DIGITS)_", re.MULTILINE)
SOURCES = {  # the first of these words that a source has says how sure its number is
    "memory": "unverified",
    "digitised": "figure",
    "printed": "figure",
    "README": "author_code",
    "authors' code": "author_code",
    "abstract": "paper",
    "text of the paper": "paper",
    "summary": "secondary",
    "log": "secondary",
}
each_paper = pytest.mark.parametrize("paper", sources.PAPERS)


@each_paper
def test_the_paper_map_names_what_exists_and_the_readme_shows_it(paper):
    readme = (sources.ROOT / paper / "README.md").read_text().splitlines()
    for part, path in importlib.import_module(f"{paper}.tables").PAPER_MAP:
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name), path
        test = f"{module.replace('.', '/')}_test.py"
        assert (sources.ROOT / test).is_file(), path
        assert f"| {part} | `{path}` | `{test}` |" in readme, path


@each_paper
def test_recipes_and_evaluations_are_json(paper):
    found = packages.find(paper)
    for scale, named in (*found.recipes.items(), *found.evaluations.items()):
        for name, value in named.items():
            record = recipes.to_dict(value)
            assert json.loads(json.dumps(record)) == record, (scale, name)


@each_paper
def test_the_target_of_an_evaluation_is_a_recipe_of_its_scale(paper):
    found = packages.find(paper)
    for scale, named in found.evaluations.items():
        targets = {evaluation.target for evaluation in named.values()} - {""}
        assert targets <= set(found.at(scale).recipes), scale


@each_paper
def test_a_cell_is_named_once_and_is_there_at_the_paper_scale_if_it_is_reported(paper):
    found = packages.find(paper)
    known = reported.by_cell(found)
    for table in found.tables:
        names = [(cell.row, cell.column) for cell in table.cells]
        assert len(set(names)) == len(names), table.name
        there = {(c.row, c.column) for c in found.at("paper").cells(table)}
        missing = {name for name in names if (table.name, *name) in known} - there
        assert not missing, table.name


@each_paper
def test_every_reported_number_is_a_cell_and_as_sure_as_its_source(paper):
    for record in reported.by_cell(packages.find(paper)).values():
        words = (word for word in SOURCES if word in record.source)
        sure = SOURCES.get(next(words, ""), record.confidence)
        assert record.confidence == sure, record.place


@each_paper
def test_steps_and_radius_in_a_heading_are_those_of_the_attack(paper):
    found = packages.find(paper)
    known = found.at("paper").evaluations
    for table in found.tables:
        for cell in found.at("paper").cells(table):
            steps = re.search(r"PGD-(\d+)", cell.column)
            radius = re.search(r"eps=([\d.]+)", cell.column)
            attack = known[cell.evaluation].attack if steps or radius else None
            if steps:
                assert attack.num_steps == int(steps[1]), cell
            if radius and attack:
                pixels = float(radius[1])  # of 255, or of a range from 0 to 1
                assert attack.epsilon in (pixels, 255 * pixels), cell


@each_paper
def test_a_cell_is_drawn_at_the_number_that_its_heading_ends_with(paper):
    for table in packages.find(paper).tables:
        for cell in table.cells:
            if cell.x is not None:
                heading = cell.row if table.plot.kind == "rows" else cell.column
                number = float(re.search(r"[\d.]+$", heading)[0])
                assert number == cell.x, (table.name, heading)


@each_paper
def test_every_table_has_what_its_plot_needs(paper):
    for table in packages.find(paper).tables:
        kind, label, bars = table.plot
        assert kind in ("", "columns", "rows", "tradeoff"), table.name
        if kind in ("columns", "rows"):
            assert label and len({c.x for c in table.cells} - {None}) > 1, table.name
        elif kind == "tradeoff":
            assert "clean" in table.columns, table.name
        assert kind or bars, table.name  # else it would not be drawn at all


@each_paper
def test_every_recipe_of_the_paper_scale_is_in_a_table_or_a_claim(paper):
    found = packages.find(paper)
    used = {cell.recipe for table in found.tables for cell in table.cells}
    used |= {recipe for claim in found.claims for recipe, _ in claim.needs}
    evaluations = found.at("paper").evaluations.values()
    used |= {evaluation.target for evaluation in evaluations}
    assert set(found.at("paper").recipes) <= used


@each_paper
def test_every_number_at_paper_scale_cites_its_source(paper):
    text = (sources.ROOT / paper / "presets.py").read_text()
    source = SCALED_DOWN.split(text)[0]
    lines = source.splitlines()
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    rows = {token.start[0] for token in tokens if token.type == tokenize.NUMBER}
    assert not [lines[row - 1] for row in sorted(rows) if not is_cited(lines, row)]


def is_cited(lines, row):
    """A comment at the line's end, or a line of comment above it, as far indented."""
    line = lines[row - 1]
    if "#" in line:
        return True
    indent = line[: len(line) - len(line.lstrip())]
    for above in reversed(lines[: row - 1]):
        if not above.startswith(indent) or not above.strip():
            return False
        if above.startswith(indent + "#"):
            return True
    return False


@each_paper
def test_a_claim_has_a_name_a_statement_a_source_and_known_parts(paper):
    found = packages.find(paper)
    names = [claim.name for claim in found.claims]
    assert len(set(names)) == len(names)
    for claim in found.claims:
        assert claim.statement.endswith("."), claim.name
        assert claim.source and claim.comparisons, claim.name
        assert set(claim.expected_at) <= set(found.recipes), claim.name
        where = claim.expected_at if claim.source.startswith("ours") else ("paper",)
        for scale in {*where, *claim.instead, *claim.seeds}:
            for recipe, evaluation in claim.at(scale).needs:
                assert recipe in found.at(scale).recipes, claim.name
                assert evaluation in found.at(scale).evaluations, claim.name
