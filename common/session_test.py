"""Where the commands run: folders, overrides, and which weights a network has."""

import dataclasses

import numpy as np

from common import runs


def test_a_run_lies_in_workdir_paper_scale_recipe(open_session, tmp_path):
    session = dataclasses.replace(open_session(), overrides=())
    assert session.run_dir("plain") == tmp_path / "runs" / "tiny" / "digits" / "plain"


def test_overrides_change_the_recipe_and_name_a_folder_of_their_own(open_session):
    session = open_session("method.rate=0.5", "schedule.boundaries=[7]")
    recipe = session.recipe("plain")
    assert (recipe.num_steps, recipe.method.rate) == (3, 0.5)
    assert recipe.schedule.boundaries == (7,)
    name = session.run_dir("plain").name
    assert name == "plain@num_steps=3@method.rate=0.5@schedule.boundaries=_7_"
    assert name != open_session("method.rate=0.6").run_dir("plain").name


def test_averaged_weights_are_evaluated_unless_raw_ones_are_asked_for(
    open_session, with_twins
):
    averaged = open_session("num_steps=6", paper=with_twins)
    raw = dataclasses.replace(averaged, weights="raw")
    runs.train(averaged, "averaged")
    kernels = [s.network("averaged").trainable_variables[0] for s in (averaged, raw)]
    steps = [np.asarray(kernel) for kernel in kernels]
    assert not np.allclose(*steps)
    arrays = np.load(averaged.run_dir("averaged") / "checkpoints" / "00000006.npz")
    path = kernels[0].path
    np.testing.assert_array_equal(steps[0], arrays[f"average/{path}"])
    np.testing.assert_array_equal(steps[1], arrays[path])
    runs.evaluate(raw, "averaged", ("clean",))
    assert not averaged.records_dir("averaged").exists()
    assert (raw.records_dir("averaged") / "clean.json").exists()
