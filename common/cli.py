"""The commands of every paper: `python -m PAPER list | train R | evaluate R | ...`.

Exit status: 0 good, 1 a number is outside its tolerance or a claim fails, 2 wrong
usage, 3 the run failed.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import math
import pathlib
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags

from common import engine, errors, files, logs, processes, runs
from common import recipe as recipes
from common.names import lookup
from common.results import cells, claims, exchange, text
from common.results.answers import Results
from common.training import cost, learner

GOOD, OUTSIDE, USAGE, FAILED = 0, 1, 2, 3
BATCH_SIZE = 250
USAGE_ERRORS = (ValueError, FileNotFoundError, flags.Error)
RUN_ERRORS = (errors.RunError, OSError)  # such as a full disk

HELP = """Usage: python -m {paper} COMMAND [NAME ...] [flags]

{title}

Commands:
  list                 recipes, evaluations and tables of the scale
  cost R               updates, passes over the data, operations and estimated hours
  train R              train a recipe; the same command again goes on
  evaluate R [E ...]   evaluate a trained recipe, by default as the tables need it
  table T              train and evaluate what a table needs, and compare
  claims               the paper's statements, judged by what has been measured
  study IMAGES C ...   attack trained Keras classifiers C on a folder of photographs as
                       the paper does, and count which images fool the others, too;
                       IMAGES is FOLDER, or FOLDER?split=NAME for the folder in it
  fit C DATA           train a Keras classifier further by the paper's method, and say
                       what was won (not in ensemble_at); DATA is a folder of class
                       folders, a file .npz, or the name of a dataset of TFDS
  export R             write a trained recipe's network as a plain Keras model, which
                       takes pixels in [0, 255] (--to=NAME.keras), as a SavedModel
                       (--to=FOLDER), or its weights (--to=NAME.weights.h5)

  Every paper has AutoAttack, by which robust accuracy is usually published: evaluate
  R autoattack (or autoattack_quick, _plus, _rand), and in a study --attack=autoattack

  A classifier C is model.keras?pixels=tf (or unit, raw, torch, caffe), or a network of
  keras.applications with a file of its weights: MobileNetV2:weights.h5?image_size=224
  Further options: name=, image_size=, output= (which one, if there are several),
  frozen=batch_norm, and background=first (or last), a class that is dropped

Flags (a command refuses those that it has no use for):
{flags}
Exit status: 0 good, 1 a number is outside its tolerance or a claim fails, 2 wrong
usage, 3 the run failed.
"""


_STRATEGY = "auto or one_device; of TensorFlow also mirrored, multi_worker and tpu"
_WEIGHTS = (
    "weights to evaluate: a released or exported file, or raw for the weights of the "
    "last update instead of the average; NAME=FILE gives those of a transfer's target"
)
_BRANCH = (
    "the branch of batch norm that fit and export write; for evaluate, the branch that "
    "replaces that of each evaluation, with records in a folder of their own"
)
_REPLICAS = (
    "replicas that a device is in training, one after the other, where its part of a "
    "minibatch does not fit into memory; of TensorFlow"
)
_CHECKPOINTS = "updates between two checkpoints; default: as the recipe says"
_ATTACK = (
    "of a study, the name of an evaluation; may come several times. Default: those of "
    "the paper that run on every recipe, without AutoAttack"
)
_EPOCHS = "of fit: passes over the data; Free training uses a minibatch several times"
_CROP = "of fit: pixels around an image, before a random crop; 0 for none"
_DETERMINISTIC = "bit-identical repetition on GPUs, at some speed; CPUs repeat anyway"
_FLAGS: tuple[tuple[Any, ...], ...] = (  # how each is defined: name, default, help
    (flags.DEFINE_string, "scale", "digits", "paper, small or digits"),
    (flags.DEFINE_string, "workdir", "runs", "folder of all runs"),
    (flags.DEFINE_string, "data_dir", None, "TFDS folder; default TFDS_DATA_DIR"),
    (flags.DEFINE_string, "strategy", "auto", _STRATEGY),
    (flags.DEFINE_string, "precision", "float32", ", ".join(learner.PRECISIONS)),
    (flags.DEFINE_integer, "seed", None, "that of the recipe, or of a study's attacks"),
    (flags.DEFINE_multi_string, "set", [], "override a field: --set method.epsilon=4"),
    (flags.DEFINE_multi_string, "weights", [], _WEIGHTS),
    (flags.DEFINE_string, "branch", "", _BRANCH),
    (
        *(flags.DEFINE_integer, "eval_batch_size", None),
        *("images evaluated at a time; default 250, in a study 50", 1),
    ),
    (flags.DEFINE_integer, "replicas_per_device", 1, _REPLICAS, 1),
    (flags.DEFINE_integer, "checkpoint_every", 0, _CHECKPOINTS, 0),
    (flags.DEFINE_multi_string, "attack", [], _ATTACK),
    (flags.DEFINE_string, "to", "", "of fit and export: the file or folder to write"),
    (flags.DEFINE_float, "epochs", None, _EPOCHS),
    (flags.DEFINE_integer, "steps", None, "of fit: updates, in place of --epochs", 1),
    (flags.DEFINE_integer, "batch_size", None, "of fit: images per update", 1),
    (flags.DEFINE_float, "rate", None, "of fit: the first learning rate"),
    (flags.DEFINE_float, "epsilon", None, "of fit: radius, in pixels of 255"),
    (flags.DEFINE_integer, "crop", None, _CROP, 0),
    (flags.DEFINE_boolean, "flip", None, "of fit: flip half of the images"),
    (flags.DEFINE_boolean, "deterministic", False, _DETERMINISTIC),
    (flags.DEFINE_string, "json", None, "write what is said to this file as well"),
    (flags.DEFINE_boolean, "help", False, "show this"),
)


def define_flags() -> flags.FlagValues:
    """Returns the flags of all commands, at their defaults."""
    values = flags.FlagValues()
    for define, *definition in _FLAGS:
        define(*definition, flag_values=values)
    logs.define_flag(values)
    return values


def main(paper: recipes.Paper, argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status.

    Args:
      paper: what the paper package offers.
      argv: program name, command, names and flags; those of the process by default.
    """
    values = define_flags()
    try:
        _, *words = values(list(sys.argv if argv is None else argv))
        if values.help or not words:
            said = values.get_help().split("\n", 1)[1]
            print(HELP.format(paper=paper.name, title=paper.title, flags=said))
            return GOOD if values.help else USAGE
        command = lookup(COMMANDS, words[0], "command")
        _check_names(command, words)
        taken = (*command.flags, *command.own, *OF_ALL)
        check_flags(words[0], taken, values)
        values.eval_batch_size = values.eval_batch_size or command.batch_size
        if argv is None:
            processes.end_on_signals(in_cluster=command.computes)
        options = {name: values[name].value for name in command.own}
        return command.run(open_session(paper, values), *words[1:], **options)
    except Exception as error:
        return fail(error)


