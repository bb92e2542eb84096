"""What a run says while it trains: JSON lines, TensorBoard, and a progress bar."""

from __future__ import annotations

import json
import math
import pathlib
import statistics
import time
from typing import Any

import numpy as np

from common import errors, files, lazy
from common.lazy import keras

TENTHS = 10  # parts of a training, of which each has its own pace

board = lazy.module("common.training.board")  # TensorBoard is slow to import


class Log:
    """The chief's record of a run; other workers only watch for NaN.

    Attributes:
      path: `metrics.jsonl`, one JSON object a line.
    """

    def __init__(
        self, run_dir: pathlib.Path, *, step: int, num_steps: int, chief: bool
    ) -> None:
        """Opens the record and drops what was logged after `step`, now redone."""
        self.path = run_dir / "metrics.jsonl"
        self._chief = chief
        self._bar = None
        if not chief:
            return
        lines = read(self.path)
        kept = [x for x in lines if x["step"] <= step and x["kind"] != "end"]
        files.write_text(self.path, "".join(json.dumps(x) + "\n" for x in kept))
        with files.room(run_dir):
            self._board = board.Board(run_dir / "tensorboard")
            for line in kept:
                self._board.write(line["step"], _numbers(**line))
        self._bar = keras.utils.Progbar(
            num_steps, stateful_metrics=["loss", "accuracy", "images/s"], interval=1.0
        )

    def write(self, kind: str, step: int, **values: Any) -> None:
        """Adds a line of JSON, and its numbers to TensorBoard."""
        if not self._chief:
            return
        with files.room(self.path.parent):
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps({"kind": kind, "step": step, **values}) + "\n")
            self._board.write(step, _numbers(kind, **values))

    def progress(self, step: int, **values: float) -> None:
        """Moves the bar."""
        if self._bar is not None:
            self._bar.update(step, list(values.items()))


class Meter:
    """Gathers the metrics of updates between two lines of the log."""

    def __init__(self, batch_size: int, *, rates: str) -> None:
        """Starts the clock.

        Args:
          batch_size: global, for images per second.
          rates: field of the recipe that holds the learning rates, for messages.
        """
        self._batch_size, self._rates = batch_size, rates
        self._pending: list[tuple[int, dict[str, Any]]] = []
        self._timed, self._since = 0, time.perf_counter()

    def add(self, step: int, metrics: dict[str, Any]) -> None:
        """Keeps the metrics of the update that ended at `step`.

        They are not read yet, since that would wait for the device.
        """
        self._pending.append((step, metrics))
        self._timed += 1

    def restart_clock(self) -> None:
        """Starts timing anew: what was done since the last update does not count."""
        self._timed, self._since = 0, time.perf_counter()

    def flush(self) -> dict[str, float]:
        """Returns the means over the updates gathered, and forgets them.

        Raises:
          NotFiniteError: a loss is not finite; names its step.
        """
        losses = [(step, float(metrics["loss"])) for step, metrics in self._pending]
        for step, loss in losses:
            if not math.isfinite(loss):
                raise errors.NotFiniteError(
                    f"The loss is not finite at step {step}. Received: loss={loss}. "
                    f"Lower the learning rate with --set {self._rates}=, which begins "
                    "a run of its own; the last good checkpoint is kept.",
                    step,
                )
        means = {
            name: statistics.fmean(float(metrics[name]) for _, metrics in self._pending)
            for name in self._pending[-1][1]
        }
        if self._timed:
            seconds = (time.perf_counter() - self._since) / self._timed
            means["step_seconds"] = seconds
            means["images_per_second"] = self._batch_size / seconds
        self._pending.clear()
        self.restart_clock()
        return means


def read(path: pathlib.Path) -> list[dict[str, Any]]:
    """Returns the lines of a `metrics.jsonl`; a last line cut short is left out."""
    try:
        return files.json_lines(path)
    except ValueError as error:
        raise errors.RunError(str(error)) from None


def _numbers(kind: str, **values: Any) -> dict[str, float]:
    """Returns the numbers of a line by the names that they have in TensorBoard."""
    return {
        f"{kind}/{name}": value
        for name, value in values.items()
        if name != "step" and isinstance(value, (int, float))
    }


def training_minutes(path: pathlib.Path, num_steps: int) -> float | None:
    """Returns the minutes that the updates of a run take when nothing disturbs them.

    They are the 10th percentile of the seconds per update over the lines of the log, of
    each tenth of the updates by itself, since those of a method may differ: before a
    delay nothing is attacked. So compilation, interruptions and the times when another
    program had the machine do not count. On a machine of its own, the lines differ
    little. None if no line has a time, as after a single update, which compiles.
    """
    lines = [line for line in read(path) if "step_seconds" in line]
    if not lines:
        return None
    tenths: dict[int, list[float]] = {}
    for line in lines:
        tenth = math.ceil(TENTHS * line["step"] / num_steps)
        tenths.setdefault(tenth, []).append(line["step_seconds"])
    quick = [float(np.quantile(seconds, 0.1)) for seconds in tenths.values()]
    return sum(quick) / len(quick) * num_steps / 60.0
