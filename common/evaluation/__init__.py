"""Evaluation: exact counts of what survives an attack, and of what it transfers."""

from common.evaluation.accuracy import evaluate
from common.evaluation.judges import Judges
from common.evaluation.record import Record
from common.evaluation.sampling import sample
from common.evaluation.transferability import TransferRecord, transfer

__all__ = ["Judges", "Record", "TransferRecord", "evaluate", "sample", "transfer"]
