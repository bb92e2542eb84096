"""TensorBoard's events, written without an engine."""

from __future__ import annotations

import os
import pathlib
import time

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer import record_writer

_NAME = "events.out.tfevents."  # TensorBoard reads what has it, in order of the names


class Board:
    """TensorBoard's events in a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        """Opens a new file of events and removes the files that are there.

        They may hold updates after the newest checkpoint, which are done again now.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(f"{_NAME}*"):
            path.unlink()
        self._path = folder / f"{_NAME}{time.time():.6f}.{os.getpid()}"
        # A TensorBoard that is open forgets what it has read.
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._add(
            event_pb2.Event(file_version="brain.Event:2"),
            event_pb2.Event(step=0, session_log=start),
        )

    def write(self, step: int, numbers: dict[str, float]) -> None:
        """Writes scalars."""
        values = (
            summary_pb2.Summary.Value(tag=tag, simple_value=number)
            for tag, number in numbers.items()
        )
        summaries = (summary_pb2.Summary(value=[value]) for value in values)
        self._add(*(event_pb2.Event(step=step, summary=each) for each in summaries))

    def _add(self, *events: event_pb2.Event) -> None:
        with open(self._path, "ab") as file:
            records = record_writer.RecordWriter(file)
            for event in events:
                event.wall_time = time.time()
                records.write(event.SerializeToString())
