"""Xie, Yuille, Intriguing Properties of Adversarial Training at Scale (ICLR 2020)."""

import pathlib

from common.recipe import Paper
from intriguing_at import claims, presets, tables

PAPER = Paper(
    name="intriguing_at",
    title="Intriguing Properties of Adversarial Training at Scale. Xie and Yuille, "
    "ICLR 2020",
    recipes=presets.RECIPES,
    evaluations=presets.EVALUATIONS,
    tables=tables.TABLES,
    claims=claims.CLAIMS,
    reported=pathlib.Path(__file__).with_name("reported.csv"),
    tuning=presets.TUNING,
)
