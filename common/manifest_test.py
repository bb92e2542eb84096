"""The manifest of a run, and the folder of another recipe."""

import dataclasses
import json
import platform
import subprocess

import pytest
import tensorflow as tf

from common import errors, manifest
from common import recipe as recipes
from tests.parts import PARTS

MANIFEST = {
    "recipe": {"type": "Recipe", "method": {"epsilon": 8.0}, "seed": 0},
    "precision": "float32",
    "replicas": 1,
}


def changed(**entries):
    return {**MANIFEST, **entries}


def test_it_is_written_once_and_kept(tmp_path):
    run_dir = tmp_path / "free_at" / "digits" / "free_8"
    manifest.check_or_write(run_dir, MANIFEST)
    manifest.check_or_write(run_dir, changed(replicas=2))
    assert json.loads((run_dir / "recipe.json").read_text()) == MANIFEST
    assert [path.name for path in run_dir.iterdir()] == ["recipe.json"]


def test_where_a_run_goes_on_is_noted_once(tmp_path):
    here, there = {"backend": "tensorflow"}, {"backend": "jax"}
    manifest.check_or_write(tmp_path, {**MANIFEST, **here})
    for step, place in ((5, here), (6, there), (7, there), (8, here)):
        manifest.note_continuation(tmp_path, step, place)
    found = json.loads((tmp_path / "recipe.json").read_text())
    continued = [{"step": 6, **there}, {"step": 8, **here}]
    assert found == {**MANIFEST, **here, "continued": continued}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            {"recipe": {**MANIFEST["recipe"], "method": {"epsilon": 4.0}}},
            r"recipe\.method\.epsilon: 8\.0 != 4\.0\. Take another --workdir",
        ),
        (
            {"recipe": {**MANIFEST["recipe"], "l2": 0.1}},
            r"recipe\.l2: \(no such field\) != 0\.1",
        ),
        ({"precision": "mixed_bfloat16"}, "precision: float32 != mixed_bfloat16"),
    ],
)
def test_another_recipe_is_refused_with_the_field_that_differs(
    tmp_path, other, message
):
    manifest.check_or_write(tmp_path, MANIFEST)
    with pytest.raises(errors.RunError, match=message) as caught:
        manifest.check_or_write(tmp_path, changed(**other))
    assert "\n" not in str(caught.value)


def test_an_evaluation_checks_the_recipe_alone(tmp_path):
    manifest.check(tmp_path, recipe={})
    manifest.check_or_write(tmp_path, MANIFEST)
    manifest.check(tmp_path, recipe=MANIFEST["recipe"])
    with pytest.raises(errors.RunError, match="seed: 0 != 1"):
        manifest.check(tmp_path, recipe={**MANIFEST["recipe"], "seed": 1})


def test_fields_that_came_after_a_run_do_not_make_it_another_at_their_defaults(
    tmp_path,
):
    before = recipes.to_dict(PARTS)
    del before["average"], before["network"]["drops"], before["probe"]["random_start"]
    manifest.check_or_write(tmp_path, changed(recipe=before))
    manifest.check_or_write(tmp_path, changed(recipe=PARTS))
    manifest.check(tmp_path, recipe=PARTS)
    network = dataclasses.replace(PARTS.network, drops=(3,))
    message = r"recipe\.network\.drops: \(no such field\) != \[3\]"
    with pytest.raises(errors.RunError, match=message):
        manifest.check(tmp_path, recipe=dataclasses.replace(PARTS, network=network))


def test_a_damaged_manifest_says_which_file_to_remove(tmp_path):
    (tmp_path / "recipe.json").write_text("{")
    with pytest.raises(errors.RunError, match=r"recipe\.json is damaged; remove"):
        manifest.check_or_write(tmp_path, MANIFEST)


def test_the_environment_has_versions_hardware_and_commit():
    found = manifest.environment()
    assert found["versions"]["python"] == platform.python_version()
    assert found["versions"]["tensorflow"] == tf.__version__
    if not tf.config.list_physical_devices("GPU"):
        assert found["hardware"].startswith("CPU, ")
    assert json.loads(json.dumps(found)) == found


def test_the_commit_is_unknown_outside_a_repository(monkeypatch):
    def fail(*args, **kwargs):
        raise subprocess.CalledProcessError(128, "git")

    monkeypatch.setattr(subprocess, "run", fail)
    assert manifest.environment()["commit"] is None


def test_the_commit_of_a_repository_that_holds_a_copy_is_not_ours(
    tmp_path, monkeypatch
):
    def git(*words):
        name = ("-c", "user.name=n", "-c", "user.email=e")
        subprocess.run(["git", *name, *words], cwd=tmp_path, check=True)

    (tmp_path / "manifest.py").touch()
    (tmp_path / "theirs.py").touch()
    git("init", "-q")
    git("add", "theirs.py")
    git("commit", "-q", "-m", "Theirs")
    monkeypatch.setattr(manifest, "__file__", str(tmp_path / "manifest.py"))
    assert manifest.environment()["commit"] is None
    git("add", "manifest.py")
    assert manifest.environment()["commit"].endswith("-dirty")
    (tmp_path / "record.json").touch()
    git("add", "record.json")
    git("commit", "-q", "-m", "Ours")
    (tmp_path / "record.json").write_text("{}")  # which is no code
    assert len(manifest.environment()["commit"]) == 12


def test_a_run_becomes_one_of_more_updates_if_nothing_else_differs(tmp_path):
    before = PARTS
    after = dataclasses.replace(before, num_steps=2 * before.num_steps)
    manifest.check_or_write(tmp_path, {"recipe": before})
    manifest.lengthen(tmp_path, dataclasses.replace(before, l2=0.5), after, 3)
    manifest.check(tmp_path, recipe=before)
    manifest.lengthen(tmp_path, before, after, 3)
    manifest.check(tmp_path, recipe=after)
    assert manifest.read(tmp_path)["lengthened"] == [3]
    assert manifest.read(tmp_path / "nowhere") == {}
