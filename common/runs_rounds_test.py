"""Evaluations on disk that are cut into rounds: shared, killed, and gone on with."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from common import attacks, evaluation, files, manifest
from common import recipe as recipes
from common.evaluation import progress

LONG = attacks.PGD(epsilon=30.0, step_size=0.1, num_steps=300)
TARGETED = dataclasses.replace(LONG, targeted="random", step_size=0.2)


def of_steps(attack, **fields):
    return {
        f"{attack.targeted}_{steps}": recipes.Evaluation(
            dataclasses.replace(attack, num_steps=steps), **fields
        )
        for steps in (100, 300, 200)
    }


@pytest.fixture
def trained(open_run, tiny_paper):
    """Returns a function: evaluations -> a run that is trained."""

    def opened(evaluations, **fields):
        paper = dataclasses.replace(tiny_paper, evaluations={"digits": evaluations})
        run = open_run("seed=2", paper=paper, **fields)
        run.train()
        return run

    return opened


@pytest.fixture
def judged(monkeypatch):
    """Returns the steps of the attacks that judges are asked for, one per batch."""
    seen = []
    judge = evaluation.Judges.__call__

    def spy(self, attack, batch, seed, **kwargs):
        seen.append(getattr(attack, "num_steps", 0))
        return judge(self, attack, batch, seed, **kwargs)

    monkeypatch.setattr(evaluation.Judges, "__call__", spy)
    return seen


def read(run, name):
    path = run.record(name)
    return json.loads(path.read_text()), files.load_arrays(path.with_suffix(".npz"))


def test_one_run_gives_the_records_that_each_would_give_alone(trained, judged):
    known = of_steps(TARGETED)
    run = trained(known)
    shutil.copytree(run.folder, run.session.workdir / "copy")
    run.evaluate(tuple(known))
    assert set(judged) == {300}
    together = {name: read(run, name) for name in known}
    shutil.rmtree(run.folder)
    shutil.move(run.session.workdir / "copy", run.folder)
    hits = []
    for name, (record, arrays) in together.items():
        run.evaluate((name,))
        alone, alone_arrays = read(run, name)
        assert arrays.keys() == alone_arrays.keys()
        assert arrays.keys() >= {"survived", "hit"}
        for array, values in arrays.items():
            np.testing.assert_array_equal(values, alone_arrays[array])
        shared = None if name == "random_300" else "random_300"
        assert record.pop("beginning_of", None) == shared
        for changing in ("seconds", "passes", "forwards"):
            assert (record.pop(changing) > 0) and (alone.pop(changing) > 0)
        assert record == alone
        hits.append(record["hit"])
    assert hits[0] < hits[2] < hits[1]  # of 100, 300 and 200 steps, in that order


def test_what_is_there_is_not_run_for_what_is_missing(trained, judged):
    known = of_steps(LONG)
    run = trained(known)
    run.evaluate(tuple(known))
    done = len(judged)
    run.evaluate(tuple(known))
    assert len(judged) == done
    (run.record("no_100")).unlink()
    run.evaluate(tuple(known))
    assert judged[done:] == [100, 100]


def test_what_does_not_begin_alike_is_run_by_itself(trained, judged):
    short = dataclasses.replace(LONG, num_steps=100)
    known = {
        "long": recipes.Evaluation(LONG),
        "alike": recipes.Evaluation(short, only=("plain",)),
        "seed": recipes.Evaluation(short, seed=1),
        "some": recipes.Evaluation(short, num_images=60),
        "branch": recipes.Evaluation(short, branch="clean"),
    }
    run = trained(known)
    run.evaluate(tuple(known))
    assert {100, 300} == set(judged)
    for name in known:
        shared = read(run, name)[0].get("beginning_of")
        assert shared == ("long" if name == "alike" else None)


class Killed(Exception):
    pass


@pytest.fixture
def kill(monkeypatch):
    """Returns a function: run, names, life -> an evaluation killed in the middle."""
    monkeypatch.setattr(progress, "EVERY", 0.0)
    judge = evaluation.Judges.__call__

    def killed(run, names, life):
        lives = iter(range(life))

        def mortal(self, *args, **kwargs):
            if next(lives, None) is None:
                raise Killed
            return judge(self, *args, **kwargs)

        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(evaluation.Judges, "__call__", mortal)
            run.evaluate(names)

    return killed


def test_a_killed_evaluation_goes_on_beside_its_record(trained, kill, judged, capsys):
    known = of_steps(TARGETED)
    run = trained(known)
    shutil.copytree(run.folder, run.session.workdir / "copy")
    run.evaluate(tuple(known))
    batches = len(judged)
    expected = {name: read(run, name) for name in known}
    shutil.rmtree(run.folder)
    shutil.move(run.session.workdir / "copy", run.folder)

    kill(run, tuple(known), 3)
    folder = run.records
    assert [path.name for path in folder.iterdir()] == ["random_300.progress.npz"]
    judged.clear()
    capsys.readouterr()
    run.evaluate(tuple(known))
    assert len(judged) == batches - 3
    assert not list(folder.glob("*progress*"))
    for name, (record, arrays) in expected.items():
        found, found_arrays = read(run, name)
        for array, values in arrays.items():
            np.testing.assert_array_equal(found_arrays[array], values)
        assert {**found, "seconds": 0} == {**record, "seconds": 0}
    record = expected["random_300"][0]
    told = f"{record['success']:.2f} % as the target ["
    assert told in capsys.readouterr().out


def test_progress_of_another_precision_is_not_gone_on_with(trained, kill, judged):
    known = {"long": recipes.Evaluation(LONG)}
    run = trained(known)
    kill(run, ("long",), 3)
    other = dataclasses.replace(run.session, precision="mixed_bfloat16")
    judged.clear()
    other.run("plain").evaluate(("long",))
    assert len(judged) > 3  # from the beginning, not what three have left


def test_progress_under_other_code_is_not_gone_on_with(
    trained, kill, judged, monkeypatch, capsys
):
    run = trained({"long": recipes.Evaluation(LONG)})
    kill(run, ("long",), 3)
    monkeypatch.setattr(manifest, "commit", lambda: "of tomorrow")
    judged.clear()
    run.evaluate(("long",))
    assert len(judged) > 3
    assert "long.progress.npz is the progress of another" in capsys.readouterr().err
