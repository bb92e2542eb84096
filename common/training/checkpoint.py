"""Checkpoints: everything that a run needs to go on with the same bits.

A checkpoint is one `.npz` of the shared variables, written by the chief, and one of the
replicas' own state for each worker (Free training's perturbation), written by it. They
appear whole or not at all, and one that does not read back is passed over.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import re
import sys
import zipfile
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from common import errors, files

_KEPT = 2  # checkpoints that stay
_BROKEN = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


def save(
    directory: pathlib.Path,
    step: int,
    *,
    variables: Iterable[Any],
    state: Iterable[np.ndarray],
    worker: tuple[int, int] = (0, 1),
) -> None:
    """Writes this worker's files of a checkpoint and drops all but the newest.

    Args:
      directory: of the run's checkpoints; shared by all workers.
      step: updates done.
      variables: Keras variables of the network and the optimizer.
      state: this worker's replica states, one array [replicas, ...] for each part.
      worker: index and number of workers.

    Raises:
      RunError: a variable is not finite, and nothing is written; or the disk is full.
    """
    index = worker[0]
    arrays: dict[str, Any] = named(variables)  # the same on every worker, as the check
    broken = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if broken:
        raise errors.RunError(
            f"The weights are not finite after step {step}, and not saved; lower the "
            "learning rate. The last good checkpoint is kept. Received: "
            f"{len(broken)} of {len(arrays)} variables, {broken[0]} the first"
        )
    with files.whole(directory / f"{step:08d}.state-{index}.npz") as file:
        parts: dict[str, Any] = {str(i): part for i, part in enumerate(state)}
        np.savez(file, **parts)
    if index == 0:
        _drop_states(directory, step, worker[1])
        with files.whole(directory / f"{step:08d}.npz") as file:
            np.savez(file, **arrays)
    found = steps(directory)
    if index == 0:
        for old in found[:-_KEPT]:
            (directory / f"{old:08d}.npz").unlink(missing_ok=True)
    # By its own files: the chief may have dropped its own before this worker looks.
    oldest = min(found[-_KEPT:], default=0)
    for path in directory.glob(f"*.state-{index}.npz"):
        if int(path.name.partition(".")[0]) < oldest:
            path.unlink(missing_ok=True)


def restore(
    directory: pathlib.Path,
    *,
    variables: Iterable[Any],
    worker: tuple[int, int] = (0, 1),
    has_state: bool = True,
) -> tuple[int, list[np.ndarray]]:
    """Restores the newest checkpoint that reads back; (0, []) if there is none.

    The chief removes what was left half written, so nobody may be writing yet.

    Args:
      directory: as for `save`.
      variables: take the saved values.
      worker: index and number of workers; as many as saved it, where they have states.
      has_state: whether a replica has a state of its own. Without one, a checkpoint is
        whole whoever wrote it.

    Returns:
      The step, and this worker's replica states.

    Raises:
      RunError: checkpoints are there but none reads back, or another number of workers
        wrote them.
    """
    if worker[0] == 0:
        files.remove_partial(directory)
    found = steps(directory)
    for step in reversed(found):
        try:
            arrays = _read(directory / f"{step:08d}.npz")
            state = _state(directory, step, worker) if has_state else {}
        except _BROKEN as error:
            print(
                f"Checkpoint {step} does not read back ({error}); taking the one "
                "before.",
                file=sys.stderr,
            )
            continue
        assign(variables, arrays)
        return step, [state[str(i)] for i in range(len(state))]
    if found:
        written = max(len(_states(directory, step)) for step in found)
        if has_state and 0 < written < worker[1]:
            raise errors.RunError(
                f"The checkpoints in {directory} have states of {written} workers; "
                f"restart with as many, and with all files. Received: {worker[1]}"
            )
        raise errors.RunError(
            f"No checkpoint in {directory} reads back. Received: steps {found}. "
            "Remove the folder to start again."
        )
    return 0, []


def load(directory: pathlib.Path, variables: Iterable[Any], step: int) -> None:
    """Gives variables their values in a checkpoint.

    Args:
      directory: as for `save`.
      variables: such as those of the network alone.
      step: of the checkpoint.

    Raises:
      RunError: there is no such checkpoint, or it does not read back.
    """
    found = steps(directory)
    if step not in found:
        raise errors.RunError(
            f"No checkpoint of step {step} in {directory}; train the recipe first. "
            f"Received: steps {found}"
        )
    path = directory / f"{step:08d}.npz"
    try:
        arrays = _read(path)
    except _BROKEN as error:
        raise errors.RunError(
            f"{path} does not read back; remove it and train the recipe again. "
            f"Received: {error}"
        ) from error
    assign(variables, arrays)


def is_whole(directory: pathlib.Path, step: int) -> bool:
    """Whether a checkpoint is there and reads back, with a state beside it."""
    paths = [directory / f"{step:08d}.npz", *_states(directory, step)]
    try:
        return len([_read(path) for path in paths]) > 1
    except _BROKEN:
        return False


def digest(directory: pathlib.Path, step: int) -> str:
    """Returns what changes with any value in a checkpoint; empty if it is not there."""
    try:
        with zipfile.ZipFile(directory / f"{step:08d}.npz") as archive:
            sums = {part.filename: part.CRC for part in archive.infolist()}
    except _BROKEN:
        return ""
    text = json.dumps(sums, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def drop(directory: pathlib.Path, step: int) -> None:
    """Removes a checkpoint, by its shared variables, if it is there."""
    (directory / f"{step:08d}.npz").unlink(missing_ok=True)


def steps(directory: pathlib.Path) -> list[int]:
    """Returns the steps that have shared variables, in increasing order."""
    names = (path.name for path in directory.glob("*.npz"))
    return sorted(int(n[:-4]) for n in names if re.fullmatch(r"\d+\.npz", n))


def named(variables: Iterable[Any]) -> dict[str, np.ndarray]:
    """Returns the values by path, which must be unique."""
    variables = list(variables)
    arrays = {v.path: np.asarray(v.numpy()) for v in variables}
    if len(arrays) != len(variables):
        paths = [v.path for v in variables]
        twice = sorted({path for path in paths if paths.count(path) > 1})
        raise ValueError(f"Variables share a path. Received: {', '.join(twice)}")
    return arrays


def assign(variables: Iterable[Any], arrays: dict[str, np.ndarray]) -> None:
    """Gives each variable its array.

    Raises:
      RunError: a variable has no array, or one of another shape.
    """
    for variable in variables:
        array = arrays.get(variable.path)
        if array is None or tuple(array.shape) != tuple(variable.shape):
            raise errors.RunError(
                f"The checkpoint does not fit the network at {variable.path}: expected "
                f"shape {tuple(variable.shape)}; take another --workdir. Received: "
                f"{None if array is None else array.shape}"
            )
        variable.assign(array)


def _state(
    directory: pathlib.Path, step: int, worker: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Returns this worker's state, where those of all workers read back.

    Raises:
      RunError: there are states of more workers.
    """
    index, workers = worker
    written = len(_states(directory, step))
    if written > workers:
        raise errors.RunError(
            f"Checkpoint {step} was written by {written} workers. Received: "
            f"{workers} workers; restart with as many."
        )
    paths = [directory / f"{step:08d}.state-{i}.npz" for i in range(workers)]
    return [_read(path) for path in paths][index]


def _drop_states(directory: pathlib.Path, step: int, workers: int) -> None:
    """Removes states of a step that more workers wrote, before they were killed."""
    own = {f"{step:08d}.state-{index}.npz" for index in range(workers)}
    for path in _states(directory, step):
        if path.name not in own:
            path.unlink(missing_ok=True)


def _states(directory: pathlib.Path, step: int) -> list[pathlib.Path]:
    """Returns the files of the workers' states."""
    return list(directory.glob(f"{step:08d}.state-*.npz"))


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
    # Opened here: NumPy leaves a file open that turns out to be no archive.
    with open(path, "rb") as file, np.load(file) as archive:
        return {name: archive[name] for name in archive.files}
