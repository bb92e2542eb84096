"""The commands, run in this process on a tiny paper."""

import dataclasses
import errno
import json
import os
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import cli
from common import recipe as recipes
from common.engine import strategy
from common.foreign import study

TINY = ("--set=num_steps=3", "--strategy=one_device")


def test_list_names_recipes_evaluations_and_tables(run):
    status, out, errors = run("list")
    assert (status, errors) == (cli.GOOD, [])
    assert out.splitlines() == [
        "A paper that nobody wrote",
        "scale digits",
        "recipes (2):",
        "  plain     replayed",
        "evaluations (2):",
        "  clean  pgd_2",
        "tables (1):",
        "  main",
    ]


def test_many_names_are_listed_in_columns_from_top_to_bottom(run, tiny_paper):
    plain = tiny_paper.at("digits").recipe("plain")
    names = [f"a_recipe_with_a_name_{n}" for n in range(61)]
    many = dataclasses.replace(
        tiny_paper,
        recipes={"digits": dict.fromkeys(names, plain)},
        evaluations={"digits": {"pgd_" + 90 * "x": recipes.Evaluation()}},
    )
    _, out, _ = run("list", paper=many)
    lines = out[out.index("recipes (61):") : out.index("evaluations (1)")].splitlines()
    assert len(lines) == 1 + 21 and max(map(len, lines)) < 80
    columns = zip(*(line.split() for line in lines[1:20]), strict=True)
    found = [name for column in columns for name in column]
    assert found == [*names[:19], *names[21:40], *names[42:61]]
    assert {name for line in lines[1:] for name in line.split()} == set(names)
    assert "  pgd_" + 90 * "x" in out.splitlines()
    assert out.endswith("tables (0):\n")


def test_cost_says_what_a_recipe_takes(run):
    status, out, errors = run("cost", "replayed", "--set=num_steps=40")
    assert (status, errors) == (cli.GOOD, [])
    assert "40 of 32 images" in out
    assert "10, each used 4 times" in out


def test_train_then_evaluate_writes_records(run, run_dir):
    assert run("train", "plain", *TINY)[0] == cli.GOOD
    folder = run_dir / "plain@num_steps=3"
    assert not (folder / "evaluations").exists()
    status, out, errors = run("evaluate", "plain", "clean", *TINY)
    assert (status, errors) == (cli.GOOD, [])
    assert "tiny plain: clean" in out
    assert [p.name for p in (folder / "evaluations").glob("*.json")] == ["clean.json"]
    assert run("evaluate", "plain", *TINY)[0] == cli.GOOD
    names = {p.stem for p in (folder / "evaluations").glob("*.json")}
    assert names == {"clean", "pgd_2"}


def test_help_shows_commands_and_flags(run):
    status, out, errors = run("--help")
    assert (status, errors) == (cli.GOOD, [])
    for name in cli.COMMANDS:
        assert f"\n  {name} " in out
    for flag in ("scale", "workdir", "data_dir", "strategy", "precision", "seed"):
        assert f"--{flag}:" in out
    assert "--set:" in out
    assert all(name in out for name in strategy.NAMES)
    assert "--branch: the branch of batch norm" in out
    assert "--[no]deterministic:" in out


