"""A recipe that trains in seconds, and a paper made of it."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, ClassVar

import keras
import numpy as np
import pytest
from keras import ops

from common import attacks, cli, data, runs
from common import recipe as recipes
from common.evaluation import accuracy
from common.results.claims import Claim
from common.results.margins import difference
from common.training import Method, optimizers, schedules

ATTACK = attacks.PGD(epsilon=40.0, step_size=10.0, num_steps=2)


@dataclasses.dataclass(frozen=True)
class Replay(Method):
    """Plain training, on each minibatch some times in a row; counts its updates.

    Of several branches of batch norm it trains the first.
    """

    uses_branches: ClassVar[bool] = True

    num_replays: int = 1
    rate: float = 1.0  # a number to override

    def initial_state(self, batch_shape: tuple[int, ...]) -> Any:
        return ops.zeros(())

    def train_step(self, batch: Any, state: Any, seed: Any) -> tuple[Any, Any]:
        return self.descend(*batch, seed), state + 1


@dataclasses.dataclass(frozen=True)
class Linear:
    """Logits that are linear in the pixels: a network that compiles at once."""

    def build(
        self, num_classes: int, image_size: int, channels: int = 3
    ) -> keras.Model:
        return keras.Sequential(
            [
                keras.Input((image_size, image_size, channels)),
                keras.layers.Rescaling(1 / 255),
                keras.layers.Flatten(),
                keras.layers.Dense(num_classes, dtype="float32", name="logits"),
            ],
            name="linear",
        )


@pytest.fixture
def tiny_recipe() -> recipes.Recipe:
    """Returns 24 updates of a linear network on the digits."""
    return recipes.Recipe(
        dataset=data.Digits(),
        network=Linear(),
        method=Replay(),
        optimizer=optimizers.Momentum(0.9),
        schedule=schedules.PiecewiseConstant((16,), (0.05, 0.005)),
        batch_size=32,
        num_steps=24,
        l2=2e-4,
        probe=ATTACK,
        probe_every=12,
        checkpoint_every=12,
    )


@pytest.fixture
def bare(tiny_recipe: recipes.Recipe) -> recipes.Recipe:
    """Returns the tiny recipe in eight updates, without a probe."""
    return dataclasses.replace(tiny_recipe, num_steps=8, probe=None)


@pytest.fixture
def tiny_paper(tiny_recipe: recipes.Recipe, tmp_path: pathlib.Path) -> recipes.Paper:
    """Returns a paper of two recipes, a table, a claim, and digits in its folder."""
    reported = tmp_path / "reported.csv"
    reported.write_text(
        "table,row,column,metric,value,source,confidence\n"
        "main,plain,clean,accuracy,0.5,Table 9,paper\n"
        "main,plain,PGD-2,accuracy,99.5,Table 9,paper\n"
    )
    plain = dataclasses.replace(tiny_recipe, probe=None)  # which takes long to compile
    replayed = dataclasses.replace(plain, method=Replay(num_replays=4))
    by_name = {"plain": plain, "replayed": replayed}
    evaluations = {
        "clean": recipes.Evaluation(),
        "pgd_2": recipes.Evaluation(ATTACK),
    }
    rows = recipes.grid({"plain": "plain"}, {"clean": "clean", "PGD-2": "pgd_2"})
    claim = Claim(
        name="stronger",
        statement="The attack finds more errors than there are.",
        source="Section 9",
        comparisons=(difference(("plain", "clean"), ("plain", "pgd_2"), at_least=0.0),),
        expected_at=("digits",),
    )
    return recipes.Paper(
        name="tiny",
        title="A paper that nobody wrote",
        recipes={"paper": by_name, "digits": by_name},
        evaluations={"paper": evaluations, "digits": evaluations},
        tables=(recipes.Table("main", "Main table", rows),),
        claims=(claim,),
        reported=reported,
    )


@pytest.fixture
def open_run(tiny_paper, tmp_path):
    """Returns a function: overrides -> the run of a recipe, in a folder of its own."""

    def opened(*overrides, name="plain", paper=tiny_paper, **fields):
        session = runs.Session(
            paper.at("digits"),
            tmp_path / "runs",
            strategy="one_device",
            overrides=("num_steps=3", *overrides),
            **fields,
        )
        return session.run(name)

    return opened


@pytest.fixture
def with_twins(tiny_paper):
    """Returns the paper with an equal recipe, an averaged one, and transfers."""
    plain = tiny_paper.at("digits").recipe("plain")
    by_name = {
        "plain": plain,
        "same": plain,
        "averaged": dataclasses.replace(plain, average=0.9, seed=1),
    }
    attack = tiny_paper.at("digits").evaluations["pgd_2"].attack
    shown = recipes.Evaluation(attack, seed=3, target="averaged", num_images=60)
    known = {**tiny_paper.at("digits").evaluations, "pgd_2_to_averaged": shown}
    rows = recipes.grid({"same": "same"}, {"to": "pgd_2_to_averaged"})
    return dataclasses.replace(
        tiny_paper,
        recipes={"digits": by_name},
        evaluations={"digits": known},
        tables=(*tiny_paper.tables, recipes.Table("transfer", "Transfer", rows)),
    )


@pytest.fixture
def released(monkeypatch):
    """Returns the source that is noted for released weights, which set ones."""

    def load(path, network):
        for variable in network.variables:
            variable.assign(np.ones(variable.shape))
        return {"file": path, "sha256": {"data": "0"}}

    monkeypatch.setattr("common.training.imported.load", load)


@pytest.fixture
def evaluated(monkeypatch):
    """Returns the attacks of the evaluations that are run."""
    seen = []
    evaluate = accuracy.evaluate

    def spy(logits_fn, dataset, attack, **kwargs):
        seen.append(attack)
        return evaluate(logits_fn, dataset, attack, **kwargs)

    monkeypatch.setattr(accuracy, "evaluate", spy)
    return seen


@pytest.fixture
def run(tiny_paper, tmp_path, capsys):
    """Returns a function: words and flags -> status, stdout and error lines."""

    def command(*argv, paper=tiny_paper):
        flags = [f"--workdir={tmp_path / 'runs'}"]
        status = cli.main(paper, ["tiny", *argv, *flags])
        out, err = capsys.readouterr()
        return status, out, [x for x in err.splitlines() if x.startswith("error:")]

    return command


@pytest.fixture
def run_dir(tmp_path):
    return tmp_path / "runs" / "tiny" / "digits"
