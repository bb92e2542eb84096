"""The constants by which every engine folds a number into a seed."""

from __future__ import annotations

# Knuth's multiplier and increment of the generator MMIX.
MULTIPLIER = 6364136223846793005
INCREMENT = 1442695040888963407
