"""Which weights the command line gives to which recipe."""

import pytest

from common import cli


def test_weights_are_of_the_recipe_and_by_name_of_others(tiny_paper, monkeypatch):
    opened = []
    monkeypatch.setattr(cli.runs.Run, "evaluate", lambda run, _: opened.append(run))
    name, other = list(tiny_paper.recipes["digits"])[:2]
    words = [
        "tiny",
        "evaluate",
        name,
        "--weights=a=b.ckpt",
        f"--weights={other}=c.ckpt",
    ]
    assert cli.main(tiny_paper, words) == cli.GOOD
    (run,) = opened
    assert run.weights == "a=b.ckpt"  # a file may have any name
    assert run.session.run(other).weights == "c.ckpt"


@pytest.mark.parametrize("words", [("a", "b"), ("a", "plain=raw"), ("plain=initial",)])
def test_two_files_for_one_recipe_or_none_are_refused(tiny_paper, capsys, words):
    given = [f"--weights={word}" for word in words]
    assert cli.main(tiny_paper, ["tiny", "evaluate", "plain", *given]) == cli.USAGE
    received = f"Received: {' and '.join(words)}"
    assert capsys.readouterr().err.rstrip().endswith(received)


def test_weights_that_nothing_reads_are_refused(tiny_paper, tmp_path, capsys):
    words = ["tiny", "evaluate", "plain", "clean", f"--workdir={tmp_path}"]
    assert cli.main(tiny_paper, [*words, "--weights=replayed=a"]) == cli.USAGE
    assert capsys.readouterr().err.rstrip().endswith("Received: replayed")
