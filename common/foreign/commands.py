"""The commands about networks of anybody's, and that which takes one home."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from common import engine, runs
from common.foreign import classifiers, exports, fitting, folders, plans
from common.foreign import study as studies
from common.foreign import tuning as tunings
from common.names import lookup


def study(
    session: runs.Session,
    images: str,
    *specs: str,
    seed: int | None = None,
    attack: Sequence[str] = (),
) -> int:
    """Attacks classifiers by the paper's attacks on a folder of photographs.

    Args:
      session: of the command.
      images: the folder, see `folders`.
      *specs: the classifiers, see `classifiers`.
      seed: of the attacks; 0 by default.
      attack: names of evaluations; by default those of the paper that run on every
        recipe, without AutoAttack.

    Returns:
      The exit status of success, 0.

    Raises:
      ValueError: no classifier, or an unknown attack.
    """
    if not specs:
        raise ValueError("study needs one or more classifiers. Received: none")
    if not session.is_chief:
        return 0
    evaluations = session.at.paper.at("paper").evaluations
    shown = [e.attack for e in evaluations.values() if e.target]
    known = {
        name: e.attack
        for name, e in evaluations.items()
        if e.attack and not (e.target or e.only or e.against)
    }
    usual = [name for name, attack in known.items() if len(attack.parts) == 1]
    named = attack or usual
    attacks = {name: lookup(known, name, "attack of a study") for name in named}
    transfers = [name for name in attacks if attacks[name] in shown]
    distribution = engine.alone(session.distribution)
    with engine.explained_failures():
        with engine.scope(distribution):
            found = [classifiers.classifier(spec) for spec in specs]
        folder, options = folders.options(images)
        studies.study(
            found,
            folders.photographs(
                folder,
                max(c.image_size for c in found),
                split=options.get("split", ""),
                classes=options.get("classes", ""),
            ),
            {name: _on_main_head(chosen) for name, chosen in attacks.items()},
            session.workdir / session.at.name / "study",
            transfers=transfers,
            seed=seed or 0,
            batch_size=session.eval_batch_size,
            distribution=distribution,
        )
    return 0


def fit(
    session: runs.Session,
    model: str,
    data: str,
    *,
    to: str = "",
    epsilon: float | None = None,
    **numbers: Any,
) -> int:
    """Trains a network further by the paper's method, as the flags say.

    Args:
      session: of the command; its branch is the one that goes into the robust model.
      model: a file or a network of `keras.applications`, see `classifiers`.
      data: see `sources`.
      to: file of the robust model, or empty.
      epsilon: radius in pixels of 255, of method and attacks; the paper's by default.
      **numbers: fields of `plans.Plan`; None for their defaults.

    Returns:
      The exit status of success, 0.
    """
    tuning = session.at.paper.tuning
    if tuning is None:
        raise ValueError(f"{session.at.name} does not say how to train other networks.")
    if None not in (numbers.get("epochs"), numbers.get("steps")):
        raise ValueError(
            "--steps says the updates in place of --epochs; give one of them. "
            f"Received: --epochs={numbers['epochs']:g} --steps={numbers['steps']}"
        )
    if epsilon is not None:
        tuning = tunings.tuned(tuning, epsilon)
    fitting.run(
        dataclasses.replace(session, branch=""),
        tuning,
        (model, data),
        plan=plans.Plan(**{name: x for name, x in numbers.items() if x is not None}),
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
        raise ValueError(
            "export needs --to=NAME.keras, --to=NAME.weights.h5 or --to=FOLDER."
        )
    run = session.run(name)
    shape = run.recipe.dataset.image_shape
    place = pathlib.Path(to).expanduser()
    exports.write(run.network(), shape, place, branch=session.branch)
    print(f"{session.at.name} {run.name}: {place}", flush=True)
    return 0


def _on_main_head(attack: Any) -> Any:
    """Returns the attack for networks of one head, as its record is to say."""
    cost = getattr(attack, "cost", None)
    if not cost:
        return attack
    cost = dataclasses.replace(cost, auxiliary_weight=0.0)
    return dataclasses.replace(attack, cost=cost)