def test_no_command_shows_the_help_and_is_usage(run):
    status, out, _ = run()
    assert status == cli.USAGE
    assert out.startswith("Usage: python -m tiny COMMAND")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["trian", "plain"], "Unknown command. Received: trian. Nearest: train"),
        (["train", "plane"], "recipe of tiny. Received: plane. Nearest: plain"),
        (["table", "mian"], "table of tiny. Received: mian. Nearest: main"),
        (["list", "--scale=digit"], "Received: digit. Nearest: digits"),
        (["list", "--scal=digits"], "'scal'. Did you mean: scale"),
        (["train", "plain", "--set=num_step=3"], "Nearest: num_steps"),
        (["train", "plain", "--precision=float16"], "Nearest: float32"),
        (["train", "plain", "--seed=one"], "--seed=one"),
        (["train", "plain", "--seed=-1"], "Received: seed=-1"),
        (["train"], "Wrong number of names after train; see --help"),
        (["train", "plain", "replayed"], "Received: train plain replayed"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(run, run_dir, argv, message):
    status, out, errors = run(*argv)
    assert status == cli.USAGE
    (line,) = errors
    assert re.search(message, line)
    assert "Traceback" not in out
    assert not run_dir.exists()


# A value of each flag that is not its default.
VALUES = {
    "scale": "paper",
    "data_dir": "here",
    "precision": "mixed_bfloat16",
    "seed": "1",
    "set": "l2=0",
    "weights": "raw",
    "branch": "clean",
    "eval_batch_size": "9",
    "replicas_per_device": "2",
    "checkpoint_every": "9",
    "strategy": "one_device",
    "deterministic": "True",
    "json": "answers.json",
    "attack": "pgd_2",
    "to": "robust.keras",
    "epochs": "2.0",
    "steps": "7",
    "batch_size": "5",
    "rate": "0.5",
    "epsilon": "4.0",
    "crop": "3",
    "flip": "True",
}
NAMES = {
    "cost": ["plain"],
    "train": ["plain"],
    "evaluate": ["plain"],
    "table": ["main"],
    "fit": ["c.keras", "images"],
    "export": ["plain"],
}


def test_every_flag_is_of_all_commands_or_has_a_value_here():
    assert {*VALUES, *cli.OF_ALL, "help"} == set(cli.define_flags())


@pytest.mark.parametrize("word", cli.COMMANDS)
def test_a_flag_that_a_command_would_ignore_is_refused(run, run_dir, word):
    command = cli.COMMANDS[word]
    names = ["images", "c.keras"] if word == "study" else NAMES.get(word, [])
    for flag in set(VALUES) - {*command.flags, *command.own}:
        status, out, (line,) = run(word, *names, f"--{flag}={VALUES[flag]}")
        assert (status, out) == (cli.USAGE, "")
        assert re.search(rf"{word} has no use for --{flag}; it takes --", line)
        assert line.endswith(f"Received: --{flag}={VALUES[flag]}")
    assert not run_dir.exists()


def test_what_keras_json_says_is_set_aside(run):
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float16")
    assert run("cost", "plain")[0] == cli.GOOD
    assert keras.config.image_data_format() == "channels_last"
    assert keras.config.floatx() == "float32"


@pytest.fixture
def network(tmp_path):
    """Returns the string of a network of two classes, dark and light."""
    file = tmp_path / "light.keras"
    dense = keras.layers.Dense(2, activation="softmax")
    pool = keras.layers.GlobalAveragePooling2D()
    network = keras.Sequential([keras.Input((8, 8, 3)), pool, dense])
    dense.set_weights([np.array([[-9, 9]] * 3), np.array([9, -9])])
    network.save(file)
    return f"{file}?pixels=unit"


@pytest.fixture
def photographs(tmp_path):
    for name, value in (("dark", 20), ("light", 240)):
        (tmp_path / "images" / name).mkdir(parents=True)
        pixels = tf.fill((9, 9, 3), tf.constant(value, tf.uint8))
        for number in range(3):
            file = tmp_path / "images" / name / f"{number}.png"
            file.write_bytes(tf.io.encode_png(pixels).numpy())
    return str(tmp_path / "images")


def test_study_honours_its_flags(run, tmp_path, network, photographs, monkeypatch):
    given = []
    measure = study.study
    monkeypatch.setattr(
        study, "study", lambda *a, **k: given.append(k) or measure(*a, **k)
    )
    assert run("study", photographs, network)[::2] == (cli.GOOD, [])
    flags = ("--seed=3", "--eval_batch_size=4", "--strategy=mirrored")
    assert run("study", photographs, network, *flags)[::2] == (cli.GOOD, [])
    defaults, found = given
    assert (defaults["seed"], defaults["batch_size"]) == (0, 50)
    assert (found["seed"], found["batch_size"]) == (3, 4)
    assert found["distribution"].num_replicas_in_sync == 2
    folder = tmp_path / "runs" / "tiny" / "study" / "light" / "evaluations"
    for path in folder.glob("*.json"):
        record = json.loads(path.read_text())
        assert (record["seed"], record["total"], record["correct"]) == (3, 6, 6)


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        ([], ["pgd_2"]),
        (["--attack=autoattack"], ["autoattack"]),
        (
            ["--attack=pgd_2", "--attack=autoattack_quick"],
            ["pgd_2", "autoattack_quick"],
        ),
    ],
)
def test_study_takes_autoattack_only_if_it_is_named(
    run, tiny_paper, network, photographs, monkeypatch, flags, names
):
    known = {**tiny_paper.at("paper").evaluations, **recipes.autoattacks(8.0)}
    paper = dataclasses.replace(tiny_paper, evaluations={"paper": known, "digits": {}})
    given = []
    monkeypatch.setattr(study, "study", lambda *a, **k: given.append(a[2]))
    assert run("study", photographs, network, *flags, paper=paper)[0] == cli.GOOD
    (attacks,) = given
    assert attacks == {name: known[name].attack for name in names}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["IMAGES", "{network}", "--attack=pgd"], "attack of a study.*pgd_2"),
        (["IMAGES", "no.keras"], "No such file.*Received: no.keras"),
        (["IMAGES", "{network}", "{network}"], r"add \?name="),
        (["nowhere", "{network}"], "Received: folder=nowhere"),
        (["IMAGES"], "one or more classifiers"),
        ([], "Wrong number of names after study"),
    ],
)
def test_wrong_use_of_study_is_one_line(run, network, photographs, argv, message):
    words = [word.format(network=network) for word in argv]
    words = [photographs if word == "IMAGES" else word for word in words]
    status, _, (line,) = run("study", *words)
    assert status == cli.USAGE and re.search(message, line)


