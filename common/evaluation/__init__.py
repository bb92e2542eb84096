"""Evaluation: exact counts of what survives an attack."""

from common.evaluation.accuracy import evaluate
from common.evaluation.record import Record

__all__ = ["Record", "evaluate"]
