"""Shafahi et al., Adversarial Training for Free! (NeurIPS 2019, arXiv 1904.12843)."""

import pathlib

from common.recipe import Paper
from free_at import claims, presets, tables

PAPER = Paper(
    name="free_at",
    title="Adversarial Training for Free! Shafahi et al., NeurIPS 2019",
    recipes=presets.RECIPES,
    evaluations=presets.EVALUATIONS,
    tables=tables.TABLES,
    claims=claims.CLAIMS,
    reported=pathlib.Path(__file__).with_name("reported.csv"),
    tuning=presets.TUNING,
)
