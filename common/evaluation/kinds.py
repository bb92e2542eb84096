"""What an `Evaluation` asks for: the kinds of evaluation, chosen by its fields."""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Iterable
from typing import Any

from common import recipe as recipes
from common.evaluation import accuracy, masking, record, transferability
from common.evaluation import judges as judging


def answer(
    asked: recipes.Evaluation,
    dataset: Iterable[Any],
    source: judging.Judges,
    target: judging.Judges | None = None,
    *,
    progress_file: pathlib.Path,
    progress_key: Any,
) -> Any:
    """Returns the record that is asked for: a transfer, a comparison, or an accuracy.

    Args:
      asked: what to do.
      dataset: finite, of (images, labels) batches.
      source: judges of the attacked network.
      target: of the network that is shown the images, if one is named.
      progress_file: as for `evaluate`.
      progress_key: as for `evaluate`.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", record.DOUBTFUL)  # the commands print them
        if target:
            return transferability.transfer(
                source,
                target,
                dataset,
                asked.attack,
                seed=asked.seed,
                progress=True,
            )
        if asked.against:
            return masking.gradient_masking(
                source,
                dataset,
                asked.attack,
                asked.against,
                seed=asked.seed,
            )
        return accuracy.evaluate(
            source,
            dataset,
            asked.attack,
            seed=asked.seed,
            progress=True,
            progress_file=progress_file,
            progress_key=progress_key,
        )


def told(found: Any, asked: recipes.Evaluation) -> str:
    """Returns what a record of any kind says, in a line or some."""
    if not asked.against:
        return record.told(found, asked)
    share, cosine, norm = (each.value for each in found.means.values())
    return (
        f"one step reaches {share:.3f} of the largest loss found on {found.total} "
        f"images, at a cosine of {cosine:.3f} and a gradient of norm {norm:.3f}"
    )
