"""What a run was: recipe, versions, hardware and commit, as `recipe.json`."""

from __future__ import annotations

import json
import pathlib
import platform
import subprocess
from typing import Any

from common import engine, errors, files, overrides, processes
from common import recipe as recipes
from common.lazy import keras

_NAME = "recipe.json"


def environment() -> dict[str, Any]:
    """Returns versions, backend, hardware and commit of the code, as far as known."""
    products = engine.products()
    return {
        "versions": {
            "python": platform.python_version(),
            **engine.VERSIONS,
            "keras": keras.__version__,
        },
        "backend": keras.backend.backend(),
        "hardware": engine.accelerators() or _processors(),
        **({"products": products} if products else {}),
        "commit": commit(),
    }


def check_or_write(run_dir: pathlib.Path, manifest: dict[str, Any]) -> None:
    """Writes `recipe.json`, or refuses the folder of another recipe.

    Args:
      run_dir: the run's folder; made if it is not there.
      manifest: JSON values, and the `Recipe` itself under `recipe`.

    Raises:
      RunError: the folder holds a run with another recipe or precision, or with other
        released weights; names the first field that differs.
    """
    said = {"recipe": manifest["recipe"], "weights": manifest.get("weights")}
    if "precision" in manifest:  # released weights are evaluated in any
        said["precision"] = manifest["precision"]
    check(run_dir, **said)
    path = run_dir / _NAME
    if not path.exists():
        _write(path, manifest)


def note_continuation(run_dir: pathlib.Path, step: int, place: dict[str, Any]) -> None:
    """Adds to `continued` of `recipe.json` where a run goes on, unless it was there.

    Args:
      run_dir: the run's folder.
      step: the updates done.
      place: entries as they would be of a run that began there: engine, hardware, ...
    """
    path = run_dir / _NAME
    manifest = json.loads(path.read_text(encoding="utf-8"))
    places = [manifest, *manifest.get("continued", ())]
    if {key: places[-1].get(key) for key in place} != place:
        _write(path, {**manifest, "continued": [*places[1:], {"step": step, **place}]})


def read(run_dir: pathlib.Path) -> dict[str, Any]:
    """Returns `recipe.json` of a folder; empty if it is not there or damaged."""
    try:
        return json.loads((run_dir / _NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def lengthen(
    run_dir: pathlib.Path, before: recipes.Recipe, after: recipes.Recipe, done: int
) -> None:
    """Makes the run of a recipe that of one with more updates; others stay as they are.

    What was done counts, and its number of updates is noted under `lengthened`.

    Args:
      run_dir: the run's folder.
      before: the recipe that the folder may be of.
      after: the recipe that it is to be of.
      done: updates that are saved.
    """
    found = read(run_dir)
    if overrides.agrees(found.get("recipe"), before):
        earlier = [*found.get("lengthened", ()), done]
        _write(run_dir / _NAME, {**found, "recipe": after, "lengthened": earlier})


def _write(path: pathlib.Path, manifest: dict[str, Any]) -> None:
    text = json.dumps(manifest, indent=2, default=recipes.to_dict)
    files.write_text(path, f"{text}\n")


def check(run_dir: pathlib.Path, **expected: Any) -> None:
    """Refuses a folder whose `recipe.json` has other entries; no file passes.

    Args:
      run_dir: the run's folder.
      **expected: entries, JSON values or dataclasses; fields that came later than the
        file make no difference while they are at their defaults.

    Raises:
      RunError: names the first field that differs.
    """
    path = run_dir / _NAME
    if not path.exists():
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise errors.RunError(
            f"{path} is damaged; remove {run_dir} to start again. Received: {error}"
        ) from None
    for key, value in expected.items():
        entry = overrides.completed(found.get(key), value)
        difference = overrides.first_difference(entry, recipes.to_dict(value), key)
        if difference:
            raise errors.RunError(
                f"{run_dir} holds a run of another recipe (there != here). "
                f"Received: {difference}. Take another --workdir, or remove it."
            )


def _processors() -> str:
    return f"CPU, {processes.cores()} cores, {_processor()}"


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.machine()


def commit() -> str | None:
    """Returns the commit of the code, or None where it is no checkout of its own.

    An installed copy may lie in the repository of somebody else. `-dirty` behind it
    says that code differs from that commit; records and pages, which a long command
    writes while it runs, are none.
    """
    here = pathlib.Path(__file__)
    if _git("ls-files", "--error-unmatch", here.name, cwd=here.parent) is None:
        return None
    head = _git("rev-parse", "--short=12", "HEAD", cwd=here.parent)
    changed = _git("diff", "--name-only", "HEAD", "--", ":/*.py", cwd=here.parent)
    return f"{head}-dirty" if changed else head


def _git(*words: str, cwd: pathlib.Path) -> str | None:
    """Returns what git answers; None if it fails."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=cwd, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
