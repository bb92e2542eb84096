"""What holds for every paper package: its map, its numbers and its claims."""

import importlib
import io
import json
import pathlib
import tokenize

import pytest

from common import recipe as recipes
from common.results import packages, reported
from reproduce import PAPERS

ROOT = pathlib.Path(__file__).parent.parent
MAPS = [
    pytest.param(paper, *row, id=f"{paper} {row[0]}")
    for paper in PAPERS
    for row in importlib.import_module(f"{paper}.tables").PAPER_MAP
]
RECIPES = [
    (paper, scale, name)
    for paper in PAPERS
    for scale, named in packages.find(paper).recipes.items()
    for name in named
]
CLAIMS = [
    pytest.param(claim, id=f"{paper} {claim.name}")
    for paper in PAPERS
    for claim in packages.find(paper).claims
]


@pytest.mark.parametrize(("paper", "part", "path"), MAPS)
def test_the_paper_map_names_what_exists_and_the_readme_shows_it(paper, part, path):
    module, _, name = path.rpartition(".")
    assert hasattr(importlib.import_module(module), name)
    test = f"{module.replace('.', '/')}_test.py"
    assert (ROOT / test).is_file()
    readme = (ROOT / paper / "README.md").read_text().splitlines()
    assert f"| {part} | `{path}` | `{test}` |" in readme


@pytest.mark.parametrize(("paper", "scale", "name"), RECIPES)
def test_a_recipe_is_json(paper, scale, name):
    record = recipes.to_dict(packages.find(paper).at(scale).recipe(name))
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize("paper", PAPERS)
def test_an_evaluation_is_json_and_its_target_a_recipe(paper):
    for scale, named in packages.find(paper).evaluations.items():
        for evaluation in named.values():
            record = recipes.to_dict(evaluation)
            assert json.loads(json.dumps(record)) == record
            known = ("", *packages.find(paper).at(scale).recipes)
            assert evaluation.target in known


@pytest.mark.parametrize("paper", PAPERS)
def test_every_reported_number_is_a_cell_and_every_cell_is_named_once(paper):
    found = packages.find(paper)
    cells = [(t.name, c.row, c.column) for t in found.tables for c in t.cells]
    assert len(set(cells)) == len(cells)
    metrics = {
        (t.name, c.row, c.column): c.metric for t in found.tables for c in t.cells
    }
    for key, record in reported.by_cell(found).items():
        assert record.metric in (metrics[key], "minutes")


@pytest.mark.parametrize("paper", PAPERS)
def test_every_recipe_of_the_paper_scale_is_in_a_table_or_a_claim(paper):
    found = packages.find(paper)
    used = {cell.recipe for table in found.tables for cell in table.cells}
    used |= {recipe for claim in found.claims for recipe, _ in claim.needs}
    evaluations = found.at("paper").evaluations.values()
    used |= {evaluation.target for evaluation in evaluations}
    assert set(found.at("paper").recipes) <= used


@pytest.mark.parametrize("paper", PAPERS)
def test_every_number_at_paper_scale_cites_its_source(paper):
    text = (ROOT / paper / "presets.py").read_text()
    source = text[: text.index("\nSMALL_")]
    lines = source.splitlines()
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    rows = {token.start[0] for token in tokens if token.type == tokenize.NUMBER}
    assert len(rows) > 20
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


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_states_margin_source_and_scales(claim):
    assert claim.statement.endswith(".")
    assert claim.source and claim.comparisons
    assert set(claim.expected_at) <= {"paper", "small", "digits"}
    for comparison in claim.comparisons:
        margins = (comparison.at_least, comparison.at_most)
        assert sum(margin is not None for margin in margins) == 1


@pytest.mark.parametrize("paper", PAPERS)
def test_a_claim_is_about_recipes_and_evaluations_of_the_paper_scale(paper):
    found = packages.find(paper)
    names = [claim.name for claim in found.claims]
    assert len(set(names)) == len(names)
    for claim in found.claims:
        for recipe, evaluation in claim.needs:
            assert recipe in found.at("paper").recipes
            assert evaluation in found.at("paper").evaluations
