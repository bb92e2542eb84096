"""A paper's runs on disk: train a recipe, evaluate it, skip what is done.

A `Session` says where and how the commands run. `session.run(name)` is a recipe there,
as one value: its folder and its records, with `train` and `evaluate`.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from common import engine, errors, manifest, missing, networks, overrides
from common import recipe as recipes
from common.lazy import keras
from common.training import checkpoint, imported, learner, loop

RAW = "raw"  # as `--weights`: those of the last update, where a recipe averages
INITIAL = "initial"  # likewise: those before the first update
OF_A_TRAINING = ("", RAW, INITIAL)


@dataclasses.dataclass(frozen=True)
class Session:
    """The flags of the commands, as values.

    Attributes:
      at: the paper at a scale, whose recipes are run.
      workdir: all runs lie below it.
      strategy: where it is computed, a name that `engine.make` takes.
      data_dir: of TFDS, or None for its default.
      precision: of training and of attacks; verdicts are float32.
      overrides: `field=value` assignments to the recipe; they name a run of their own.
      weights: what is evaluated: "" for the weights that the recipe says, `RAW`,
        `INITIAL`, or the path of released ones, see `common.training.imported`.
      target_weights: the same of single recipes by name, such as targets of transfers.
      branch: of batch norm, for every evaluation; "" for the one that it says.
      eval_batch_size: images evaluated at a time, on which no outcome depends.
      replicas_per_device: that each device is in training, one after the other, so that
        less of a minibatch is in memory; of TensorFlow.
      checkpoint_every: updates between two checkpoints, on which none depends either; 0
        for as many as the recipe says.
    """

    at: recipes.PaperAtScale
    workdir: pathlib.Path
    strategy: str = "auto"
    data_dir: str | None = None
    precision: str = "float32"
    overrides: tuple[str, ...] = ()
    weights: str = ""
    target_weights: Mapping[str, str] = dataclasses.field(default_factory=dict)
    branch: str = ""
    eval_batch_size: int = 250
    replicas_per_device: int = 1
    checkpoint_every: int = 0

    @functools.cached_property
    def distribution(self) -> Any:
        """The devices; the engine is loaded, and a cluster joined, when it is asked."""
        engine.prepare()
        return engine.make(self.strategy, self.replicas_per_device)

    @functools.cached_property
    def networks(self) -> networks.Networks:
        """What the runs of the session are evaluated on, one after the other."""
        return networks.Networks(self.distribution)

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the records."""
        return engine.worker(self.distribution)[0] == 0

    def run(self, name: str) -> Run:
        """Returns the run of a recipe; a ValueError names the nearest known one."""
        name = self.at.run_name(name)
        recipe = overrides.override(self.at.recipe(name), self.overrides)
        return Run(self, name, recipe)


