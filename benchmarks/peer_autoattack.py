"""j. AutoAttack of this suite beside its authors' code, on one network and its images.

    python -m benchmarks.peer_autoattack COUNT FILE [WORKDIR]

evaluates `standard` by both on the first COUNT images, says on how many they differ,
and writes the outcomes. It runs where the authors' code is installed, see
`requirements-peers.txt`.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable

import numpy as np

from benchmarks import records, timing, trained
from common import attacks, evaluation
from common.evaluation import judges

STANDARD, QUICK = "this suite, standard", "this suite, quick"
REFERENCE = "pyautoattack, standard"
NUM_IMAGES, BATCH_SIZE, ROUNDS = 500, 100, 2


class Candidates:
    """All evaluations of one network, each a function of the round.

    Attributes:
      survived: row -> bool [n], who survived when it was run last.
      passes: row -> images that went through the network, likewise.
      records: row -> record of the suite, likewise.
    """

    def __init__(self, found: trained.Trained) -> None:
        from benchmarks import torch_autoattack  # PyTorch may be missing

        self.survived: dict[str, np.ndarray] = {}
        self.passes: dict[str, dict[str, int]] = {}
        self.records: dict[str, evaluation.Record] = {}
        self._found = found
        self._judges = judges.Judges(found.logits_fn)  # compile in the first round only
        self._reference = torch_autoattack.Reference(found, BATCH_SIZE)

    @property
    def rows(self) -> dict[str, Callable[[int], None]]:
        """Row -> what runs it."""
        return {
            REFERENCE: lambda _: self.reference(),
            STANDARD: lambda _: self.suite(STANDARD, "standard"),
            QUICK: lambda _: self.suite(QUICK, "quick"),
        }

    def suite(self, row: str, version: str) -> None:
        """Evaluates a version of this suite."""
        found = self._found
        record = evaluation.evaluate(
            self._judges,
            list(found.batches(BATCH_SIZE)),
            attacks.autoattack(found.attack.epsilon, version),
        )
        self.records[row], self.survived[row] = record, record.survived
        self.passes[row] = {
            "with a gradient": sum(part.gradients for part in record.parts),
            "without": sum(part.forwards for part in record.parts),
        }

    def reference(self) -> None:
        """Evaluates by the authors' code."""
        before = dict(self._reference.passes)
        self.survived[REFERENCE] = self._reference.survived()
        after = self._reference.passes
        self.passes[REFERENCE] = {kind: after[kind] - before[kind] for kind in after}


def measure(workdir: pathlib.Path) -> tuple[records.Comparison, ...]:
    """Times all, and counts who survives."""
    found = trained.load(workdir, NUM_IMAGES)
    made = Candidates(found)
    samples = timing.interleaved(made.rows, ROUNDS)
    differing = int((made.survived[STANDARD] != made.survived[REFERENCE]).sum())
    shared = (
        f"{found.description}; epsilon {found.attack.epsilon:g}, {BATCH_SIZE} images "
        "at a time"
    )

    def compared(
        name: str, reference: str, row: str, more: str = ""
    ) -> records.Comparison:
        rows = (reference, row)
        return records.Comparison(
            setting=f"{name}, {shared}{more}",
            reference=reference,
            samples={row: samples[row] for row in rows},
            passes={row: made.passes[row] for row in rows},
            counts={row: _count(made.survived[row]) for row in rows},
        )

    return (
        compared(
            "standard beside the authors' code",
            REFERENCE,
            STANDARD,
            f"; images with another outcome: {differing}",
        ),
        compared("quick beside standard", STANDARD, QUICK),
    )


def main(count: str, file: str, workdir: str = "runs") -> None:
    """Writes who survives `standard` of both."""
    found = trained.load(pathlib.Path(workdir), int(count))
    made = Candidates(found)
    made.rows[STANDARD](0)
    print(*made.records[STANDARD].parts, sep="\n", flush=True)
    made.rows[REFERENCE](0)
    ours, theirs = made.survived[STANDARD], made.survived[REFERENCE]
    for row, survived in made.survived.items():
        right, total = _count(survived)
        print(f"{row}: {right} of {total}; {made.passes[row]}")
    print(f"The outcome differs for {np.flatnonzero(ours != theirs).tolist()}")
    np.savez(file, suite=ours, reference=theirs)


def _count(survived: np.ndarray) -> tuple[int, int]:
    return int(survived.sum()), len(survived)


if __name__ == "__main__":
    main(*sys.argv[1:])
