"""Networks that take the weights of run after run."""

import json

from common.evaluation import judges


def counted(run):
    """Returns what is right in each record of a run."""
    paths = run.records.glob("*.json")
    return {path.stem: json.loads(path.read_text())["correct"] for path in paths}


def test_runs_of_one_kind_of_network_share_judges_and_no_weights(
    open_run, with_twins, monkeypatch
):
    compiled = []
    compile_judge = judges._compile

    def spy(logits_fn, attacked_fn, kind):
        compiled.append(type(kind).__name__)
        return compile_judge(logits_fn, attacked_fn, kind)

    monkeypatch.setattr(judges, "_compile", spy)
    plain = open_run(paper=with_twins)
    averaged = plain.session.run("averaged")
    asked = [
        (plain, ("clean", "pgd_2", "pgd_2_to_averaged")),
        (averaged, ("clean", "pgd_2")),
    ]
    for run, _ in asked:
        run.train()
    for run, names in asked:
        run.evaluate(names)
    # Of the attacked network, and of the one that is shown its images.
    assert sorted(compiled) == ["Clean", "Clean", "PGD"]
    for run, names in asked:
        together = counted(run)
        for name in names:
            run.record(name).unlink()
        open_run(paper=with_twins, name=run.name).evaluate(names)
        for name, alone in counted(run).items():
            assert alone == together[name], (run.name, name)