@dataclasses.dataclass(frozen=True)
class Run:
    """A recipe of a session: what is trained of it, and what is evaluated.

    Attributes:
      session: where and how.
      name: of the recipe; equal recipes are one run, under the name of the first.
      recipe: with the overrides of the session.
    """

    session: Session
    name: str
    recipe: recipes.Recipe

    @property
    def weights(self) -> str:
        """What is evaluated, as `Session.weights`."""
        return self.session.target_weights.get(self.name, self.session.weights)

    @property
    def has_released_weights(self) -> bool:
        """Whether the weights come from a file, not from a run."""
        return self.weights not in OF_A_TRAINING

    @property
    def folder(self) -> pathlib.Path:
        """All files of the run lie in it; overrides are part of its name."""
        suffix = "".join(f"@{assignment}" for assignment in self.session.overrides)
        folder = re.sub(r"[^\w@=.,+-]", "_", self.name + suffix)
        paper = self.session.at
        return self.session.workdir / paper.name / paper.scale / folder

    @property
    def checkpoints(self) -> pathlib.Path:
        """The folder of the checkpoints."""
        return self.folder / "checkpoints"

    @property
    def records(self) -> pathlib.Path:
        """Of the evaluations; raw or initial weights, or a branch, have their own."""
        weights = "" if self.has_released_weights else self.weights
        parts = ("evaluations", weights, self.session.branch)
        return self.folder / "_".join(part for part in parts if part)

    def record(self, evaluation: str) -> pathlib.Path:
        """Returns the path of the record of an evaluation."""
        return self.records / f"{evaluation}.json"

    @property
    def sources(self) -> tuple[Run, ...]:
        """The runs of the networks that training asks, whatever is overridden here."""
        plain = dataclasses.replace(self.session, overrides=())
        names = map(plain.at.name_of, self.recipe.method.sources)
        return tuple(plain.run(name) for name in names)

    @property
    def is_trained(self) -> bool:
        """Whether its last checkpoint is there.

        Raises:
          RunError: the folder is of another recipe, or of released weights.
        """
        manifest.check(self.folder, recipe=self.recipe, weights=None)
        return self.recipe.num_steps in checkpoint.steps(self.checkpoints)

    @property
    def has_weights(self) -> bool:
        """Whether there are weights to evaluate, as far as that is known beforehand.

        Raises:
          RunError: as `is_trained`.
        """
        if self.weights == INITIAL:
            manifest.check(self.folder, recipe=self.recipe)
            return True
        return self.has_released_weights or self.is_trained

    @property
    def step(self) -> int | None:
        """The updates behind the weights; None for released ones."""
        if self.has_released_weights:
            return None
        return 0 if self.weights == INITIAL else self.recipe.num_steps

    @property
    def digest(self) -> str:
        """What changes with the trained weights; empty where they are not there."""
        if self.has_released_weights or self.weights == INITIAL:
            return ""
        return checkpoint.digest(self.checkpoints, self.recipe.num_steps)

    @property
    def initial(self) -> Run:
        """The run of the network as it is before the first update."""
        return dataclasses.replace(self.session, weights=INITIAL).run(self.name)

    def network(
        self, precision: str = "float32", *, number: int | None = None
    ) -> keras.Model:
        """Returns the network, in a precision, with the weights to be evaluated.

        Released weights are noted in the folder of the run, which must not hold another
        training; so tables show them as what they are.

        Args:
          precision: of its computation.
          number: of the session's network that takes the trained weights from the run
            before; a new one by default, and always for released weights.

        Raises:
          RunError: the recipe is not trained to its end, or the folder is of another.
          ValueError: released weights that do not fit.
        """
        session, recipe = self.session, self.recipe
        place = engine.alone(session.distribution)
        if self.weights == INITIAL:
            if as_it_came := getattr(recipe.network, "as_it_came", None):
                recipe = dataclasses.replace(recipe, network=as_it_came())
            return learner.network(recipe, place, precision)
        if self.has_released_weights:
            built = learner.network(recipe, place, precision)
            source = imported.load(self.weights, built)
            if session.is_chief:
                made = {"recipe": recipe, "weights": source}
                manifest.check_or_write(self.folder, {**made, **manifest.environment()})
            return built
        manifest.check(self.folder, recipe=recipe, weights=None)
        if self.weights == RAW:
            recipe = dataclasses.replace(recipe, average=0.0)
        shared = session.networks.network
        into = None if number is None else shared(recipe, precision, number)
        return learner.load(recipe, self.checkpoints, place, precision, into=into)

    def check(self) -> None:
        """Refuses what cannot be trained here, sources included, with a ValueError."""
        for source in self.sources:
            source.check()
        if not self.is_trained:
            loop.check(self.recipe, self.session.distribution)

    def train(self) -> None:
        """Trains the recipe; goes on where it stopped, and does nothing when done.

        Sources that are not trained are trained first, in runs of their own.

        Raises:
          ValueError: the session is about other weights or a branch to evaluate.
        """
        session = self.session
        for flag in ("weights", "branch"):
            if value := getattr(session, flag):
                raise ValueError(
                    f"--{flag} says what to evaluate; train without it. "
                    f"Received: --{flag}={value}"
                )
        self.check()
        for source in self.sources:
            if not source.is_trained:
                print(f"[source] {session.at.name} {source.name}", flush=True)
                source.train()
        loop.train(
            self.recipe,
            self.folder,
            distribution=session.distribution,
            sources=[source.checkpoints for source in self.sources],
            data_dir=session.data_dir,
            precision=session.precision,
            notes={
                "paper": session.at.name,
                "scale": session.at.scale,
                "name": self.name,
                "overrides": list(session.overrides),
            },
            checkpoint_every=session.checkpoint_every,
        )

    def evaluate(
        self, evaluations: Iterable[str] = (), *, named: bool | None = None
    ) -> None:
        """Evaluates the network as tables and claims need; keeps records that fit.

        Under several workers the chief evaluates alone, on its first device. Of attacks
        that begin alike the longest is run, and what its steps find on the way are the
        records of the others. A killed evaluation goes on where it was; a transfer, or
        a comparison of one step with many, begins again.

        Args:
          evaluations: names; those that tables and claims need by default.
          named: whether somebody asked for each of them, so that one that cannot be
            made, or has a record in another precision, is refused and not left as it
            is; by default if there are names.

        Raises:
          ValueError: unknown evaluation, a transfer to a network without weights, raw
            weights of a recipe that has no others, a branch that the network does not
            have, or a record in another precision.
          RunError: the recipe or the target of a transfer is not trained to its end,
            the folder is of another, or the engine failed, as where memory runs out.
        """
        if self.weights == RAW and not self.recipe.average:
            raise ValueError(
                f"{self.name} has no average of its weights beside the raw ones; "
                f"evaluate it without --weights. Received: --weights={RAW}"
            )
        names = tuple(evaluations)
        wanted = missing.chosen(self, names)
        named = bool(names) if named is None else named
        with engine.explained_failures():
            missing.evaluate(self, wanted, named=named)


