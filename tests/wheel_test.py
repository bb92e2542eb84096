"""The wheel: what is in it, and that it works where the repository is not."""

import os
import pathlib
import shutil
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement

from tests import sources

PACKAGES = ("common", *sources.PAPERS)
PROJECT = tomllib.loads((sources.ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def run(*words, cwd, **environment):
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Returns the folder of an installed copy, beside which nothing else is."""
    folder = tmp_path_factory.mktemp("wheel")
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in PACKAGES:
        shutil.copytree(sources.ROOT / name, folder / name, ignore=unwanted)
    for name in ("pyproject.toml", "reproduce.py"):
        shutil.copy(sources.ROOT / name, folder)
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "-qq")
    run("pip", "wheel", *offline, "--wheel-dir=wheels", ".", cwd=folder)
    (wheel,) = (folder / "wheels").iterdir()
    run("pip", "install", *offline, "--target=there", str(wheel), cwd=folder)
    return folder / "there"


def test_every_file_that_is_read_at_run_time_is_in_the_wheel(installed):
    def files(root):
        paths = (path for name in PACKAGES for path in (root / name).rglob("*"))
        found = {path.relative_to(root) for path in paths if path.is_file()}
        return {p for p in found if "__pycache__" not in p.parts and p.suffix != ".pyc"}

    ours = {path for path in files(sources.ROOT) if path.name != "README.md"}
    assert files(installed) == ours
    assert pathlib.Path("free_at/reported.csv") in ours
    assert pathlib.Path("common/results/templates/report.html") in ours


def test_commands_work_from_any_folder(installed, tmp_path):
    there = {"cwd": tmp_path, "PYTHONPATH": str(installed)}
    assert "cifar10_free_8" in run("free_at", "list", **there)
    told = run("reproduce", "--norun", "--scale=digits", **there)
    assert "report/index.html" in told
    assert (tmp_path / "report" / "index.html").is_file()
    code = "import free_at; print(free_at.__file__)"
    place = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert place.stdout.startswith(str(installed))


def test_the_pinned_versions_are_among_those_that_the_wheel_asks_for():
    lines = (
        line.partition("#")[0].strip()
        for name in ("requirements.txt", "requirements-jax.txt")
        for line in (sources.ROOT / name).read_text("utf-8").splitlines()
    )
    pinned = {
        each.name: next(iter(each.specifier)).version
        for each in map(Requirement, filter(None, lines))
    }
    asked = (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["jax"])
    for each in map(Requirement, asked):
        assert each.specifier.contains(pinned[each.name]), each
