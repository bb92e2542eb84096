"""The commands that train a network of anybody's, and take one home."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from common import runs
from common.foreign import exports, fitting, plans


def fit(
    session: runs.Session,
    model: str,
    data: str,
    *,
    to: str = "",
    epsilon: float | None = None,
    crop: int | None = None,
    flip: bool | None = None,
    **numbers: Any,
) -> int:
    """Trains a network further by the paper's method, as the flags say.

    Args:
      session: of the command; its branch is the one that goes into the robust model.
      model: a file or a network of `keras.applications`, see `classifiers`.
      data: see `sources`.
      to: file of the robust model, or empty.
      epsilon: radius in pixels of 255, of method and attacks; the paper's by default.
      crop: pixels around an image before a random crop.
      flip: whether half of the images are flipped.
      **numbers: further fields of `plans.Plan`; None for their defaults.

    Returns:
      The exit status of success, 0.
    """
    tuning = session.at.paper.tuning
    if tuning is None:
        raise ValueError(f"{session.at.name} does not say how to train other networks.")
    if epsilon is not None:
        tuning = plans.tuned(tuning, epsilon)
    said = {"padding": crop, "flips": flip, **numbers}
    fitting.run(
        dataclasses.replace(session, branch=""),
        tuning,
        (model, data),
        plan=plans.Plan(**{name: x for name, x in said.items() if x is not None}),
        branch=session.branch,
        to=to,
    )
    return 0


def export(session: runs.Session, name: str, *, to: str = "") -> int:
    """Writes the network of a trained recipe as a file of its own, see `exports`.

    Args:
      session: of the command; its branch is the one that is written.
      name: of the recipe.
      to: the file or folder.

    Returns:
      The exit status of success, 0.

    Raises:
      ValueError: there is no name of a file, or it cannot be written.
      RunError: the recipe is not trained to its end.
    """
    if not to:
        raise ValueError("export needs --to=FOLDER or --to=NAME.weights.h5.")
    run = session.run(name)
    shape = run.recipe.dataset.image_shape
    place = pathlib.Path(to).expanduser()
    exports.write(run.network(), shape, place, branch=session.branch)
    print(f"{session.at.name} {run.name}: {place}", flush=True)
    return 0