def open_session(paper: recipes.Paper, values: flags.FlagValues) -> runs.Session:
    """Returns where and how to run, as the flags say.

    Raises:
      ValueError: a flag names something unknown.
    """
    logs.show(values.verbosity)
    if values.deterministic:
        engine.make_deterministic()
    overrides = list(values["set"].value or ())
    if values.seed is not None:
        overrides.append(f"seed={values.seed}")
    at = paper.at(values.scale)
    weights, target_weights = _weights(at, values.weights)
    return runs.Session(
        at,
        pathlib.Path(values.workdir).expanduser(),
        strategy=values.strategy,
        data_dir=values.data_dir,
        precision=values.precision,
        overrides=tuple(overrides),
        weights=weights,
        target_weights=target_weights,
        branch=values.branch,
        eval_batch_size=values.eval_batch_size or BATCH_SIZE,
        replicas_per_device=values.replicas_per_device,
        checkpoint_every=values.checkpoint_every,
    )


def _weights(
    at: recipes.PaperAtScale, words: Sequence[str]
) -> tuple[str, dict[str, str]]:
    """Returns the weights of the recipe that is evaluated, and of others by name.

    Raises:
      ValueError: two files for one recipe.
    """
    found: dict[str, str] = {}
    for word in words:
        name, named, file = word.partition("=")
        is_named = named and name in at.recipes
        name, file = (at.run_name(name), file) if is_named else ("", word)
        if name in found or (is_named and file in runs.OF_A_TRAINING):
            raise ValueError(
                "--weights names one file a recipe: the one that is evaluated, and "
                f"NAME=FILE of others. Received: {' and '.join(words)}"
            )
        found[name] = file
    return found.pop("", ""), found


def _list(session: runs.Session) -> int:
    known, paper = session.at, session.at.paper
    print(f"{paper.title}\nscale {known.scale}")
    kinds = {
        "recipes": list(known.recipes),
        "evaluations": list(known.evaluations),
        "tables": [table.name for table in paper.tables if known.cells(table)],
    }
    for kind, names in kinds.items():
        print(f"{kind} ({len(names)}):", *_columns(names), sep="\n  ")
    return GOOD


