"""Evaluation: exact counts of what survives an attack, and of what it transfers.

Beside them stand the signs of masked gradients, which say whether to believe a count.
"""

from common.evaluation.accuracy import evaluate
from common.evaluation.judges import Judges
from common.evaluation.masking import MaskingRecord, gradient_masking
from common.evaluation.record import Record
from common.evaluation.sampling import sample
from common.evaluation.transferability import TransferRecord, transfer

__all__ = [
    "Judges",
    "MaskingRecord",
    "Record",
    "TransferRecord",
    "evaluate",
    "gradient_masking",
    "sample",
    "transfer",
]
