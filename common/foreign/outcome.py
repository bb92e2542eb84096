"""What a fit has won and what it cost, and the robust model as a file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import keras

from common import files, runs
from common.foreign import adoption
from common.training import metrics

CLEAN = "clean"  # the evaluation on images as they are
_RECORD = "fit.json"


@dataclasses.dataclass(frozen=True)
class Home:
    """Where the robust model of a run goes.

    Attributes:
      run: of the fit.
      file: `.keras`, or None.
    """

    run: runs.Run
    file: pathlib.Path | None

    def check(self) -> None:
        """Refuses a file that the run cannot write.

        Raises:
          ValueError: it is there and not of this run, or no file `.keras`.
        """
        file = self.file
        if file is None:
            return
        if file.suffix != ".keras":
            raise ValueError(f"--to is a file NAME.keras. Received: --to={file}")
        files.check_file(file, "to")
        if file.exists() and not self._is_ours(file):
            raise ValueError(
                "The file of --to exists and is not of this fit; choose another one. "
                f"Received: --to={file}"
            )

    def bring(
        self, branch: str, warnings: Sequence[str] = ()
    ) -> tuple[keras.Model, dict[str, Any]]:
        """Returns the robust model and the record, writes both, and says three lines.

        Args:
          branch: of batch norm.
          warnings: for the record, which has none if they are empty.
        """
        network: adoption.Network = self.run.network()
        model = network.plain(branch)
        if not self.run.session.is_chief:
            return model, {}
        record = {**self._record(), "written": self._written()}
        if warnings:
            record["warnings"] = list(warnings)
        if self.file:
            with files.placed(self.file) as hidden:
                model.save(hidden)
                sha256 = _sha256(hidden)
                record |= {"to": self.file.name, "sha256": sha256}
                record["written"].append(sha256)
                self._note(record)  # it is known as the run's from when it is there
        else:
            self._note(record)
        print("\n".join(self._told(record)), flush=True)
        return model, record

    def _note(self, record: dict[str, Any]) -> None:
        text = json.dumps(record, indent=2)
        files.write_text(self.run.folder / _RECORD, f"{text}\n")

    def _is_ours(self, file: pathlib.Path) -> bool:
        """Whether the run has written the file, and nobody has changed it since."""
        return _sha256(file) in self._written()

    def _written(self) -> list[str]:
        """Returns the hashes of all files that the run has written."""
        path = self.run.folder / _RECORD
        found = files.read_json(path) if path.exists() else {}
        return found.get("written", [])

    def _record(self) -> dict[str, Any]:
        """Returns the accuracies before and after, by the name of the evaluation."""
        run = self.run
        found = {}
        for name in run.session.at.evaluations:
            before, after = (_read(r.record(name)) for r in (run.initial, run))
            found[name] = {"before": before, "after": after}
        minutes = metrics.training_minutes(
            run.folder / "metrics.jsonl", run.recipe.num_steps
        )
        return {
            "updates": run.recipe.num_steps,
            "minutes": minutes,
            "precision": run.recipe.network.found.precision,
            "accuracy": found,
        }

    def _told(self, record: dict[str, Any]) -> list[str]:
        """Returns what was won, what it cost on clean images, and where all is."""
        accuracy = dict(record["accuracy"])
        clean = accuracy.pop(CLEAN)
        won = (
            f"under {name}{_radius(pair['after']['attack'])} {_change(pair)}"
            for name, pair in accuracy.items()
        )
        minutes = record["minutes"]
        took = "" if minutes is None else f" in {minutes:.1f} minutes"
        place = f"{self.file} and {self.run.folder}" if self.file else self.run.folder
        return [
            f"Robust accuracy: {'; '.join(won)}",
            f"Clean accuracy: {_change(clean)}",
            f"After {record['updates']:,} updates{took}: {place}",
        ]


def _radius(attack: dict[str, Any]) -> str:
    """Returns the radius of an attack, or of the first of several, in words."""
    first = attack.get("attacks", [attack])[0]
    return f" at epsilon {first['epsilon']:g}" if "epsilon" in first else ""


def _change(pair: dict[str, Any]) -> str:
    before, after = (pair[key]["accuracy"] for key in ("before", "after"))
    total = pair["after"]["total"]
    return (
        f"{before:.2f} % before, {after:.2f} % now ({after - before:+.2f}), of {total}"
    )


def _read(path: pathlib.Path) -> dict[str, Any]:
    record = files.read_json(path)
    keys = ("accuracy", "interval", "correct", "total", "attack", "branch")
    found = {key: record.get(key) for key in keys}
    if "warnings" in record:
        found["warnings"] = record["warnings"]
    return found


def _sha256(file: pathlib.Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
