"""What an evaluation has found so far, and when it is done with an example."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from common import recipe as recipes
from common.attacks import adapted
from common.attacks import attack as attacks
from common.evaluation import judges, stream
from common.evaluation import record as records


class Tally:
    """Counts verdicts.

    Attributes:
      attack: whose verdicts they are; clean images and functions as attacks.
      parts: of the attack, as they fit the network.
      rounds: of each part.
      outcomes: of the examples that are done, by their index.
      no_gradient: indices of the examples that were right and had no gradient.
      passes: int64 [parts, chunks], images that went through each chunk, over all
        restarts.
      asked: likewise, forward passes before steps.
      ended: int64 [parts, 2], restarts that ended with an image right, and those of
        them that were not finished, see `Attack.is_unfinished`; 0 where that is not
        known.
      images: of examples, by their index, where they are kept: what broke an example,
        and an example that is done as it was where nothing did.
    """

    def __init__(self, attack: Any, num_classes: int, *, keep: bool = False) -> None:
        """Has found nothing yet.

        Args:
          attack: from `common.attacks`, any callable, or None.
          num_classes: K of the network.
          keep: whether images are kept.
        """
        self.attack = adapted.adapted(attack)
        self.parts = tuple(part.fitted(num_classes) for part in self.attack.parts)
        self.rounds = [part.rounds for part in self.parts]
        self.outcomes: dict[int, records.Outcome] = {}
        self.no_gradient: set[int] = set()
        chunks = max(rounds.chunks for rounds in self.rounds)
        self.passes = np.zeros((len(self.parts), chunks), np.int64)
        self.asked = np.zeros_like(self.passes)
        self.ended = np.zeros((len(self.parts), 2), np.int64)
        self.images: dict[int, np.ndarray] = {}
        self._num_classes, self._keep = num_classes, keep

    @property
    def right(self) -> int:
        """Examples that are done and were right at every judgement."""
        return sum(found.lost == records.NEVER for found in self.outcomes.values())

    def add(
        self, slots: list[stream.Slot], batch: judges.Batch, verdict: judges.Verdict
    ) -> None:
        """Notes what a chunk has found; of what is done the outcome is known then.

        Args:
          slots: of the batch; they are moved on by a chunk.
          batch: that was judged: the slots, filled up.
          verdict: of the batch.
        """
        self._count(slots + slots[:1] * (len(batch.labels) - len(slots)))
        states = [None] * len(slots)
        if any(self._is_state_asked(slot.part) for slot in slots):
            states = stream.rows(verdict.fetch(), len(slots))
        if self._keep and not verdict.top1.all():
            self._keep_broken(slots, verdict)
        judged = zip(verdict.top1, verdict.top5, verdict.hit, strict=True)
        for slot, state, found in zip(slots, states, judged, strict=False):
            self._move(slot, state, *map(bool, found))
        for slot, near in zip(slots, verdict.near.tolist(), strict=False):
            slot.near = max(slot.near, near)

    def sift(self, slots: list[stream.Slot]) -> None:
        """Moves the nearest of the examples that are left on, others to the last part.

        Args:
          slots: that are in a part `Nearest`.
        """
        part: Any = self.parts[slots[0].part]
        nearest = sorted(slots, key=lambda slot: (-slot.near, slot.index))
        count = max(part.at_least, math.ceil(part.share * len(slots)))
        for place, slot in enumerate(nearest):
            slot.part = slot.part + 1 if place < count else len(self.parts) - 1

    def record(self, attack: Any, **entries: Any) -> records.Record:
        """Returns the record of the attack, or of one that begins like it.

        Args:
          attack: as it was evaluated, or with fewer chunks of a single restart.
          **entries: further ones of the record.
        """
        rounds = adapted.adapted(attack).rounds
        outcomes = [self.outcomes[index] for index in range(len(self.outcomes))]
        lost, hit, top5, last = map(np.array, zip(*outcomes, strict=True))
        top5 = top5.astype(bool)  # outcomes that were read from a file are integers
        stuck = np.isin(np.arange(len(outcomes)), list(self.no_gradient))
        is_judged_once = rounds.chunks * rounds.restarts == 1
        has_parts = len(self.parts) > 1
        stuck &= lost > rounds.chunks  # what is broken has been moved
        broken_by = np.where(lost < records.NEVER, last, -1).astype(np.int8)
        gradients, forwards = self._passes(rounds.chunks)
        return records.Record(
            lost > rounds.chunks,
            attack=recipes.to_dict(attack),
            top5=top5 if is_judged_once and self._num_classes > 5 else None,
            hit=hit <= rounds.chunks if self.attack.is_targeted else None,
            passes=int(gradients.sum()),
            forwards=int(forwards.sum()),
            tally=self,
            no_gradient=None if attack is None else stuck,
            num_classes=self._num_classes,
            parts=self._told(broken_by) if has_parts else (),
            unfinished=_share(*self.ended.sum(axis=0).tolist()),
            broken_by=broken_by if has_parts else None,
            adv_images=self._adv_images() if self._keep else None,
            **entries,
        )

    def _adv_images(self) -> np.ndarray:
        images = [self.images[index] for index in range(len(self.images))]
        return np.stack(images).astype(np.float32)

    def _count(self, slots: list[stream.Slot]) -> None:
        """Counts what goes through a chunk, and through the start of a restart."""
        begins = any(slot.chunk == 0 for slot in slots)
        for slot in slots:
            rounds = self.rounds[slot.part]
            self.passes[slot.part, slot.chunk] += 1
            asked = begins * rounds.asked + rounds.chosen
            self.asked[slot.part, slot.chunk] += asked

    def _keep_broken(self, slots: list[stream.Slot], verdict: judges.Verdict) -> None:
        images = np.asarray(self.parts[slots[0].part].judged(verdict.fetch()))
        for slot, image, is_right in zip(slots, images, verdict.top1, strict=False):
            if not is_right and slot.outcome.lost == records.NEVER:
                self.images[slot.index] = image.copy()  # of a batch

    def _move(self, slot: stream.Slot, state: Any, *found: bool) -> None:
        """Moves an example on by a chunk, and notes its outcome where it is done."""
        rounds = self.rounds[slot.part]
        slot.chunk += 1
        slot.state = state
        slot.outcome = slot.outcome.after(slot.chunk, *found)._replace(part=slot.part)
        if slot.chunk == rounds.chunks:
            if slot.outcome.lost == records.NEVER:
                self._count_end(slot.part, state)
            slot.restart, slot.chunk, slot.state = slot.restart + 1, 0, None
        goal = slot.outcome.hit if self.attack.is_targeted else slot.outcome.lost
        if goal == records.NEVER and slot.restart == rounds.restarts:
            slot.part, slot.restart = slot.part + 1, 0
        if goal < records.NEVER or slot.part == len(self.parts):
            self._end(slot)

    def _is_state_asked(self, place: int) -> bool:
        """Whether a part goes on from its state, or tells by it how it ended."""
        return self.rounds[place].chunks > 1 or self._tells(place)

    def _tells(self, place: int) -> bool:
        part = self.parts[place]
        is_told = type(part).is_unfinished is not attacks.Attack.is_unfinished
        return is_told and not part.allows_chance  # which would move the loss as well

    def _count_end(self, place: int, state: Any) -> None:
        """Counts a restart that left an image right, where it tells how it ended."""
        if self._tells(place):
            self.ended[place] += 1, self.parts[place].is_unfinished(state)

    def _end(self, slot: stream.Slot) -> None:
        """Notes the outcome of an example that is done."""
        self.outcomes[slot.index] = slot.outcome
        if self._keep:
            self.images.setdefault(slot.index, slot.image)

    def _passes(self, chunks: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Returns the passes of each part in the first chunks, or in all of them.

        Returns:
          int64 [parts], with a gradient, and without.
        """
        judged, asked = (x[:, :chunks].sum(axis=-1) for x in (self.passes, self.asked))
        gradients = [each.chunk * each.gradients for each in self.rounds]
        forwards = [1 + each.chunk * each.forwards for each in self.rounds]
        return judged * gradients, judged * forwards + asked

    def _told(self, broken_by: np.ndarray) -> tuple[records.Part, ...]:
        """Returns what each part has found.

        Args:
          broken_by: int8 [total], the part that broke each image, or -1.
        """
        broken = [int((broken_by == place).sum()) for place in range(len(self.parts))]
        told, right = [], len(broken_by)
        gradients, forwards = self._passes()
        for place, part in enumerate(self.parts):
            right -= broken[place]
            told.append(
                records.Part(
                    None if part == adapted.CLEAN else recipes.to_dict(part),
                    right=right,
                    broken=broken[place],
                    gradients=int(gradients[place]),
                    forwards=int(forwards[place]),
                    unfinished=_share(*self.ended[place].tolist()),
                )
            )
        return tuple(told)


def _share(total: int, counted: int) -> float | None:
    return counted / total if total else None
