"""Runs benchmarks and writes their records, the page and the figure.

    python -m benchmarks [a b c d e f g h i j] [--norun] [--workdir=runs]
        [--classifier=FILE?pixels=raw|unit|tf ...]

Without letters all are run. `g` also takes saved models of CIFAR-10's images, with what
their pixels are. Exit status: 0 every bound is met or not run, 1 one is missed, 2
usage, 3 a benchmark failed.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence

from absl import flags

from benchmarks import figure, questions, records, report
from common import cli, errors

FOLDER = pathlib.Path(__file__).parent
PEERS = FOLDER.parent / ".venv-peers" / "bin" / "python"
PEERS_LETTERS = ("e", "g", "h", "i", "j")
JAX_LETTER, CLASSIFIER_LETTER = "f", "g"


def main(argv: Sequence[str]) -> int:
    """Runs what the words say and returns the exit status."""
    values = flags.FlagValues()
    flags.DEFINE_boolean("run", True, "measure", flag_values=values)
    flags.DEFINE_string("workdir", "runs", "folder of all runs", flag_values=values)
    flags.DEFINE_multi_string(
        "classifier", [], "further networks of g", flag_values=values
    )
    flags.DEFINE_boolean("help", False, "show this", flag_values=values)
    try:
        letters = values(list(argv))[1:] or list(questions.QUESTIONS)
        if values.help:
            print(__doc__)
            return cli.GOOD
        unknown = [letter for letter in letters if letter not in questions.QUESTIONS]
        if unknown:
            raise ValueError(
                f"Expected letters of {' '.join(questions.QUESTIONS)}. "
                f"Received: {' '.join(unknown)}"
            )
        letters = letters if values.run else []
        _check_classifiers(values.classifier, letters)
        for letter in letters:
            more = values.classifier if letter == CLASSIFIER_LETTER else []
            _measure(letter, values.workdir, more)
        return _report()
    except Exception as error:
        return cli.fail(error)


def _check_classifiers(classifiers: Sequence[str], letters: Sequence[str]) -> None:
    """Refuses networks that cannot be taken, or that nobody asked about.

    Raises:
      ValueError: see above.
      FileNotFoundError: there is no such file.
    """
    if not classifiers:
        return
    if CLASSIFIER_LETTER not in letters:
        raise ValueError(
            f"--classifier is for {CLASSIFIER_LETTER}, which is not run. "
            f"Received: --classifier={classifiers[0]}"
        )
    from benchmarks import trained  # takes seconds, which nothing else here needs

    for classifier in classifiers:
        trained.said(classifier)


def _measure(letter: str, workdir: str, classifiers: Sequence[str]) -> None:
    """Runs one benchmark in a process of its own, if what it needs is installed.

    Raises:
      RunError: it failed; it has said why.
    """
    python = str(PEERS) if letter in PEERS_LETTERS else sys.executable
    if letter in PEERS_LETTERS and not PEERS.exists():
        print(
            f"{letter}: not run, since {PEERS} is missing; see requirements-peers.txt"
        )
        return
    if letter == JAX_LETTER and not importlib.util.find_spec("jax"):
        print(f"{letter}: not run, since JAX is missing; see requirements-jax.txt")
        return
    print(f"{letter}: {questions.QUESTIONS[letter].title}", flush=True)
    command = [python, "-m", "benchmarks.measure", letter]
    done = subprocess.run(
        [*command, *map(_absolute, [workdir, *classifiers])],
        cwd=FOLDER.parent,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "KERAS_BACKEND": "tensorflow"},
        check=False,
    )
    if done.returncode:
        raise errors.RunError(
            f"Benchmark {letter} failed. Received: exit status {done.returncode}"
        )


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def _report() -> int:
    """Writes page and figure from all records; returns the exit status."""
    found = {letter: records.load(letter) for letter in questions.QUESTIONS}
    figure.save(found, FOLDER / "ratios")
    report.write(FOLDER / "README.md", found)
    missed = False
    for letter, record in found.items():
        verdict = questions.QUESTIONS[letter].verdict(record)
        print(f"{letter}: {verdict}")
        missed |= verdict == questions.MISSED
    return cli.OUTSIDE if missed else cli.GOOD


if __name__ == "__main__":
    sys.exit(main(sys.argv))
