"""From records to answers: compare, check claims, warn and report.

Reported numbers (`reported`) and measured ones (`measured`) are separate records that
meet only here; nothing in this package imports TensorFlow.
"""
