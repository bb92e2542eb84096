"""The training loop of every paper: updates, and what is due between them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from common import engine, errors, files, manifest
from common import recipe as recipes
from common.data import checks, unreadable
from common.evaluation import attackable
from common.models import logits
from common.names import lookup
from common.training import checkpoint, metrics, probe
from common.training import learner as learners


def train(
    recipe: recipes.Recipe,
    run_dir: pathlib.Path,
    *,
    distribution: Any,
    sources: Sequence[pathlib.Path] = (),
    data_dir: str | None = None,
    precision: str = "float32",
    notes: dict[str, Any] | None = None,
    checkpoint_every: int = 0,
) -> None:
    """Trains a recipe, from its newest checkpoint if the folder has one.

    Args:
      recipe: what to train.
      run_dir: the run's folder.
      distribution: where; from `engine.make`.
      sources: folders of the checkpoints of the method's sources, in their order.
      data_dir: of TFDS, or None for its default.
      precision: `float32` or `mixed_bfloat16`.
      notes: further entries of `recipe.json`, such as paper, scale and overrides.
      checkpoint_every: updates between two checkpoints, on which no weight depends; 0
        for as many as the recipe says.

    Raises:
      ValueError: a batch that does not divide, data that do not fit the recipe, or
        another number of sources than the method has.
      OSError: a file of the dataset cannot be read.
      RunError: the folder is of another recipe, or another process or other workers
        have another one; a source is not trained, or has other weights than when the
        run was begun; the loss is not finite, or a worker was lost.
    """
    if len(sources) != len(recipe.method.sources):
        raise ValueError(
            "Training asks other networks, which must be trained before: "
            f"{len(recipe.method.sources)} of them. Received: {len(sources)} folders"
        )
    lookup(dict.fromkeys(learners.PRECISIONS), precision, "--precision")
    manifest.check(run_dir, recipe=recipe, weights=None, precision=precision)
    worker, learner = engine.worker(distribution), None
    try:
        _check_alike(recipe, precision, distribution)
        is_finished = _is_finished(recipe, run_dir)
        if not engine.wait(distribution, int(is_finished)):
            raise errors.RunError(f"{learners.APART} Received: {run_dir}")
        if is_finished:
            return
        check(recipe, distribution)
        learner = learners.build(recipe, distribution, precision, sources)
        asked = _digests(recipe, run_dir, sources)
        record = {**(notes or {}), **_manifest(recipe, learner, precision), **asked}
        with contextlib.ExitStack() as stack:
            if worker[0] == 0:
                stack.enter_context(files.alone(run_dir))
            learner.restore(run_dir / "checkpoints")
            stack.enter_context(unreadable.named())
            _Run(
                *(learner, recipe, run_dir),
                data_dir=data_dir,
                record=record,
                checkpoint_every=checkpoint_every,
            ).finish()
        engine.wait(distribution)  # until the chief has saved it
    except engine.FAILURES as error:
        step = learner.step if learner else 0
        raise _explained(error, run_dir, step, several=worker[1] > 1) from error


def check(recipe: recipes.Recipe, distribution: Any) -> None:
    """Refuses what cannot be trained there, before anything is made; a ValueError."""
    engine.check_dataset(recipe.dataset)
    engine.check_divides(recipe.batch_size, distribution)
    replicas = engine.num_replicas(distribution)
    recipe.method.check_share(recipe.batch_size // replicas)


def _explained(
    error: Any, run_dir: pathlib.Path, step: int, *, several: bool
) -> errors.RunError:
    """Returns what a failure of the engine means for the run, in one line."""
    cause = "A worker failed or was lost" if several else f"{engine.NAME} failed"
    where = ", on every worker," if several else ""
    saved = bool(checkpoint.steps(run_dir / "checkpoints"))
    how = "goes on from the newest checkpoint" if saved else "begins anew"
    return errors.RunError(
        f"{cause} after step {step}; the same command{where} {how}. Where memory ran "
        "out, take --precision=mixed_bfloat16 or, on TensorFlow, more "
        "--replicas_per_device; a smaller --set batch_size= is another recipe, with a "
        "rate and a num_steps of its own. "
        f"Received: {type(error).__name__}: {engine.reason(error)}"
    )


class _Run:
    """One call of `train`: updates, and what is due between them."""

    def __init__(
        self,
        learner: learners.Learner,
        recipe: recipes.Recipe,
        run_dir: pathlib.Path,
        *,
        data_dir: str | None,
        record: dict[str, Any],
        checkpoint_every: int,
    ) -> None:
        self.learner, self.recipe, self.run_dir = learner, recipe, run_dir
        self.data_dir, self.record = data_dir, record
        self.saved = -1  # the step of the newest checkpoint that this call wrote
        self.is_chief = engine.worker(learner.distribution)[0] == 0
        self.checkpoint_every = checkpoint_every or recipe.checkpoint_every
        self.meter = metrics.Meter(
            recipe.batch_size, rates=f"schedule.{recipe.schedule.rates}"
        )
        self.log_every = min(100, max(10, recipe.num_steps // 100))

    def finish(self) -> None:
        """Does the updates that are left, and closes the log."""
        learner, recipe = self.learner, self.recipe
        updates = None
        if learner.step < recipe.num_steps:
            _ = recipe.dataset.num_test  # fails now where a folder has no test images
            updates = engine.Updates(
                learner, recipe, self.data_dir, most=self.log_every
            )
            self._check(*updates.first_batch())
        # Lines of lost updates are cut only now, when it is known that it can go on.
        self.log = metrics.Log(
            self.run_dir,
            step=learner.step,
            num_steps=recipe.num_steps,
            chief=self.is_chief,
        )
        if updates:
            self._update_until_done(updates)
        if self.is_chief:
            minutes = metrics.training_minutes(self.log.path, recipe.num_steps)
            if minutes is not None:
                self.log.write("end", learner.step, training_minutes=minutes)

    def _update_until_done(self, updates: engine.Updates) -> None:
        learner = self.learner
        self.prober = self._make_probe()
        if self.is_chief:
            self._note()
        self.meter.restart_clock()
        compiling = True
        while learner.step < self.recipe.num_steps:
            before = learner.step
            found = updates.advance(self._until_due())
            for step, values in enumerate(found, start=before + 1):
                self.meter.add(step, values)
            if compiling:
                self.meter.restart_clock()
                compiling = False
            self._do_what_is_due()

    def _note(self) -> None:
        """Writes what the run is and, if it began elsewhere, where it goes on.

        The data have been read by now, so a run without data leaves no record.
        """
        step, place = self.learner.step, _place(self.learner.distribution)
        said = f"{engine.NAME} on {place['hardware']}, {self.record['precision']}"
        if (replicas := place["replicas"]) > 1:
            share = self.recipe.batch_size // replicas
            said += f", {replicas} replicas of {share} images"
        print(said, flush=True)
        manifest.check_or_write(self.run_dir, {**self.record, **place})
        manifest.note_continuation(self.run_dir, step, place)

    def _until_due(self) -> int:
        """Returns the number of updates after which something is due."""
        step, recipe = self.learner.step, self.recipe
        every = [self.log_every, self.checkpoint_every]
        if self.prober:
            every.append(recipe.probe_every)
        due = [each - step % each for each in every]
        return min(*due, recipe.num_steps - step)

    def _do_what_is_due(self) -> None:
        """Logs, probes and saves; a checkpoint follows a check of every loss."""
        checkpoint_due = self._is_due(self.checkpoint_every)
        if checkpoint_due or self.learner.step % self.log_every == 0:
            self._log_updates()
        if self.prober and self._is_due(self.recipe.probe_every):
            self._probe(self.prober)
            self.meter.restart_clock()
        if checkpoint_due:
            self.learner.save(self.run_dir / "checkpoints")
            self.saved = self.learner.step
            self.meter.restart_clock()

    def _is_due(self, every: int) -> bool:
        step = self.learner.step
        return step % every == 0 or step == self.recipe.num_steps

    def _log_updates(self) -> None:
        step = self.learner.step
        try:
            values = self.meter.flush()
        except errors.NotFiniteError as error:
            # Weights that were saved before they were seen to fail.
            if self.is_chief and self.saved == error.step - 1:
                checkpoint.drop(self.run_dir / "checkpoints", self.saved)
            raise
        rate = self.recipe.schedule.build()(step - 1)
        self.log.write("train", step, **values, learning_rate=float(rate))
        self.log.progress(
            step,
            loss=values["loss"],
            accuracy=values["accuracy"],
            **{"images/s": values.get("images_per_second", 0.0)},
        )

    def _probe(self, prober: probe.Probe) -> None:
        found = prober()
        self.log.write("probe", self.learner.step, **found)
        for message in prober.alarms(self.learner.step, found):
            print(f"Alarm at step {self.learner.step}: {message}", file=sys.stderr)
            self.log.write("alarm", self.learner.step, message=message)

    def _make_probe(self) -> probe.Probe | None:
        """The chief alone probes: each replica holds the same weights."""
        if self.recipe.probe is None or not self.is_chief:
            return None
        return probe.Probe(
            self.learner.network,
            self.recipe.probe,
            self.recipe.dataset.train_slice(probe.NUM_IMAGES, data_dir=self.data_dir),
            batch_size=self.recipe.batch_size
            // engine.num_replicas(self.learner.distribution),
            history=[x for x in metrics.read(self.log.path) if x["kind"] == "probe"],
        )

    def _check(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Refuses data or a network that do not fit, before the first update."""
        checks.check_images(images)
        checks.check_labels(labels, self.recipe.dataset.num_classes)
        logits_fn = logits.inference(self.learner.network)
        attackable.Questions(logits_fn).check(images)


