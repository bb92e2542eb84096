"""The examples of a dataset, checked, one at a time and in batches."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

import numpy as np

from common import backend
from common.attacks import attack as attacks
from common.data import checks, unreadable
from common.evaluation import attackable, judges, record
from common.lazy import tree

_WANTED = (
    "dataset must give batches (images, labels), such as "
    "tf.data.Dataset.from_tensor_slices((images, labels)).batch(250) or "
    "[(images, labels)]"
)
_INFINITE = -1  # `tf.data.INFINITE_CARDINALITY`


@dataclasses.dataclass
class Slot:
    """An example in the batch, and how far the attack on it has come.

    Attributes:
      index: in the dataset.
      image: float32 [H, W, C] in [0, 255].
      label: of the image.
      part: of the attack, that it is in.
      restart: of the part, that it is in.
      chunk: chunks of the restart behind it.
      state: of the attack at their end; None at the beginning of a restart.
      outcome: what all its chunks have found.
      near: how near it has come to a wrong class, see `losses.nearness`.
    """

    index: int
    image: np.ndarray
    label: int
    part: int = 0
    restart: int = 0
    chunk: int = 0
    state: Any = None
    outcome: record.Outcome = record.UNKNOWN
    near: float = -math.inf


class Examples:
    """A dataset that is read once, and checked on the way.

    Attributes:
      num_classes: K of the networks.
      first: images and labels of the first batches, as many as are shown to networks.
      answers: logits [n, K] of the first network to the first of these images.
      first_size: images of the first batch.
      count: examples read so far.
      labels: of these.
      total: about as many as there are; None where the dataset does not tell.
    """

    def __init__(
        self,
        dataset: Iterable[Any],
        *networks: attackable.Questions,
        by_chance: bool = False,
    ) -> None:
        """Shows the first images to the networks.

        Args:
          dataset: finite, of (images, labels) batches of any sizes.
          *networks: the questions to them.
          by_chance: allow networks whose answers change.

        Raises:
          OSError: a file of the dataset cannot be read.
          ValueError: no example, or no end of them, elements of another form, images
            outside [0, 255], labels that are no classes, a network that is none to
            attack, or networks of different classes. The checks of a batch run when it
            is read.
        """
        self.count = 0
        self.labels: list[int] = []
        self._batches = _batches(dataset)
        self._begun: list[tuple[np.ndarray, np.ndarray]] = []
        while sum(len(labels) for _, labels in self._begun) < attackable.ASKED:
            if (batch := next(self._batches, None)) is None:
                break
            if len(batch[1]):
                self._begun.append(batch)
        if not self._begun:
            raise ValueError("The dataset has no example. Received: 0 images")
        self.first_size = len(self._begun[0][1])
        batches = _count(dataset)
        self.total = None if batches is None else batches * self.first_size
        for images, _ in self._begun:
            self._check_size(images)
        images, labels = (
            np.concatenate(part) for part in zip(*self._begun, strict=True)
        )
        self.first = images, labels
        checks.check_unit(images)
        answers = [network.check(images, by_chance=by_chance) for network in networks]
        self.answers = answers[0]
        classes = {answer.shape[-1] for answer in answers}
        if len(classes) > 1:
            raise ValueError(
                "Networks must have the same classes. "
                f"Received: num_classes={sorted(classes)}"
            )
        (self.num_classes,) = classes
        checks.check_labels(labels, self.num_classes)
        self._stream = self._read()

    def take(self, count: int) -> list[Slot]:
        """Returns the next examples: `count`, or what is left."""
        return [slot for _, slot in zip(range(count), self._stream, strict=False)]

    def _read(self) -> Iterator[Slot]:
        for images, labels in itertools.chain(self._begun, self._batches):
            checks.check_labels(labels, self.num_classes)
            self._check_size(images)
            for image, label in zip(images, labels, strict=True):
                self.count += 1
                self.labels.append(int(label))
                # A copy, since a view of a batch would keep all of the batch.
                yield Slot(self.count - 1, np.array(image), int(label))

    def _check_size(self, images: np.ndarray) -> None:
        size = self._begun[0][0].shape[1:]
        if len(images) and images.shape[1:] != size:
            raise ValueError(
                "Images must have one size; resize them. "
                f"Received: {size} and {images.shape[1:]}"
            )


def _count(dataset: Iterable[Any]) -> int | None:
    """Returns the number of batches, where the dataset tells."""
    if hasattr(dataset, "cardinality"):
        count = int(dataset.cardinality())
        return count if count >= 0 else None
    return len(dataset) if isinstance(dataset, Sized) else None


def _batches(dataset: Iterable[Any]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields images [b, H, W, C] and labels [b], each batch checked.

    Raises:
      ValueError: no dataset, one without end or that fails, or a batch of another
        form.
    """
    cardinality = getattr(dataset, "cardinality", lambda: 0)
    is_endless = isinstance(dataset, itertools.cycle | itertools.repeat)
    if is_endless or int(cardinality()) == _INFINITE:
        raise ValueError(
            "dataset must end: take .repeat() away, or add .take(number of batches). "
            "Received: a dataset without end"
        )
    try:
        yield from map(_checked, unreadable.batches(dataset))
    except Exception as error:
        if isinstance(error, ValueError | OSError):
            raise
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"{_WANTED}. Received: {type(error).__name__}: {reason}"
        ) from error


