"""Xie et al., Smooth Adversarial Training (2020, arXiv 2006.14536)."""

import pathlib

from common.recipe import Paper
from smooth_at import claims, presets, tables

PAPER = Paper(
    name="smooth_at",
    title="Smooth Adversarial Training. Xie et al., 2020",
    recipes=presets.RECIPES,
    evaluations=presets.EVALUATIONS,
    tables=tables.TABLES,
    claims=claims.CLAIMS,
    reported=pathlib.Path(__file__).with_name("reported.csv"),
    tuning=presets.TUNING,
)
