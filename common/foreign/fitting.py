"""Trains a network of anybody's further, by the method of a paper.

A fit is a run like those of the papers: `WORKDIR/PAPER/fit/NAME` has its recipe, its
log, its checkpoints and its evaluations, and the same call again goes on where it
stopped. The network is evaluated before and after.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import pathlib
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import Any

import keras

from common import attacks as all_attacks
from common import engine, files, manifest, overrides, runs
from common import recipe as recipes
from common.data.dataset import Dataset
from common.evaluation import accuracy
from common.foreign import (
    adoption,
    loaded,
    minibatches,
    outcome,
    parts,
    plans,
    saved,
    sources,
)
from common.foreign import tuning as tunings
from common.models import norms
from common.names import lookup
from common.training import checkpoint, cost, loop
from common.training.method import Method

FIT = "fit"  # in place of a scale
MOST_JUDGED = 10_000  # test images; of more, so many are drawn


def fit(
    model: keras.Model | str | pathlib.Path,
    data: Any,
    method: Any,
    *,
    attacks: Mapping[str, Any] | None = None,
    pixels: str | Callable[[Any], Any] = "",
    activation: str = "",
    branches: tuple[str, ...] = norms.DEFAULT.branches,
    branch: str = "",
    image_size: int | str | None = None,
    output: int | str | None = None,
    background: str = "",
    to: str | pathlib.Path = "",
    workdir: str | pathlib.Path = "runs",
    strategy: str = "auto",
    **numbers: Any,
) -> tuple[keras.Model, dict[str, Any]]:
    """Returns a robust model of the same layers, and the record of how it was made.

    The seeds of Python, NumPy and the engine are set by `seed=`, as Keras does it, and
    stay so. What Keras computes in is afterwards what it was.

    Args:
      model: as in `adoption.adopt`; it is not changed.
      data: as in `sources`; images in [0, 255].
      method: a `common.training.Method`, such as `FreeTraining(4, epsilon=4.0)`.
      attacks: by name, that judge the network before and after; 20 steps of PGD
        against the radius of the method by default. They have to be said for a method
        that has none.
      pixels: what a model takes, as in `adoption.adopt`, and so are the next two.
      activation: in the place of its ReLUs.
      branches: of its batch norms.
      branch: that is evaluated, and goes into the robust model; the last by default.
      image_size: side in pixels or HEIGHTxWIDTH, where the model leaves it open.
      output: name or position of the output with the classes, of several.
      background: `first` or `last`: that one is no class, and is dropped.
      to: a file `.keras` for the robust model; empty for none.
      workdir: folder of all runs.
      strategy: where it is computed: `auto`, `one_device`, or as of `--strategy`.
      **numbers: fields of `plans.Plan`, such as epochs=5 or rate=0.02.

    Raises:
      FileNotFoundError: a file is not there.
      ValueError: what is said does not fit, or `to` is there already.
      RunError: the folder of the run is of another recipe, or the run failed.
    """
    if not isinstance(method, Method):
        raise ValueError(
            "method must be a method with its numbers, such as FreeTraining(4, "
            f"epsilon=4.0). Received: method={method!r}"
        )
    if attacks is None:
        epsilon = tunings.epsilon_of(method)
        if not epsilon:
            raise ValueError(
                "The method has no radius that an attack could take: say attacks=. "
                f"Received: method={method}, attacks=None"
            )
        attacks = {"pgd_20": all_attacks.PGD(epsilon, epsilon / 4, num_steps=20)}
    plan = [field.name for field in dataclasses.fields(plans.Plan)]
    for name in numbers:
        lookup(dict.fromkeys([*plan, *_ARGUMENTS]), name, "argument of fit")
    package = type(method).__module__.partition(".")[0]
    session = runs.Session(
        paper(package, {}, {}),
        pathlib.Path(workdir).expanduser(),
        strategy,
    )
    with saved.settings_kept():
        return run(
            session,
            tunings.Tuning(method, attacks, activation, branches),
            (model, data),
            plan=plans.Plan(**numbers),
            branch=branch,
            to=to,
            pixels=pixels,
            image_size=image_size,
            output=output,
            background=background,
        )


_ARGUMENTS = [name for name in inspect.signature(fit).parameters if name != "numbers"]


def run(
    session: runs.Session,
    tuning: tunings.Tuning,
    given: tuple[Any, Any],
    *,
    plan: plans.Plan,
    branch: str = "",
    to: str | pathlib.Path = "",
    **said: Any,
) -> tuple[keras.Model, dict[str, Any]]:
    """Trains, evaluates before and after, and says what was won; see `fit`.

    Args:
      session: where and how; its paper names the run's folder.
      tuning: method and attacks.
      given: model and data.
      plan: how long and how fast.
      branch: of batch norm.
      to: a file `.keras`.
      **said: of the model, as in `parts.part`: `pixels`, `image_size` and the like.
    """
    model, data = given
    distribution = session.distribution  # before TensorFlow computes anything
    network = parts.part(
        model,
        activation=tuning.activation,
        norm=norms.Batch(tuning.branches),
        **said,
    )
    with loaded.explained(f"train {network.name}"):
        first = network.network()
        first.plain()  # as it is to go home: better refused now than after training
    _check_network(first, distribution, network.found.frozen)
    dataset = sources.dataset(
        data,
        first.image_shape,
        first.num_classes,
        data_dir=session.data_dir,
        padding=plan.crop,
        flips=plan.flip,
    )
    last = branch or tuning.branches[-1]
    given = network, dataset
    recipe, attacks = _planned(session, tuning, plan, given)
    evaluations = _evaluations(attacks, last, dataset)
    name = f"{network.name}_{dataset.name}"
    found = dataclasses.replace(
        session, at=paper(session.at.name, {name: recipe}, evaluations)
    ).run(name)
    home = outcome.Home(found, pathlib.Path(to).expanduser() if to else None)
    home.check()
    loop.check(found.recipe, distribution)  # rather than after the first evaluation
    warnings: list[str] = []
    with contextlib.ExitStack() as stack:
        if session.is_chief:  # from before the first evaluation to the end
            stack.enter_context(files.alone(found.folder / "fitting"))
            warnings = _warned(found)
            _lengthen(found, lambda p: _planned(session, tuning, p, given)[0], plan)
        _train(found, tuple(evaluations))
        return home.bring(last, warnings)


def _planned(
    session: runs.Session,
    tuning: tunings.Tuning,
    plan: plans.Plan,
    given: tuple[parts.Adopted, Dataset],
) -> tuple[recipes.Recipe, dict[str, Any]]:
    """Returns the recipe, and the attacks against the radius that it trains against.

    A session may change the method, and probe and attacks follow; so does the number
    of updates where it changes the images of one.
    """
    recipe = plan.recipe(*given, tuning.method)
    changed = overrides.override(recipe, session.overrides)
    method = changed.method
    plan = dataclasses.replace(plan, batch_size=changed.batch_size)
    radius, usual = map(tunings.epsilon_of, (method, tuning.method))
    attacks = dict(tuning.attacks)
    if radius != usual:
        attacks = {
            name: tunings.with_epsilon(attack, attack.epsilon * radius / usual)
            for name, attack in attacks.items()
        }
    return plan.recipe(*given, method), attacks


def paper(
    name: str,
    known: Mapping[str, recipes.Recipe],
    evaluations: Mapping[str, recipes.Evaluation],
) -> recipes.PaperAtScale:
    """Returns a paper of these recipes and evaluations alone."""
    return recipes.Paper(
        name=name,
        title="",
        recipes={FIT: known},
        evaluations={FIT: evaluations},
        tables=(),
        claims=(),
        reported=pathlib.Path(),
    ).at(FIT)


def _lengthen(
    found: runs.Run, planned: Callable[[plans.Plan], recipes.Recipe], plan: plans.Plan
) -> None:
    """Makes a run of fewer updates, and of the same recipe else, one of as many."""
    for folder in (found.folder, found.initial.records):
        asked = manifest.read(folder).get("recipe", {}).get("num_steps", 0)
        if 0 < asked < found.recipe.num_steps:
            shorter = planned(dataclasses.replace(plan, steps=asked))
            shorter = overrides.override(shorter, found.session.overrides)
            done = max(checkpoint.steps(found.checkpoints), default=0)
            manifest.lengthen(folder, shorter, found.recipe, done)


def _train(found: runs.Run, names: tuple[str, ...]) -> None:
    """Trains the run to its end, with evaluations before and after."""
    recipe, folder, is_chief = found.recipe, found.folder, found.session.is_chief
    with engine.explained_failures("--batch_size"):
        engine.wait(found.session.distribution)  # until the chief has lengthened it
    identity = {"recipe": recipe, "precision": "float32", "weights": None}
    manifest.check(folder, **identity)
    initial = found.initial
    if is_chief:
        known = manifest.read(initial.records) or manifest.read(folder)
        if not overrides.agrees(known.get("recipe"), recipe):
            shutil.rmtree(initial.records, ignore_errors=True)  # of another fit
        manifest.check_or_write(initial.records, identity)
    steps = checkpoint.steps(found.checkpoints)
    if is_chief and not steps:
        print(cost.describe(recipe), flush=True)
    initial.evaluate(names)
    if recipe.num_steps in steps:
        print(
            f"{folder} has its {recipe.num_steps:,} updates: nothing is left to train. "
            "More --epochs or --steps go on from there",
            flush=True,
        )
    else:
        found.train()
    found.evaluate(names)


def _warned(found: runs.Run) -> list[str]:
    """Says what is to be doubted of the network as it came, and returns it."""
    replicas = engine.num_replicas(found.session.distribution)
    with engine.explained_failures("--batch_size"):
        warnings = minibatches.doubts(
            found.recipe.network,
            found.recipe.dataset,
            batch_size=found.recipe.batch_size // replicas,  # each has its own
            data_dir=found.session.data_dir,
        )
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr, flush=True)
    return warnings


def _evaluations(
    attacks: Mapping[str, Any], branch: str, dataset: Dataset
) -> dict[str, recipes.Evaluation]:
    """Returns what judges the network: clean images, and attacks on these.

    Raises:
      ValueError: an attack that no record can hold, or that has the name of no attack.
    """
    if outcome.CLEAN in attacks:
        raise ValueError(
            f"{outcome.CLEAN} names the evaluation without an attack: choose another "
            f"name for the attack. Received: attacks={dict(attacks)}"
        )
    for attack in attacks.values():
        accuracy.check_settings(attack, seed=0, batch_size=None)
    count = 0 if dataset.num_test <= MOST_JUDGED else MOST_JUDGED  # 0: all
    return {
        name: recipes.Evaluation(attack, branch=branch, num_images=count)
        for name, attack in {outcome.CLEAN: None, **attacks}.items()
    }


def _check_network(
    network: adoption.Network, distribution: Any, frozen_of: tuple[int, int]
) -> None:
    """Says what a network lacks; refuses one that cannot be trained, or on replicas.

    Raises:
      ValueError: names the setting to change.
    """
    for sentence in network.lacks:
        print(sentence, flush=True)
    frozen, total = frozen_of
    if frozen:
        print(
            f"{frozen:,} of {total:,} weights are frozen, and stay as they are. To "
            "train them, too, set layer.trainable = True, and save the model again.",
            flush=True,
        )
    if not network.trainable_variables:
        raise ValueError(
            "All weights of the model are frozen: set layer.trainable = True where "
            "they are to change. Received: no trainable variable"
        )
    checkpoint.named(network.variables)
    replicas = engine.num_replicas(distribution)
    if network.on_one_device and replicas > 1:
        raise ValueError(
            "This network trains on one device: use --strategy=one_device, and no "
            "--replicas_per_device. "
            f"Received: replicas={replicas}"
        )
