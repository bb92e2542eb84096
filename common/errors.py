"""The failure of a run itself, as opposed to wrong usage."""


class RunError(RuntimeError):
    """A run that cannot go on; its checkpoints are kept. Exit status 3."""


class NotFiniteError(RunError):
    """A loss that is not finite.

    Attributes:
      step: the update before which the weights gave it.
    """

    def __init__(self, message: str, step: int) -> None:
        """Takes both, so that the error passes between processes."""
        super().__init__(message, step)
        self.step = step

    def __str__(self) -> str:
        """The message alone."""
        return str(self.args[0])