def _columns(names: Sequence[str], width: int = 78) -> list[str]:
    """Returns the lines of a list in columns, each read from top to bottom."""
    cell = max(map(len, names), default=0) + 2
    num_lines = math.ceil(len(names) / max(1, width // cell))
    rows = (names[line::num_lines] for line in range(num_lines))
    return ["".join(name.ljust(cell) for name in row).rstrip() for row in rows]


def _cost(session: runs.Session, name: str) -> int:
    recipe = session.run(name).recipe
    engine.prepare()
    print(cost.describe(recipe))
    return GOOD


def _train(session: runs.Session, name: str) -> int:
    session.run(name).train()
    return GOOD


def _evaluate(session: runs.Session, name: str, *evaluations: str) -> int:
    session.run(name).evaluate(evaluations)
    return GOOD


def _table(session: runs.Session, name: str, *, json: str | None = None) -> int:
    shown = session.at.cells(session.at.paper.table(name))
    place = pathlib.Path(json).expanduser() if json else None
    if place:
        files.check_file(place, "json")
    if not shown:
        raise ValueError(
            f"Table {name} has no cell at this scale; use another --scale. "
            f"Received: scale={session.at.scale}"
        )
    wanted: dict[str, list[str]] = {}
    for cell in (candidate for each in shown for candidate in each.candidates):
        names = [key for key in cell.evaluations if key != recipes.TRAINING_TIME]
        wanted.setdefault(cell.recipe, []).extend(names)
    left_out = runs.run_all(session, wanted)
    if not session.is_chief:
        return GOOD
    results = Results(session.at, session.workdir)
    compared = {name: results.cells[name]}
    print(text.comparison(compared))
    if place:
        exchange.write(place, [exchange.paper(results, tables=compared)])
    return FAILED if left_out else cells.exit_status(compared)


def _claims(session: runs.Session, *, json: str | None = None) -> int:
    results = Results(session.at, session.workdir)
    print(text.claims(results))
    if json:
        answers = exchange.paper(results, claims=results.claims)
        exchange.write(pathlib.Path(json).expanduser(), [answers])
    return claims.exit_status(results.claims)


def _study(session: runs.Session, images: str, *specs: str, **own: Any) -> int:
    return _foreign().study(session, images, *specs, **own)


def _fit(session: runs.Session, model: str, data: str, **options: Any) -> int:
    return _foreign().fit(session, model, data, **options)


def _export(session: runs.Session, name: str, *, to: str = "") -> int:
    return _foreign().export(session, name, to=to)


def _foreign() -> Any:
    """Returns the commands about networks of others, which look at those of Keras."""
    engine.prepare()  # which holds back what is logged when Keras is imported
    return importlib.import_module("common.foreign.commands")


def _check_names(command: Command, words: Sequence[str]) -> None:
    try:
        inspect.signature(command.run).bind(None, *words[1:])
    except TypeError:
        raise ValueError(
            f"Wrong number of names after {words[0]}; see --help. "
            f"Received: {' '.join(words)}"
        ) from None


def check_flags(word: str, taken: Sequence[str], values: flags.FlagValues) -> None:
    """Refuses a flag that is not taken by a command, with a ValueError."""
    for name in values:
        value = values[name].value
        if name not in (*taken, "help") and value != values[name].default:
            first = value[0] if isinstance(value, list) else value
            raise ValueError(
                f"{word} has no use for --{name}; it takes --{', --'.join(taken)}. "
                f"Received: --{name}={first}"
            )


def fail(error: Exception) -> int:
    """Prints an error as one line and returns the exit status.

    A fault of this code is printed whole; its status must not be that of a verdict.
    """
    if not isinstance(error, USAGE_ERRORS + RUN_ERRORS):
        traceback.print_exception(error)
        return FAILED
    print(f"error: {error}", file=sys.stderr)
    return USAGE if isinstance(error, USAGE_ERRORS) else FAILED


@dataclasses.dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
      run: takes the session and the names, and returns the exit status.
      flags: those that it has a use for, beside `OF_ALL`.
      own: those that it takes by name, since no session has them.
      batch_size: images evaluated at a time, unless the flag says it.
    """

    run: Callable[..., int]
    flags: tuple[str, ...]
    own: tuple[str, ...] = ()
    batch_size: int = BATCH_SIZE

    @property
    def computes(self) -> bool:
        """Whether it computes where `--strategy` says, such as in a cluster."""
        return "strategy" in self.flags


OF_ALL = ("workdir", "verbosity")
_PLACE = ("strategy", "deterministic")
_RECIPE = ("scale", "set", "seed")
_RUN = ("scale", "data_dir", "precision", *_PLACE)
_TRAINING = ("replicas_per_device", "checkpoint_every")
_FIT = ("to", "epochs", "steps", "batch_size", "rate", "epsilon", "crop", "flip")
COMMANDS = {
    "list": Command(_list, ("scale",)),
    "cost": Command(_cost, (*_RECIPE, "deterministic")),
    "train": Command(_train, (*_RUN, "set", "seed", *_TRAINING)),
    "evaluate": Command(
        _evaluate, (*_RUN, "set", "seed", "weights", "branch", "eval_batch_size")
    ),
    "table": Command(_table, (*_RUN, "eval_batch_size", *_TRAINING), own=("json",)),
    "claims": Command(_claims, ("scale",), own=("json",)),
    "study": Command(
        _study, ("eval_batch_size", *_PLACE), own=("seed", "attack"), batch_size=50
    ),
    "fit": Command(
        _fit,
        (
            *("data_dir", "set", "seed", "branch", "eval_batch_size"),
            *(*_TRAINING, *_PLACE),
        ),
        own=_FIT,
    ),
    "export": Command(
        _export, ("scale", "set", "seed", "weights", "branch", *_PLACE), own=("to",)
    ),
}
