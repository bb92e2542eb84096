"""TensorBoard's events, written without TensorFlow."""

from __future__ import annotations

import os
import pathlib
import time

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer import record_writer


class Board:
    """TensorBoard's events in a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        """Opens a file of events."""
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads files whose name has `tfevents`, in the order of the names.
        name = f"events.out.tfevents.{time.time():.6f}.{os.getpid()}"
        self._file = open(folder / name, "wb")  # noqa: SIM115, as long as the board
        self._records = record_writer.RecordWriter(self._file)
        self._add(event_pb2.Event(file_version="brain.Event:2"))

    def write(self, step: int, numbers: dict[str, float]) -> None:
        """Writes scalars."""
        for tag, number in numbers.items():
            value = summary_pb2.Summary.Value(tag=tag, simple_value=number)
            self._add(
                event_pb2.Event(step=step, summary=summary_pb2.Summary(value=[value]))
            )

    def _add(self, event: event_pb2.Event) -> None:
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())
        self._records.flush()
