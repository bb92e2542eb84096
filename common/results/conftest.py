"""Fabricated records and a tiny paper: no number here was ever measured."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from common import attacks, recipe
from common.recipe import TRAINING_TIME, Evaluation, Paper, Plot, Recipe, Table, grid
from common.results.answers import Results
from common.results.claims import Claim
from common.results.margins import gain, time_ratio
from common.training.natural import NaturalTraining

REPORTED = """table,row,column,metric,value,source,confidence
main,plain,clean,accuracy,90.0,Table 9,paper
main,plain,PGD-20,accuracy,0.0,memory,unverified
main,hard <m=4>,clean,accuracy,80.0,Table 9,author_code
main,hard <m=4>,PGD-20,accuracy,50.0,memory,unverified
main,plain,time (min),minutes,100,Table 9,paper
sweep,hard <m=4>,PGD-20 eps=2,accuracy,70.0,Figure 9,figure
sweep,hard <m=4>,PGD-20 eps=4,accuracy,50.0,Figure 9,figure
"""


SCALES = ("paper", "small", "digits")
PGD = attacks.PGD(epsilon=4.0, step_size=1.0, num_steps=20)
ATTACKS = {
    "clean": None,
    "fgsm": attacks.FGSM(4.0),
    "pgd_20": PGD,
    "cw_20": dataclasses.replace(PGD, loss="margin"),
    "pgd_100": dataclasses.replace(PGD, num_steps=100),
    "pgd_20_restarts_10": dataclasses.replace(PGD, num_restarts=10),
    "pgd_20_eps2": dataclasses.replace(PGD, epsilon=2.0),
    "pgd_20_eps4": PGD,
    "random_sign": attacks.RandomSign(4.0),
}
ROWS = {"plain": "natural", "hard <m=4>": "free_4"}
COLUMNS = {"clean": "clean", "PGD-20": "pgd_20", "time (min)": TRAINING_TIME}
SWEEP = {"PGD-20 eps=2": "pgd_20_eps2", "PGD-20 eps=4": "pgd_20_eps4"}
EPSILONS = {"PGD-20 eps=2": 2.0, "PGD-20 eps=4": 4.0}
CLAIM = Claim(
    name="harder",
    statement="Hard training is more robust & as fast.",
    source="Section 9",
    comparisons=(
        gain("free_4", "natural", "pgd_20", at_least=10.0),
        time_ratio("free_4", "natural", at_most=1.5),
    ),
)


@dataclasses.dataclass(frozen=True)
class Crafting:
    """In place of a method that makes adversarial images."""

    attack_passes: ClassVar[int] = 20


RECIPE = Recipe(None, None, None, None, None, batch_size=2, num_steps=10)
RECIPES = {
    "natural": dataclasses.replace(RECIPE, method=NaturalTraining()),
    "free_4": dataclasses.replace(RECIPE, method=Crafting()),
}


@pytest.fixture
def paper(tmp_path: pathlib.Path) -> Paper:
    path = tmp_path / "reported.csv"
    path.write_text(REPORTED)
    recipes = RECIPES
    evaluations = {name: Evaluation(attack) for name, attack in ATTACKS.items()}
    return Paper(
        name="fake",
        title="A paper <that> nobody wrote",
        recipes=dict.fromkeys(SCALES, recipes),
        evaluations=dict.fromkeys(SCALES, evaluations),
        tables=(
            Table("main", "Main table", grid(ROWS, COLUMNS)),
            Table(
                "sweep",
                "Sweep",
                grid(ROWS, SWEEP, x=EPSILONS, panel="PGD-20"),
                plot=Plot("columns", "epsilon", bars=False),
            ),
        ),
        claims=(CLAIM,),
        reported=path,
    )


@pytest.fixture
def alias(paper: Paper) -> Paper:
    """The paper with `m_4`, a recipe equal to `free_4`, in a table of its own."""
    recipes = {**paper.recipes["paper"], "m_4": paper.recipes["paper"]["free_4"]}
    table = Table("replays", "Replays", grid({"m=4": "m_4"}, COLUMNS))
    scales = dict.fromkeys(paper.recipes, recipes)
    return dataclasses.replace(paper, recipes=scales, tables=(*paper.tables, table))


@pytest.fixture
def results(tmp_path: pathlib.Path, paper: Paper) -> Callable[..., Results]:
    """Returns a function: what the records in a work folder say at a scale."""

    def read(scale: str = "paper", workdir: str = "runs", of: Paper = paper) -> Results:
        return Results(of.at(scale), tmp_path / workdir)

    return read


@pytest.fixture
def write_run(tmp_path: pathlib.Path) -> Callable[..., pathlib.Path]:
    """Returns a function that writes a run and returns its folder.

    Outcomes are those of `survived`, or a dictionary of arrays and of what else the
    record says.
    """

    def write(
        name: str,
        outcomes: dict[str, Any],
        *,
        workdir: str = "runs",
        scale: str = "paper",
        metrics: tuple[dict[str, Any], ...] = (),
        minutes: float | None = 100.0,
        step: int = 10,
        **manifest: Any,
    ) -> pathlib.Path:
        written = recipe.to_dict(RECIPES.get(name, RECIPE))
        path = tmp_path / workdir / "fake" / scale / name
        (path / "evaluations").mkdir(parents=True, exist_ok=True)
        (path / "recipe.json").write_text(
            json.dumps({"name": name, "recipe": written, **manifest})
        )
        end = {"kind": "end", "step": 10, "training_minutes": minutes}
        lines = [*metrics, *([end] if minutes is not None else [])]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (path / "metrics.jsonl").write_text(text)
        for evaluation, survived in outcomes.items():
            _write_evaluation(path, evaluation, survived, step)
        return path

    return write


COUNTS = {"survived": "correct", "top5": "top5", "hit": "hit", "fooled": "eligible"}
COUNTS |= {f"{name}_top5": f"{COUNTS[name]}_top5" for name in ("survived", "fooled")}


def _write_evaluation(path: pathlib.Path, name: str, outcomes: Any, step: int) -> None:
    parts = outcomes if isinstance(outcomes, dict) else {"survived": outcomes}
    arrays = {k: v for k, v in parts.items() if isinstance(v, np.ndarray)}
    record = {
        "attack": recipe.to_dict(ATTACKS.get(name, PGD)),
        "total": len(parts["survived"]),
        "step": step,
        **{k: v for k, v in parts.items() if k not in arrays},
        **{COUNTS[k]: int(v.sum()) for k, v in arrays.items() if v.dtype == bool},
        **{k: float(v.mean()) for k, v in arrays.items() if v.dtype != bool},
    }
    (path / "evaluations" / f"{name}.json").write_text(json.dumps(record))
    np.savez(path / "evaluations" / f"{name}.npz", **arrays)


@pytest.fixture
def outcomes() -> Callable[[int, int], np.ndarray]:
    """Returns a function: bool [total] whose first `correct` are True."""
    return lambda correct, total=1000: np.arange(total) < correct
