"""Which weights the command line gives to which recipe."""

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


def test_two_files_for_one_recipe_are_refused(tiny_paper, capsys):
    words = ["tiny", "evaluate", "plain", "--weights=a", "--weights=b"]
    assert cli.main(tiny_paper, words) == cli.USAGE
    assert capsys.readouterr().err.rstrip().endswith("Received: a and b")
