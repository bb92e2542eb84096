"""Training: the method's base, the loop, strategies, optimizers, checkpoints."""

from common.errors import RunError
from common.training.method import Method

__all__ = ["Method", "RunError"]
