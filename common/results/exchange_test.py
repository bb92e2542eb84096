"""The file for scripts is what its schema says, and says what the terminal says."""

import json
import math
import types

import pytest

from common.recipe import TRAINING_TIME, Cell
from common.results import cells, exchange, margins, sums, text
from common.results.cells import Compared
from common.results.claims import NOT_JUDGED, Claim, ClaimResult
from common.results.metrics import Value
from common.results.reported import CONFIDENCES, Reported
from tests import sources

SCHEMA = json.loads((sources.ROOT / "docs" / "answers.schema.json").read_text("utf-8"))
KINDS = {
    "array": list,
    "integer": int,
    "null": type(None),
    "number": (int, float),
    "object": dict,
    "string": str,
}


def breaks(value, schema):
    """Yields where a value breaks a schema of those words that ours has."""
    known = {"$defs", "$schema", "title", "description", "additionalProperties"}
    known |= {"$ref", "anyOf", "const", "enum", "items", "properties", "required"}
    assert set(schema) <= known | {"type"}
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "$ref" in schema:
        yield from breaks(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    elif "anyOf" in schema:
        if all(any(breaks(value, each)) for each in schema["anyOf"]):
            yield f"{value} is none of {schema['anyOf']}"
    elif kinds and not any(isinstance(value, KINDS[kind]) for kind in kinds):
        yield f"{value} is not of {kinds}"
    elif value not in schema.get("enum", [schema.get("const", value)]):
        yield f"{value} is another value"
    else:
        yield from inside(value, schema)


def inside(value, schema):
    """Yields where the parts of a value break a schema."""
    if isinstance(value, list):
        for each in value:
            yield from breaks(each, schema["items"])
    elif isinstance(value, dict):
        fields = schema["properties"]
        if not set(value) == set(fields) == set(schema["required"]):
            yield f"{set(value) ^ set(fields)} are missing, or too many"
        for name in set(value) & set(fields):
            yield from breaks(value[name], fields[name])


def number(value):
    """Returns the measured number that an object stands for."""
    if value is None:
        return None
    interval = value["interval"] and tuple(value["interval"])
    found = math.nan if value["number"] is None else value["number"]
    return Value(found, interval, value["total"])


def reference(value, table, cell):
    if value is None or "printed" not in value:
        return number(value)
    return Reported(
        table=table,
        row=cell.row,
        column=cell.column,
        metric=cell.metric,
        value=value["number"],
        printed=value["printed"],
        source=value["source"],
        confidence=value["confidence"],
        place="",
    )


def tables(found):
    """Returns the tables that a list of them stands for."""
    read = {}
    for table in found:
        read[table["table"]] = []
        for each in table["cells"]:
            minutes = each["metric"] == "minutes"
            cell = Cell(
                each["row"],
                each["column"],
                each["recipe"],
                TRAINING_TIME if minutes else each["evaluation"],
                "accuracy" if minutes else each["metric"],
                each["other_evaluation"] or "",
            )
            read[table["table"]].append(
                Compared(
                    cell,
                    reference(each["reference"], table["table"], cell),
                    number(each["measured"]),
                    each["verdict"],
                    each["evidence"],
                    each["tolerance"],
                )
            )
    return read


def claims(found):
    """Returns what `text.claims` reads of results."""
    answers = [
        ClaimResult(
            Claim(
                each["claim"],
                each["statement"],
                each["source"],
                comparisons=(None,),
                expected_at=tuple(each["expected_at"]),
                note=each["note"],
            ),
            each["verdict"],
            tuple(comparison["evidence"] for comparison in each["comparisons"]),
            deciding=None,
        )
        for each in found
    ]
    return types.SimpleNamespace(claims=answers)


@pytest.fixture
def answers(tmp_path, results, write_run, outcomes):
    """Returns results, and what their file has of them."""
    none = {"fooled": outcomes(0), "survived": outcomes(500)}
    write_run("natural", {"clean": outcomes(9000, 10_000), "fgsm": none}, minutes=0.25)
    write_run("natural", {"clean": outcomes(8000, 10_000)}, workdir="old")
    write_run("free_4", {"pgd_20": outcomes(40, 100)}, minutes=0.5)
    found = results()
    missing = Cell("plain", "transfer", "natural", "fgsm", "transfer")
    known = {**found.cells, "no images": [_of(missing, Value(math.nan, None, 0))]}
    said = exchange.paper(
        found,
        tables=known,
        claims=found.claims,
        changes=found.against(tmp_path / "old"),
    )
    path = tmp_path / "folder" / "answers.json"
    exchange.write(path, [said])
    return found, known, json.loads(path.read_text("utf-8"))


def _of(cell, value):
    return Compared(cell, None, value, cells.NO_IMAGES)


def test_the_file_is_as_its_schema_says(answers):
    *_, content = answers
    assert not [*breaks(content, SCHEMA)]
    assert content["version"] == exchange.VERSION
    (paper,) = content["papers"]
    assert any(breaks({**content, "papers": [{**paper, "scale": 1}]}, SCHEMA))
    assert any(breaks({**content, "papers": [{"paper": "fake"}]}, SCHEMA))


def test_the_file_reads_back_into_the_printed_tables_and_claims(answers, tmp_path):
    found, known, content = answers
    (paper,) = content["papers"]
    assert (paper["paper"], paper["scale"]) == ("fake", "paper")
    assert text.comparison(tables(paper["tables"])) == text.comparison(known)
    printed = text.regression(found.against(tmp_path / "old"))
    assert text.regression(tables(paper["changes"])) == printed
    assert text.claims(claims(paper["claims"])) == text.claims(found)
    (claim,) = paper["claims"]
    robust, times = claim["comparisons"]
    assert (robust["number"], robust["at_least"], robust["unit"]) == (
        None,
        10,
        "points",
    )
    assert (times["number"], times["interval"]) == (2.0, [2.0, 2.0])


def test_the_schema_knows_every_verdict_and_confidence():
    defined = SCHEMA["$defs"]
    verdicts = {
        *(cells.WITHIN, cells.ABOVE, cells.BELOW, cells.NOT_RUN, cells.CLAIMS_ONLY),
        *(cells.NOT_REPORTED, cells.SHOWN, cells.NO_IMAGES),
    }
    assert set(defined["cell"]["properties"]["verdict"]["enum"]) == verdicts
    answered = {margins.HOLDS, margins.FAILS, sums.INCONCLUSIVE, sums.NOT_RUN}
    answered.add(NOT_JUDGED)
    assert set(defined["claim"]["properties"]["verdict"]["enum"]) == answered
    confidences = defined["reported"]["properties"]["confidence"]["enum"]
    assert set(confidences) == set(CONFIDENCES)


def test_the_file_has_every_number_of_a_claim_and_the_warnings(
    results, write_run, outcomes
):
    write_run("natural", {"pgd_20": outcomes(300)}, minutes=2.0)
    write_run("free_4", {"pgd_20": outcomes(500), "pgd_100": outcomes(700)})
    found = results()
    said = exchange.paper(found, claims=found.claims)
    (warning,) = said["warnings"]
    assert (warning["recipe"], warning["kind"]) == ("free_4", "masking")
    robust, times = said["claims"][0]["comparisons"]
    comparison, timed = found.claims[0].claim.comparisons
    assert (robust["number"], robust["at_least"], robust["at_most"]) == (20, 10, None)
    low, high = robust["interval"]
    assert 10 < low < 20 < high < 30
    assert (robust["title"], robust["seeds"]) == (comparison.title, [0])
    assert (times["number"], times["at_least"], times["at_most"]) == (50, None, 1.5)
    assert times["title"] == timed.title
