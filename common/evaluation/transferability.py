"""Transfer: adversarial images made on one network and shown to another.

Kurakin et al. (2017) use two definitions. Table 4 gives the transfer rate: of the
images that the source classifies correctly when clean and wrongly when adversarial, the
share that the target classifies wrongly. Table 6 gives the target's error on all
adversarial images. A record holds the counts of both, for the largest logit (top-1) and
for the five largest (top-5: "correctly" means that the label is among them).
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from common import intervals
from common import recipe as recipes
from common.attacks import adapted
from common.attacks import attack as attacks
from common.evaluation import accuracy, alarms, attackable, record, stream
from common.evaluation import judges as judging

_COUNTS = ("correct", "eligible", "transferred", "rate", "rate_interval")


@dataclasses.dataclass(frozen=True)
class Outcomes(record.Counted):
    """Which adversarial images the target classifies correctly, by top-1 or by top-5.

    Attributes:
      fooled: bool [total]: the source classifies the clean image correctly and the
        adversarial one wrongly, so that the image counts for the transfer rate.
    """

    fooled: np.ndarray

    @property
    def eligible(self) -> int:
        """Images that count for the transfer rate."""
        return int(self.fooled.sum())

    @property
    def transferred(self) -> int:
        """Eligible images whose adversarial image the target classifies wrongly."""
        return int((self.fooled & ~self.survived).sum())

    @property
    def rate(self) -> float | None:
        """The transfer rate in percent; None where no image is eligible."""
        return 100.0 * self.transferred / self.eligible if self.eligible else None

    @property
    def rate_interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the rate in percent; None as the rate."""
        if not self.eligible:
            return None
        return intervals.wilson(self.transferred, self.eligible)

    @property
    def target_error(self) -> float:
        """Percent of all adversarial images that the target classifies wrongly."""
        return 100.0 - self.accuracy


@dataclasses.dataclass(frozen=True)
class TransferRecord(Outcomes):
    """How many adversarial images of a source network fool a target, by top-1.

    Attributes:
      top5: outcomes by the five largest; None where there are no more than five.
      attack: the attack as JSON values.
      seed: of the attack.
      passes: images that went through a forward and a backward pass of the attack.
      seconds: that it took, with what it had to compile.
      notes: further entries of the JSON file, such as the name of the target.
      no_gradient: images that the source has right, and without a gradient.
    """

    top5: Outcomes | None = None
    attack: Any = None
    seed: int = 0
    passes: int = 0
    seconds: float = 0.0
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)
    no_gradient: int = 0

    parts: ClassVar[tuple[record.Part, ...]] = ()  # a transfer is of one attack

    @property
    def warnings(self) -> list[str]:
        """What to know before the counts are believed, a line each."""
        told = attackable.without_gradient(self.no_gradient, self.total)
        return [*told, *alarms.of_reach(self.attack)]

    def save(self, path: pathlib.Path) -> None:
        """Writes `path` (JSON) and the outcomes beside it (`.npz`), JSON last.

        As the record of an evaluation that judged by the target, with the counts of the
        transfer rate. Names of top-5 end with `_top5`. Without an eligible image the
        rate is null.
        """
        content = {
            **self.notes,
            "attack": self.attack,
            "seed": self.seed,
            "total": self.total,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "no_gradient": self.no_gradient,
            "passes": self.passes,
            "seconds": self.seconds,
            **({"warnings": self.warnings} if self.warnings else {}),
        }
        arrays = {}
        for suffix, outcomes in (("", self), ("_top5", self.top5)):
            if outcomes is not None:
                for name in _COUNTS:
                    content[name + suffix] = getattr(outcomes, name)
                arrays["survived" + suffix] = outcomes.survived
                arrays["fooled" + suffix] = outcomes.fooled
        record.write(path, content, arrays)


def transfer(
    source_fn: Callable[[Any], Any] | judging.Judges,
    target_fn: Callable[[Any], Any] | judging.Judges,
    dataset: Iterable[Any],
    attack: Any,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool = False,
) -> TransferRecord:
    """Attacks the source once and judges the adversarial images by both networks.

    They are the images of `evaluate(source_fn, dataset, attack, seed=seed)` after all
    steps: none is judged before. A network of another input size resizes them itself.

    Args:
      source_fn: images [B, H, W, C] in [0, 255] -> logits [B, K]; attacked. Or
        `Judges` of it, which earlier evaluations have used.
      target_fn: as the source; is shown the adversarial images.
      dataset: finite, of (images, labels) batches of any sizes.
      attack: from `common.attacks`, of one start.
      seed: of the attack.
      batch_size: images attacked at a time, over all replicas of the judges; the size
        of the first batch by default.
      progress: show a bar, with the target's accuracy.

    Raises:
      ValueError: no attack or one with restarts; else as for `evaluate`.
    """
    begin = time.perf_counter()
    seed = accuracy.check_settings(attack, seed, batch_size)
    climber = adapted.adapted(attack)
    if attack is None or climber.rounds.restarts > 1:
        raise ValueError(
            f"transfer takes an attack of one start. Received: attack={attack}"
        )
    source, target = map(judging.of_network, (source_fn, target_fn))
    examples = stream.Examples(dataset, source.questions, target.questions)
    replicas = math.lcm(source.num_devices, target.num_devices)
    size = stream.divisible(batch_size or examples.first_size, replicas)
    watch = attackable.Watch(source, attack, seed=seed, size=size)
    watch.check_first(*examples.first)
    show = accuracy.progress_bar() if progress else lambda *_: None
    found: list[np.ndarray] = []
    passes = right = no_gradient = 0
    while pool := examples.take(size):
        batch = stream.batch((climber,), pool, size, replicas)
        passes += len(batch.labels)
        networks, count = (source, target), len(pool)
        outcomes, attacked = _shown(networks, climber, batch, seed=seed, count=count)
        found.append(outcomes[..., :count])
        no_gradient += len(watch.stuck(climber, batch, attacked, count))
        right += int(found[-1][0, 0].sum())
        show(right, examples.count)
    top1, top5 = np.concatenate(found, axis=-1)
    made = TransferRecord(
        survived=top1[0],
        fooled=top1[1],
        top5=Outcomes(*top5) if examples.num_classes > 5 else None,
        attack=recipes.to_dict(attack),
        seed=seed,
        passes=passes * climber.rounds.num_steps * climber.rounds.gradients,
        seconds=time.perf_counter() - begin,
        no_gradient=no_gradient,
    )
    return record.said(made)


def _shown(
    networks: tuple[judging.Judges, judging.Judges],
    attack: attacks.Attack,
    batch: judging.Batch,
    *,
    seed: int,
    count: int,
) -> tuple[np.ndarray, judging.Verdict]:
    """Returns bool [2, 2, B], and the verdict of the source on its attack.

    The former is of top-1 and top-5, survived and fooled.
    """
    source, target = networks
    plain = batch._replace(state=batch.images, numbers={})
    clean = source(None, plain, seed)
    attacked = source(attack, batch, seed, count=count)
    adv_images = attack.judged(attacked.fetch())
    judged = target(None, plain._replace(images=adv_images, state=adv_images), seed)
    outcomes = [
        (judged.top1, clean.top1 & ~attacked.top1),
        (judged.top5, clean.top5 & ~attacked.top5),
    ]
    return np.array(outcomes), attacked
