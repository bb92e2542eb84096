"""Trains a network of anybody's further, by the method of a paper.

A fit is a run like those of the papers: `WORKDIR/PAPER/fit/NAME` has its recipe, its
log, its checkpoints and its evaluations, and the same call again goes on where it
stopped. The network is evaluated before and after.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import keras

from common import attacks as all_attacks
from common import engine, manifest, overrides, runs
from common import recipe as recipes
from common.data.dataset import Dataset
from common.foreign import adoption, outcome, parts, plans, sources
from common.foreign import tuning as tunings
from common.models import norms
from common.training import checkpoint, cost

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
    to: str | pathlib.Path = "",
    workdir: str | pathlib.Path = "runs",
    strategy: str = "auto",
    **numbers: Any,
) -> tuple[keras.Model, dict[str, Any]]:
    """Returns a robust model of the same layers, and the record of how it was made.

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
      to: a file `.keras` for the robust model; empty for none.
      workdir: folder of all runs.
      strategy: where it is computed: `auto`, `one_device`, or as of `--strategy`.
      **numbers: fields of `plans.Plan`, such as epochs=5 or rate=0.02.

    Raises:
      FileNotFoundError: a file is not there.
      ValueError: what is said does not fit, or `to` is there already.
      RunError: the folder of the run is of another recipe, or the run failed.
    """
    if attacks is None:
        epsilon = tunings.epsilon_of(method)
        if not epsilon:
            raise ValueError(
                "The method has no radius that an attack could take: say attacks=. "
                f"Received: method={method}, attacks=None"
            )
        attacks = {"pgd_20": all_attacks.PGD(epsilon, epsilon / 4, num_steps=20)}
    package = type(method).__module__.partition(".")[0]
    session = runs.Session(
        paper(package, {}, {}),
        pathlib.Path(workdir).expanduser(),
        strategy,
    )
    return run(
        session,
        tunings.Tuning(method, attacks, activation, branches),
        (model, data),
        plan=plans.Plan(**numbers),
        pixels=pixels,
        branch=branch,
        to=to,
    )


def run(
    session: runs.Session,
    tuning: tunings.Tuning,
    given: tuple[Any, Any],
    *,
    plan: plans.Plan,
    pixels: str | Callable[[Any], Any] = "",
    branch: str = "",
    to: str | pathlib.Path = "",
) -> tuple[keras.Model, dict[str, Any]]:
    """Trains, evaluates before and after, and says what was won; see `fit`.

    Args:
      session: where and how; its paper names the run's folder.
      tuning: method and attacks.
      given: model and data.
      plan: how long and how fast.
      pixels: what a model takes.
      branch: of batch norm.
      to: a file `.keras`.
    """
    model, data = given
    distribution = session.distribution  # before TensorFlow computes anything
    network = parts.part(
        model,
        pixels=pixels,
        activation=tuning.activation,
        norm=norms.Batch(tuning.branches),
    )
    first = network.network()
    _check_replicas(first, distribution)
    dataset = sources.dataset(
        data,
        first.image_shape,
        first.num_classes,
        data_dir=session.data_dir,
        padding=plan.crop,
        flips=plan.flip,
    )
    last = branch or tuning.branches[-1]
    recipe, attacks = _planned(session, tuning, plan, (network, dataset))
    evaluations = {
        name: recipes.Evaluation(attack, branch=last, num_images=_judged(dataset))
        for name, attack in {outcome.CLEAN: None, **attacks}.items()
    }
    name = f"{network.name}_{dataset.name}"
    found = dataclasses.replace(
        session, at=paper(session.at.name, {name: recipe}, evaluations)
    ).run(name)
    home = outcome.Home(found, pathlib.Path(to).expanduser() if to else None)
    home.check()
    if session.is_chief:
        given = network, dataset
        _lengthen(found, lambda p: _planned(session, tuning, p, given)[0], plan)
    _train(found, tuple(evaluations))
    return home.bring(last)


def _planned(
    session: runs.Session,
    tuning: tunings.Tuning,
    plan: plans.Plan,
    given: tuple[parts.Adopted, Dataset],
) -> tuple[recipes.Recipe, dict[str, Any]]:
    """Returns the recipe, and the attacks against the radius that it trains against.

    A session may change the method, and probe and attacks follow.
    """
    recipe = plan.recipe(*given, tuning.method)
    method = overrides.override(recipe, session.overrides).method
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
    done = manifest.read(found.folder).get("recipe", {}).get("num_steps", 0)
    if 0 < done < found.recipe.num_steps:
        shorter = planned(dataclasses.replace(plan, steps=done))
        shorter = overrides.override(shorter, found.session.overrides)
        manifest.lengthen(found.folder, shorter, found.recipe)


def _train(found: runs.Run, names: tuple[str, ...]) -> None:
    """Trains the run to its end, with evaluations before and after."""
    recipe, folder, is_chief = found.recipe, found.folder, found.session.is_chief
    initial = _before(found)
    if is_chief and not manifest.read(folder):  # nobody knows whose records these are
        shutil.rmtree(initial.records, ignore_errors=True)
    manifest.check(folder, recipe=recipe, precision="float32", weights=None)
    initial.evaluate(names)
    steps = checkpoint.steps(found.checkpoints)
    if recipe.num_steps in steps:
        print(
            f"{folder} has its {recipe.num_steps:,} updates: nothing is left to train. "
            "More --epochs or --steps go on from there",
            flush=True,
        )
    else:
        if is_chief and not steps:
            print(cost.describe(recipe), flush=True)
        found.train()
    found.evaluate(names)


def _before(found: runs.Run) -> runs.Run:
    """Returns the run of the network as it came, with the activations that it had."""
    recipe, session = found.recipe, found.session
    own = dataclasses.replace(recipe.network, activation="")
    at = paper(
        session.at.name,
        {found.name: dataclasses.replace(recipe, network=own)},
        session.at.evaluations,
    )
    return dataclasses.replace(session, at=at, weights=runs.INITIAL).run(found.name)


def _judged(dataset: Dataset) -> int:
    """Returns the number of test images that evaluations see; 0 stands for all."""
    return 0 if dataset.num_test <= MOST_JUDGED else MOST_JUDGED


def _check_replicas(network: adoption.Network, distribution: Any) -> None:
    """Says what a network lacks, and refuses replicas of one that cannot have them.

    Raises:
      ValueError: names the setting to change.
    """
    for sentence in network.lacks:
        print(sentence, flush=True)
    replicas = engine.num_replicas(distribution)
    if network.on_one_device and replicas > 1:
        raise ValueError(
            "This network trains on one device: use --strategy=one_device. "
            f"Received: replicas={replicas}"
        )
