"""The answers as JSON, for scripts: `docs/answers.schema.json` describes the file.

It has the numbers and verdicts that a terminal shows, and what they rest on. A number
that is not known is null.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any

from common import files
from common.recipe import TRAINING_TIME
from common.results import metrics, reported
from common.results.answers import Results
from common.results.cells import Compared, Tables
from common.results.claims import ClaimResult
from common.results.margins import Comparison
from common.results.measured import Runs
from common.results.metrics import Value

VERSION = 2  # of the form; a script that knows another one should stop


def write(path: pathlib.Path, papers: Sequence[dict[str, Any]]) -> None:
    """Writes the answers of papers, each as `paper` gives it.

    Raises:
      RunError: the disk is full.
    """
    content = {"version": VERSION, "papers": list(papers)}
    files.write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def paper(
    results: Results,
    *,
    tables: Tables | None = None,
    claims: Sequence[ClaimResult] = (),
    changes: Tables | None = None,
) -> dict[str, Any]:
    """Returns what is said of a paper at a scale, as JSON values.

    Args:
      results: of the paper at the scale.
      tables: beside the reported numbers.
      claims: answered.
      changes: the tables beside those of an earlier run.
    """
    return {
        "paper": results.at.name,
        "scale": results.at.scale,
        "warnings": [dataclasses.asdict(finding) for finding in results.findings],
        "tables": _tables(tables or {}),
        "claims": [_claim(result, results.runs) for result in claims],
        "changes": _tables(changes or {}),
    }


def _tables(tables: Tables) -> list[dict[str, Any]]:
    return [
        {"table": name, "cells": [_cell(compared) for compared in cells]}
        for name, cells in tables.items()
    ]


def _cell(compared: Compared) -> dict[str, Any]:
    cell = compared.cell
    return {
        "row": cell.row,
        "column": cell.column,
        "recipe": cell.recipe,
        "evaluation": None if cell.evaluation == TRAINING_TIME else cell.evaluation,
        "other_evaluation": cell.other or None,
        "metric": metrics.name_of(cell),
        "unit": compared.metric.unit,
        "measured": _value(compared.measured),
        "reference": _reference(compared.reference),
        "verdict": compared.verdict,
        "tolerance": compared.tolerance,
        "evidence": compared.evidence,
    }


def _value(value: Value | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {
        "number": _finite(value.number),
        "interval": value.interval and list(value.interval),
        "total": value.total,
    }


def _reference(reference: Any) -> dict[str, Any] | None:
    """Returns a reported number with its source, or the number of an earlier run."""
    if isinstance(reference, reported.Reported):
        return {
            "number": reference.value,
            "printed": reference.printed,
            "source": reference.source,
            "confidence": reference.confidence,
        }
    return _value(reference)


def _claim(result: ClaimResult, runs: Runs) -> dict[str, Any]:
    claim = result.claim
    return {
        "claim": claim.name,
        "statement": claim.statement,
        "source": claim.source,
        "note": claim.note,
        "expected_at": list(claim.expected_at),
        "verdict": result.verdict,
        "comparisons": [
            {**_comparison(comparison, runs), "evidence": line}
            for comparison, line in zip(claim.comparisons, result.details, strict=True)
        ],
    }


def _comparison(comparison: Comparison, runs: Runs) -> dict[str, Any]:
    estimate = comparison.finding(runs).estimate
    return {
        "title": comparison.title,
        "seeds": list(comparison.seeds),
        "unit": comparison.unit.strip(),
        "at_least": comparison.at_least,
        "at_most": comparison.at_most,
        "number": estimate and estimate.value,
        "interval": estimate and [estimate.low, estimate.high],
    }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
