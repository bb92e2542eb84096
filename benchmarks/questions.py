"""What each benchmark asks, and the bounds, fixed before anything was measured."""

from __future__ import annotations

import dataclasses

from benchmarks import records

MET, MISSED, NOT_RUN, NO_BOUND = "met", "missed", "not run", "no bound"


@dataclasses.dataclass(frozen=True)
class Question:
    """One benchmark.

    Attributes:
      title: in a few words.
      text: what is compared, in a few sentences.
      row: whose ratio answers, or None for all of them.
      bound: that the row's median ratio may not exceed, in every comparison.
      equal_counts: all rows must leave equally many images correct.
    """

    title: str
    text: str
    row: str | None = None
    bound: float | None = None
    equal_counts: bool = False

    def verdict(self, record: records.Record | None) -> str:
        """Returns met, missed, not run, or no bound."""
        if record is None:
            return NOT_RUN
        if self.bound is None and not self.equal_counts:
            return NO_BOUND
        kept = all(self._is_kept(comparison) for comparison in record.comparisons)
        return MET if kept else MISSED

    @property
    def requirement(self) -> str:
        """The bound in words."""
        parts = []
        if self.bound is not None:
            parts.append(f"at most {self.bound:.2f}")
        if self.equal_counts:
            parts.append("same counts")
        return ", ".join(parts) or "none"

    def _is_kept(self, comparison: records.Comparison) -> bool:
        if self.equal_counts and len(set(map(tuple, comparison.counts.values()))) != 1:
            return False
        return (
            self.bound is None
            or self.row is None
            or comparison.ratio(self.row) <= self.bound
        )


QUESTIONS = {
    "a": Question(
        "PGD-20 beside bare passes",
        "The compiled attack against the loops that one would write by hand for its "
        "gradients alone: as many compiled forward and backward passes towards the "
        "images, without start, steps or projection. The faster loop is the "
        "reference.",
        row="PGD-20",
        bound=1.05,
    ),
    "b": Question(
        "A Free replay beside a natural update",
        "Compiled updates as the training loop calls them, on one minibatch. A replay "
        "also differentiates the images and moves the perturbation.",
        row="Free replay",
        bound=1.10,
    ),
    "c": Question(
        "Ten restarts beside the naive loop",
        "The evaluation drops an image once a restart has broken it and refills the "
        "batch; the naive loop runs every restart on every image and unites the "
        "successes. Both compile in every round.",
        row="evaluation.evaluate",
        equal_counts=True,
    ),
    "d": Question(
        "Memory of 100 steps beside 10",
        "PGD in a fresh process each, so no round is dropped.",
        row="100 steps",
        bound=1.1,
    ),
    "e": Question(
        "PGD-20 of other libraries",
        "The same network, images, radius, step and number of steps; every library "
        "starts at random in the ball, with its own random numbers. Ratios above 1 are "
        "slower than this suite. Libraries run as their documentation shows and, where "
        "they can, with the network or the attack in a `tf.function`; torchattacks "
        "attacks a PyTorch copy of the network, whose logits are checked first. The "
        "last column counts the images that the TensorFlow network still classifies "
        "correctly.",
    ),
    "f": Question(
        "JAX beside TensorFlow",
        "The attack compiled, and updates as the training loop makes them, crops and "
        "flips included. Each engine is a process of its own, which waits while the "
        "other works.",
        row="JAX",
    ),
    "g": Question(
        "Networks that look robust and are not",
        "How many images are left right, of networks that all have the weights of the "
        "first row and, but for rounding, its classes: where clearly more are left "
        "than in the first row, the attack could not see. The suite's column is its "
        "evaluation, with what it warns of; libraries run as their documentation "
        "shows, their images are judged by the network that they attacked, and every "
        "network is handed to them as one of logits. None is where there is no count; "
        "a number in brackets stands for a line below the tables. The last table of a "
        "network compares the gradient that the suite ascends with that of "
        "cross-entropy from a softmax in float64. Torchattacks is left out: it would "
        "need a PyTorch copy of every network.",
    ),
    "h": Question(
        "Updates in PyTorch",
        "The compiled updates of benchmark b beside those that one would write in "
        "PyTorch, on a copy of the network with channels last; after a first update "
        "of both, where nothing is drawn, the logits of the copy are checked. Ratios "
        "above 1 are slower than this suite.",
        row="PyTorch, channels last",
    ),
    "i": Question(
        "Adversarial training of ART",
        "A Keras model, trained from the same weights with the same radius and as many "
        "passes: by ART's `AdversarialTrainer` with PGD, by 7-PGD training of this "
        "suite, which makes as many updates, and by Free training, which makes eight "
        "times as many. The last column counts the test images that the suite's PGD-20 "
        "leaves right. Ratios above 1 are slower than this suite.",
        row="ART, 7-PGD",
    ),
}
