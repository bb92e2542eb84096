"""An evaluation on its way, on disk: a killed one goes on where it was.

The file holds the outcomes of the examples that are done and, for those in the batch,
how far the attack has come, with its state. The images themselves are read
from the dataset again.
"""

from __future__ import annotations

import json
import pathlib
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from common import files
from common.evaluation import attackable, record, stream, tally
from common.lazy import tree

EVERY = 60.0  # seconds between two writings at least
_FORM = 7  # of the file: another is passed over


class File:
    """The progress of one evaluation."""

    def __init__(
        self, path: str | pathlib.Path | None, key: Any, *, answers: Any, begin: float
    ) -> None:
        """Touches no file.

        Args:
          path: of the file; with None nothing is kept.
          key: JSON values that tell this evaluation apart from every other.
          answers: logits [n, K] of the network to the first images, which tell it from
            others; empty if it answers by chance.
          begin: of the evaluation, by `time.perf_counter`.
        """
        self._path = None if path is None else pathlib.Path(path)
        self._key = json.dumps([_FORM, key], sort_keys=True, default=repr)
        self._earlier, self._answers = 0.0, answers
        self._begin = self._written = begin

    @property
    def seconds(self) -> float:
        """That the evaluation has taken, with what it took before it was killed."""
        return self._earlier + time.perf_counter() - self._begin

    def load(self, examples: stream.Examples, found: tally.Tally) -> list[stream.Slot]:
        """Returns the slots that were in the batch; none if there is no progress.

        A file of another evaluation, of a network that answers otherwise, and one that
        cannot be read, is passed over.

        Args:
          examples: of which nothing has been taken; what is done is read and dropped.
          found: empty; takes what was found.

        Raises:
          ValueError: the dataset ends before what was done.
        """
        arrays = self._read()
        if arrays is None:
            return []
        self._earlier = float(arrays["seconds"])
        found.passes += arrays["passes"]
        found.asked += arrays["asked"]
        found.ended += arrays["ended"]
        kept = zip(arrays["kept"].tolist(), arrays["images"], strict=True)
        found.images.update(kept)
        found.no_gradient.update(arrays["no_gradient"].tolist())
        for index, *outcome in arrays["done"].tolist():
            found.outcomes[index] = record.Outcome(*outcome)
        waiting = {row[0]: row[1:] for row in arrays["pool"].tolist()}
        near = iter(arrays["near"])
        reached = [_states(arrays, place) for place in range(len(found.parts))]
        pool = []
        for _ in range(len(found.outcomes) + len(waiting)):
            for slot in examples.take(1):  # all at once would not fit into memory
                if slot.index in waiting:
                    slot.part, slot.restart, slot.chunk, *outcome = waiting[slot.index]
                    slot.outcome = record.Outcome(*outcome)
                    slot.near = float(next(near))
                    if slot.chunk:
                        form = found.parts[slot.part].blank(slot.image[None])
                        leaves = next(reached[slot.part])
                        slot.state = tree.pack_sequence_as(form, leaves)
                    pool.append(slot)
        if examples.count < (begun := len(found.outcomes) + len(waiting)):
            raise ValueError(
                "The progress file is of more images than the dataset has; delete it. "
                f"Received: progress_file={self._path} of {begun} images or more, and "
                f"{examples.count} images"
            )
        return pool

    def _read(self) -> Mapping[str, np.ndarray] | None:
        """Returns the arrays of the file, if it is of this evaluation."""
        if self._path is None or not self._path.exists():
            return None
        try:
            arrays = files.load_arrays(self._path)
        except ValueError:
            return None
        is_ours = str(arrays.get("key")) == self._key
        if is_ours and attackable.are_alike(arrays["answers"], self._answers):
            return arrays
        print(
            f"{self._path} is the progress of another evaluation, network or code: "
            "the evaluation begins anew.",
            file=sys.stderr,
        )
        return None

    def save(self, pool: list[stream.Slot], found: tally.Tally) -> None:
        """Writes what was found, unless it did so a short while ago.

        Args:
          pool: the slots that go on.
          found: so far.
        """
        now = time.perf_counter()
        if self._path is None or now - self._written < EVERY:
            return
        self._written = now
        done = [(index, *outcome) for index, outcome in found.outcomes.items()]
        waiting = [(s.index, s.part, s.restart, s.chunk, *s.outcome) for s in pool]
        arrays: dict[str, Any] = {}
        for place in range(len(found.parts)):
            reached = [slot for slot in pool if slot.chunk and slot.part == place]
            states = [tree.flatten(slot.state) for slot in reached]
            for n, leaf in enumerate(zip(*states, strict=True)):
                arrays[f"state_{place}_{n}"] = np.stack(leaf)
        with files.whole(self._path) as file:
            np.savez(
                file,
                key=self._key,
                answers=self._answers,
                seconds=self.seconds,
                passes=found.passes,
                asked=found.asked,
                ended=found.ended,
                kept=np.array(list(found.images), np.int64),
                images=np.array(list(found.images.values()), np.float32),
                no_gradient=np.array(sorted(found.no_gradient), np.int64),
                done=np.array(done, np.int64).reshape(-1, 5),
                near=np.array([slot.near for slot in pool], np.float32),
                pool=np.array(waiting, np.int64).reshape(-1, 8),
                **arrays,
            )

    def remove(self) -> None:
        """Removes the file, and what a kill while it was written has left."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            files.remove_partial(self._path.parent, self._path.name)


def _states(arrays: Mapping[str, np.ndarray], place: int) -> Iterator[Any]:
    """Returns the leaves of each state in a part of the attack."""
    prefix = f"state_{place}_"
    leaves = [array for name, array in arrays.items() if name.startswith(prefix)]
    return zip(*leaves, strict=True)
