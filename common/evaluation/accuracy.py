"""Clean and robust accuracy: exact counts, and no work on examples already broken."""

from __future__ import annotations

import hashlib
import json
import numbers
import pathlib
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from common import recipe as recipes
from common.attacks import adapted, checks, worst
from common.evaluation import attackable, estimate, record, stream, tally, turns
from common.evaluation import judges as judging
from common.evaluation import progress as on_disk
from common.lazy import keras


def evaluate(
    logits_fn: Callable[[Any], Any] | judging.Judges,
    dataset: Iterable[Any],
    attack: Any = None,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    distribution: Any = None,
    progress: bool = False,
    progress_file: pathlib.Path | None = None,
    progress_key: Any = None,
    keep_images: bool = False,
) -> record.Record:
    """Counts the examples that a network classifies correctly under an attack.

    An example survives if it is classified correctly at every judgement: at the end of
    every restart, and where an attack can be cut into chunks, as PGD of a multiple of
    100 steps, after every chunk. So the successes of restarts and of chunks are united.
    An example on which the attack has reached its goal leaves, and the next takes its
    place in the batch, so that later restarts and steps cost only what is left. The
    goal is a wrong class; of a targeted PGD it is the target, and an example of another
    wrong class stays, since both are counted. The outcome is that of running everything
    on everything, since each example's random start and target follow from the seed and
    its own pixels.

    What is to be doubted of the record, its `warnings`, is a warning of Python, too.

    Before the attack begins, the network is asked whether it can be attacked, and after
    it, every image that stood still; see `common.evaluation.attackable`. What was found
    is `no_gradient` of the record.

    Args:
      logits_fn: images [B, H, W, C] in [0, 255] -> logits [B, K]; states the batch norm
        mode and branch. Or `Judges` of it, which earlier evaluations have used: what
        they compiled is used again, and the record is the same.
      dataset: finite, of (images, labels) batches of any sizes.
      attack: from `common.attacks`, or None for clean images.
      seed: of the attack.
      batch_size: images attacked at a time, over all replicas; the size of the first
        batch by default.
      distribution: a strategy of one machine whose replicas share each batch.
      progress: show a bar, with the minutes that are left at most.
      progress_file: where what is found is kept, about once a minute and after whole
        batches; `save` of the record removes it. If the file is there, of the same
        attack, seed, `keep_images` and key, the evaluation goes on from it, to the same
        outcomes (the seconds add up, and with another batch size the passes may
        differ). Any other file is replaced.
      progress_key: JSON values that tell network and images from others, such as recipe
        and step: the file of other weights is not to be taken for these.
      keep_images: keep the image that broke each example, as `adv_images` of the
        record.

    Raises:
      ValueError: no example or no end of them, images outside [0, 255], labels outside
        the classes, answers that are no logits or change from call to call, an attack
        that no record can hold or with `clean_start`, or a progress file of more
        images.
      GradientError: a ValueError: no image that is right has a gradient.
    """
    begin = time.perf_counter()
    seed = check_settings(attack, seed, batch_size)
    judges = judging.of_network(logits_fn, distribution)
    chance = adapted.adapted(attack).allows_chance
    examples = stream.Examples(dataset, judges.questions, by_chance=chance)
    size = stream.divisible(batch_size or examples.first_size, judges.num_devices)
    watch = attackable.Watch(judges, attack, seed=seed, size=size)
    found = tally.Tally(attack, examples.num_classes, keep=keep_images)
    watch.check_first(*examples.first)
    key = [recipes.to_dict(attack), seed, keep_images, _hashes(examples), progress_key]
    answers = _known(examples, chance, bool(progress_file), progress_key)
    file = on_disk.File(progress_file, key, answers=answers, begin=begin)
    show = progress_bar() if progress else None
    begun = file.load(examples, found)
    pool = turns.Pool(found.parts, examples, size, begun, replicas=judges.num_devices)
    left = estimate.Estimate(found, examples.total)
    while slots := pool.next():
        part = found.parts[slots[0].part]
        if isinstance(part, worst.Nearest):
            found.sift(slots)
            pool.drop(found.outcomes)
            continue
        batch = stream.batch(found.parts, slots, size, judges.num_devices)
        verdict = judges(part, batch, seed, num_steps=part.rounds.cut, count=len(slots))
        stuck = watch.stuck(part, batch, verdict, len(slots))
        found.no_gradient.update(slots[place].index for place in stuck)
        found.add(slots, batch, verdict)
        pool.drop(found.outcomes)
        if show:
            show(found.right, len(found.outcomes), left(pool.slots, examples.count))
        file.save(pool.slots, found)
    made = found.record(
        attack,
        seed=seed,
        seconds=file.seconds,
        notes=_precision(judges.logits_fn),
        labels=np.array(examples.labels),
        progress=file,
    )
    return record.said(made)


def _known(
    examples: stream.Examples, by_chance: bool, is_kept: bool, progress_key: Any
) -> np.ndarray:
    """Returns the answers that tell the network from others; none if chance gives them.

    Raises:
      ValueError: then nothing would tell them apart.
    """
    if not by_chance:
        return examples.answers
    if is_kept and progress_key is None:
        raise ValueError(
            "Where answers come by chance, progress_file needs progress_key, a name "
            "for network and images. Received: progress_key=None"
        )
    return np.empty(0)


def _hashes(examples: stream.Examples) -> list[str]:
    """Returns hashes of the first images and labels, whatever the size of a batch."""
    shown = [part[: attackable.ASKED] for part in examples.first]
    return [hashlib.sha256(part.tobytes()).hexdigest() for part in shown]


def check_settings(attack: Any, seed: Any, batch_size: Any) -> int:
    """Returns the seed as an int; refuses what would fail after the work is done.

    Raises:
      ValueError: an attack that JSON cannot hold, `Nearest` alone, a seed that is no
        whole number, or a batch size below 1.
    """
    if batch_size is not None:
        checks.check_count("batch_size", batch_size)
    if not isinstance(seed, numbers.Integral):
        raise ValueError(f"seed must be a whole number. Received: seed={seed!r}")
    is_attack = callable(attack) and not isinstance(attack, type | worst.Nearest)
    if not (attack is None or is_attack):
        raise ValueError(
            "attack must be None or one attack, such as attacks.FGSM(8.0). "
            f"Received: attack={attack!r}"
        )
    try:
        json.dumps(recipes.to_dict(attack))
    except TypeError as error:
        raise ValueError(
            "A record must hold the attack: a frozen dataclass of numbers, strings and "
            f"tuples, with one value for all images. Received: {error}"
        ) from None
    return int(seed)


def progress_bar() -> Callable[..., None]:
    """Returns what shows how many are right of how many, and the seconds left.

    The bar counts batches.
    """
    shown = ["done", "accuracy", "minutes left"]
    bar = keras.utils.Progbar(None, stateful_metrics=shown, interval=1)

    def show(right: int, done: int, left: float | None = None) -> None:
        values = [("minutes left", left / 60)] if left is not None else []
        if done:
            values = [("done", done), ("accuracy", 100.0 * right / done), *values]
        bar.add(1, values)

    return show


def _precision(logits_fn: Callable[[Any], Any]) -> dict[str, str]:
    """Returns in what a Keras model computes, for its record; {} where it is not known.

    Args:
      logits_fn: a model, or any function, which does not tell.
    """
    if not isinstance(logits_fn, keras.Model):
        return {}
    layers = logits_fn._flatten_layers(include_self=False)
    kinds = {layer.compute_dtype for layer in layers if layer.weights}
    return {"precision": ", ".join(sorted(kinds))} if kinds else {}
