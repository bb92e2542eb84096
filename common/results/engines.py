"""One recipe as two engines trained and evaluated it, side by side."""

from __future__ import annotations

import pathlib

from common.results import measured, packages

JAX = "jax"  # folder of that engine's records, beside those of the papers


def markdown(paper: str, scale: str, workdir: pathlib.Path, name: str) -> str:
    """Returns a table of accuracies in percent with their intervals, and minutes.

    Args:
      paper: name of the paper package.
      scale: such as `small`.
      workdir: folder of the records.
      name: of the recipe.
    """
    found = packages.find(paper)
    evaluations = found.at(scale).needed_evaluations(name)
    lines = [["engine", *evaluations, "minutes"]]
    lines += [["---"] * len(lines[0])]
    for title, folder in (("TensorFlow", workdir), ("JAX", workdir / JAX)):
        run = measured.runs_of(found, scale, folder).get(name)
        lines.append([title, *_cells(run, evaluations)])
    return (
        "\n".join(f"| {' | '.join(line)} |" for line in lines)
        + "\n\nThe same recipe from initial weights of each engine's own: `python -m "
        f"{paper} train {name} --scale={scale}`, then `evaluate`; for JAX with "
        f"KERAS_BACKEND=jax and `--workdir=runs/{JAX}`."
    )


def _cells(run: measured.Run | None, evaluations: tuple[str, ...]) -> list[str]:
    if run is None:
        return ["not run"] * (len(evaluations) + 1)
    cells = []
    for record in map(run.evaluation, evaluations):
        if record is None:
            cells.append("not run")
        else:
            low, high = record.interval
            cells.append(f"{record.accuracy:.2f} [{low:.2f}, {high:.2f}]")
    minutes = run.training_minutes
    return [*cells, "not finished" if minutes is None else f"{minutes:.2f}"]