def _check_alike(recipe: recipes.Recipe, precision: str, distribution: Any) -> None:
    """Refuses workers of which one was given another run, or has other code.

    Raises:
      RunError: as this worker sees it; the others raise it, too.
    """
    commit, replicas = manifest.commit(), engine.num_replicas(distribution)
    known = [recipes.to_dict(recipe), precision, commit, replicas]
    said = json.dumps(known, sort_keys=True)
    number = int(hashlib.sha256(said.encode()).hexdigest()[:10], 16)
    if not engine.wait(distribution, number):
        raise errors.RunError(
            "Workers must have the same code and get the same command. Received by one "
            f"of them: precision={precision}, commit={commit}, replicas={replicas}, "
            f"recipe={recipe}"
        )


def _is_finished(recipe: recipes.Recipe, run_dir: pathlib.Path) -> bool:
    """Whether the last update is saved, and the log is closed."""
    lines = metrics.read(run_dir / "metrics.jsonl")
    is_closed = any(line["kind"] == "end" for line in lines)
    return is_closed and checkpoint.is_whole(run_dir / "checkpoints", recipe.num_steps)


def _digests(
    recipe: recipes.Recipe, run_dir: pathlib.Path, sources: Sequence[pathlib.Path]
) -> dict[str, list[str]]:
    """Returns what the manifest says of the weights of the sources; nothing without.

    Raises:
      RunError: they are others than when the run was begun.
    """
    if not sources:
        return {}
    pairs = zip(sources, recipe.method.sources, strict=True)
    now = [checkpoint.digest(folder, source.num_steps) for folder, source in pairs]
    known = manifest.read(run_dir).get("sources", now)
    if known != now:
        raise errors.RunError(
            f"{run_dir} was begun with static networks of other weights; remove it to "
            f"begin again, or bring those back. Received: sources={now}, not {known}"
        )
    return {"sources": now}


def _manifest(
    recipe: recipes.Recipe, learner: learners.Learner, precision: str
) -> dict[str, Any]:
    weights = learner.network.trainable_variables
    return {
        "recipe": recipe,
        "precision": precision,
        "num_parameters": int(sum(np.prod(v.shape) for v in weights)),
    }


def _place(distribution: Any) -> dict[str, Any]:
    return {
        "strategy": type(distribution).__name__,
        "replicas": engine.num_replicas(distribution),
        "devices": engine.num_devices(distribution),
        **manifest.environment(),
    }
