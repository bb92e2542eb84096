"""From records to answers: compare, check claims, warn and report.

Reported numbers (`reported`) and measured ones (`measured`) are separate records that
meet only here; nothing in this package imports TensorFlow.
"""

from common.results.claims import check_claims
from common.results.comparison import compare
from common.results.regression import regress
from common.results.report import write_report

__all__ = ["check_claims", "compare", "regress", "write_report"]
