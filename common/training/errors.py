"""The failure of a run itself, as opposed to wrong usage."""


class RunError(RuntimeError):
    """A run that cannot go on; its checkpoints are kept. Exit status 3."""