def test_a_failure_of_the_engine_in_a_study_is_one_line(
    run, network, photographs, monkeypatch
):
    def fail(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM\nat length")

    monkeypatch.setattr(study, "study", fail)
    status, _, (line,) = run("study", photographs, network)
    assert status == cli.FAILED
    assert line.endswith("--eval_batch_size. Received: ResourceExhaustedError: OOM")


def test_a_folder_that_cannot_be_written_fails_in_one_line(run, tmp_path):
    (tmp_path / "runs").write_text("a file")
    status, _, errors = run("train", "plain", *TINY)
    assert status == cli.FAILED
    (line,) = errors
    assert str(tmp_path / "runs") in line


@pytest.mark.parametrize(
    ("words", "writer", "folder"),
    [
        (["train", "plain"], "savez", "checkpoints"),
        (["evaluate", "plain", "clean"], "savez_compressed", "evaluations"),
    ],
)
def test_a_full_disk_is_one_line_and_the_command_goes_on_once_there_is_room(
    run, run_dir, monkeypatch, words, writer, folder
):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if words[0] == "evaluate":
        run("train", "plain", *TINY)
    with monkeypatch.context() as full:
        full.setattr(np, writer, fail)
        status, _, (line,) = run(*words, *TINY)
    place = run_dir / "plain@num_steps=3" / folder
    assert status == cli.FAILED
    assert line.startswith(f"error: No space is left in {place}; what was finished")
    assert run(*words, *TINY)[::2] == (cli.GOOD, [])


def test_deterministic_is_asked_for_when_the_flag_says_so(run, monkeypatch):
    asked = []
    monkeypatch.setattr(cli.engine, "make_deterministic", lambda: asked.append("asked"))
    run("cost", "plane")
    assert asked == []
    run("cost", "plane", "--deterministic")
    assert asked == ["asked"]


@pytest.mark.parametrize("words", [["list"], ["claims"], ["cost", "plain"]])
def test_what_needs_no_cluster_joins_none(run, monkeypatch, words):
    def joined(*args):
        raise AssertionError("a cluster")

    tasks = {"worker": ["localhost:1", "localhost:2"]}
    config = {"cluster": tasks, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    monkeypatch.setattr(cli.engine, "make", joined)
    assert not cli.COMMANDS[words[0]].computes
    assert run(*words)[::2] == (cli.GOOD, [])


def test_the_flags_of_the_process_are_the_default(tiny_paper, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["tiny", "list", "--scale=paper"])
    assert cli.main(tiny_paper) == cli.GOOD
    assert "scale paper" in capsys.readouterr().out


def test_the_session_holds_the_flags(tiny_paper):
    values = cli.define_flags()
    values(["tiny", "--data_dir=/data", "--set=l2=0", "--set=num_steps=5", "--seed=2"])
    session = cli.open_session(tiny_paper, values)
    assert session.overrides == ("l2=0", "num_steps=5", "seed=2")
    assert (session.data_dir, session.at.scale) == ("/data", "digits")
    assert (session.precision, os.fspath(session.workdir)) == ("float32", "runs")
    assert (session.weights, session.branch) == ("", "")
    values(["tiny", "--branch=adversarial"])
    assert cli.open_session(tiny_paper, values).branch == "adversarial"
