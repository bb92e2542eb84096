"""Kurakin et al., Adversarial Machine Learning at Scale (arXiv 1611.01236)."""

import pathlib

from common.recipe import Paper
from kurakin2017 import claims, presets, tables

PAPER = Paper(
    name="kurakin2017",
    title="Adversarial Machine Learning at Scale. Kurakin et al., ICLR 2017",
    recipes=presets.RECIPES,
    evaluations=presets.EVALUATIONS,
    tables=tables.TABLES,
    claims=claims.CLAIMS,
    reported=pathlib.Path(__file__).with_name("reported.csv"),
    tuning=presets.TUNING,
)