def run_all(session: Session, wanted: Mapping[str, Iterable[str]]) -> list[str]:
    """Trains recipes, then evaluates them; what is done is kept.

    Transfer evaluations ask for a second network: that is trained as well. A recipe
    that cannot be trained here, or whose loss is not finite, is left out.

    Args:
      session: where and how.
      wanted: of each recipe the evaluations.

    Returns:
      The names of the recipes that were left out; a line on stderr names them, too.

    Raises:
      ValueError: there are overrides; such runs are compared with nothing. Or no recipe
        is trained or can be trained here.
    """
    if session.overrides:
        raise ValueError(
            "Tables and claims compare the recipes as they are: leave out --set and "
            f"--seed, or train R and evaluate R. Received: {session.overrides[0]}"
        )
    paper = session.at
    asked: dict[str, dict[str, None]] = {}  # by the name of the run, each once
    for name, keys in wanted.items():
        asked.setdefault(session.run(name).name, {}).update(dict.fromkeys(keys))
    known = paper.evaluations
    targets = [known[k].target for keys in asked.values() for k in keys]
    trained = dict.fromkeys([*asked, *(session.run(t).name for t in targets if t)])
    left_out = _refused(session, trained)
    for number, name in enumerate(trained, start=1):
        print(f"[train {number}/{len(trained)}] {paper.name} {name}", flush=True)
        if reason := left_out.get(name) or _failure(session.run(name), left_out):
            left_out[name] = reason
            print(f"{name} is left out: {reason}", flush=True)
    for number, (name, keys) in enumerate(asked.items(), start=1):
        print(f"[evaluate {number}/{len(asked)}] {paper.name} {name}", flush=True)
        if keys and name not in left_out:
            session.run(name).evaluate(keys, named=False)
    for name, reason in left_out.items():
        print(f"error: {paper.name} {name} is left out: {reason}", file=sys.stderr)
    return list(left_out)


def _failure(run: Run, left_out: Mapping[str, str]) -> str:
    """Trains a run; returns why it is to be left out, or nothing."""
    if lost := [source.name for source in run.sources if source.name in left_out]:
        return f"it asks {lost[0]}, which is left out"
    try:
        run.train()
    except errors.NotFiniteError as error:
        return str(error)
    return ""


def _refused(session: Session, names: Iterable[str]) -> dict[str, str]:
    """Returns the recipes that cannot be trained here, and why.

    Raises:
      ValueError: that is all of them.
    """
    found: dict[str, str] = {}
    for name in (names := list(names)):
        try:
            session.run(name).check()
        except ValueError as error:
            found[name] = str(error)
            if len(found) == len(names):
                raise
    return found