def _checked(element: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images and labels of an element of a dataset."""
    if not (isinstance(element, tuple | list) and len(element) == 2):
        form = type(element).__name__
        if isinstance(element, tuple | list | dict):
            form += f" of {len(element)}"
        raise ValueError(f"{_WANTED}. Received: an element that is {form}")
    images, labels = map(np.asarray, element)
    checks.check_numbers(images)
    checks.check_rank(images)
    checks.check_range(images)
    checks.check_classes(labels)
    checks.check_as_many(images, labels)
    return images, labels.reshape(-1)


def batch(
    parts: Sequence[attacks.Attack], pool: list[Slot], size: int, replicas: int = 1
) -> judges.Batch:
    """Returns the pool as a batch, filled up with its first slot.

    Args:
      parts: of the attack; those that the slots are in are of one kind.
      pool: at least one slot and at most `size`.
      size: of a full batch.
      replicas: which the result divides by, as `size` does.
    """
    slots = pool + pool[:1] * (filled(len(pool), size, replicas) - len(pool))
    images = np.stack([slot.image for slot in slots]).astype(np.float32)
    blank = rows(parts[pool[0].part].blank(images), len(slots))
    states = [
        begin if slot.state is None else slot.state
        for slot, begin in zip(slots, blank, strict=True)
    ]
    return judges.Batch(
        images,
        np.array([slot.label for slot in slots], np.int32),
        np.array([slot.restart for slot in slots], np.int64),
        np.array([slot.chunk for slot in slots], np.int64),
        _stacked(states),
        _stacked([parts[slot.part].per_image for slot in slots]),
    )


def filled(count: int, size: int, replicas: int = 1) -> int:
    """Returns the size of the batch for some examples, which is filled up to it.

    Where each size is compiled, it is the smallest of size, size / 2, size / 4 and
    size / 8 that holds them; otherwise it is as small as the replicas allow.

    Args:
      count: of the examples, at most `size`.
      size: of a full batch.
      replicas: which the result divides by, as `size` does.
    """
    if backend.takes_any_size():
        return divisible(count, replicas)
    return next(fixed for fixed in sizes(size, replicas) if fixed >= count)


def sizes(size: int, replicas: int) -> list[int]:
    """Returns the sizes of batches where each is compiled, from small to full."""
    parts = (size // 8, size // 4, size // 2, size)
    return [part for part in parts if part and part % replicas == 0]


def _stacked(structures: list[Any]) -> Any:
    return tree.map_structure(lambda *row: np.stack(row), *structures)


def rows(state: Any, count: int) -> list[Any]:
    """Returns the states of single images, of arrays [B, ...]: the first `count`."""
    return [
        tree.map_structure(lambda array, row=row: np.asarray(array)[row], state)
        for row in range(count)
    ]


def divisible(size: int, replicas: int) -> int:
    """Returns the smallest number from `size` on that divides by the replicas."""
    return -(-size // replicas) * replicas
