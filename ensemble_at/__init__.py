"""Tramèr et al., Ensemble Adversarial Training (arXiv 1705.07204)."""

import pathlib

from common.recipe import Paper
from ensemble_at import claims, presets, tables

PAPER = Paper(
    name="ensemble_at",
    title="Ensemble Adversarial Training: Attacks and Defenses. Tramèr et al., "
    "ICLR 2018",
    recipes=presets.RECIPES,
    evaluations=presets.EVALUATIONS,
    tables=tables.TABLES,
    claims=claims.CLAIMS,
    reported=pathlib.Path(__file__).with_name("reported.csv"),
)
