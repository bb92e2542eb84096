"""Training of a recipe, from its first update to its last checkpoint.

The modules of the package:

  method: the base of the papers' training algorithms; `natural` is the baseline.
  loop: does the updates, and between them what is due: log, probe, checkpoint.
  learner: what changes while a run trains; `checkpoint` writes and reads it.
  optimizers, schedules, average: parts of a recipe.
  metrics, board: the log of a run, as JSON lines and for TensorBoard.
  probe: robust accuracy while a run trains.
  cost: what a recipe costs before it is launched.
  imported: released weights in place of training.
"""

from common.errors import RunError
from common.training.method import Method

__all__ = ["Method", "RunError"]
