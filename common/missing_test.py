"""What is evaluated of a run, what is kept, and what has to wait."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, engine, errors, evaluation, files, manifest
from common import recipe as recipes
from common.evaluation import accuracy, examples
from common.results import measured
from common.training.mixed import Mixed


def records(run):
    found = run.records.glob("*.json")
    return {path.stem: json.loads(path.read_text()) for path in found}


def test_evaluate_counts_the_whole_test_set_as_the_tables_need(open_run):
    run = open_run()
    run.train()
    run.evaluate()
    found = records(run)
    assert set(found) == {"clean", "pgd_2"}
    kept = measured.Run(run.folder)
    for name, record in found.items():
        assert record["total"] == 500
        assert (record["evaluation"], record["recipe"]) == (name, "plain")
        assert (record["step"], record["precision"]) == (3, "float32")
        assert {"versions", "hardware", "commit"} <= set(record)
        assert kept.survived(name).sum() == record["correct"]
    assert found["pgd_2"]["attack"]["type"] == "PGD"
    assert found["pgd_2"]["correct"] < found["clean"]["correct"]
    shown = files.load_arrays(run.folder / "examples.npz", "labels")
    assert len(shown["labels"]) == examples.COUNT


def test_a_record_that_fits_is_kept_and_another_is_made_again(
    open_run, tiny_paper, evaluated
):
    run = open_run()
    run.train()
    run.evaluate(("pgd_2",))
    assert len(evaluated) == 1
    run.evaluate()
    assert evaluated[1:] == [None]  # only the clean images were missing
    stronger = attacks.PGD(epsilon=40.0, step_size=20.0, num_steps=2)
    for attack, seed in ((evaluated[0], 1), (stronger, 1)):
        known = {
            "clean": recipes.Evaluation(),
            "pgd_2": recipes.Evaluation(attack, seed=seed),
        }
        paper = dataclasses.replace(tiny_paper, evaluations={"digits": known})
        again = open_run(paper=paper)
        again.evaluate()
        assert records(again)["pgd_2"]["seed"] == seed
    assert evaluated[2:] == [evaluated[0], stronger]


def test_a_record_from_before_a_field_is_kept_while_the_field_is_at_its_default(
    open_run, tiny_paper, evaluated
):
    run = open_run()
    run.train()
    run.evaluate(("pgd_2",))
    path = run.record("pgd_2")
    record = json.loads(path.read_text())
    del record["branch"], record["attack"]["random_start"]
    path.write_text(json.dumps(record))
    run.evaluate(("pgd_2",))
    assert len(evaluated) == 1
    still = dataclasses.replace(evaluated[0], random_start=False)
    known = {"pgd_2": recipes.Evaluation(still)}
    changed = dataclasses.replace(tiny_paper, evaluations={"digits": known})
    open_run(paper=changed).evaluate(("pgd_2",))
    assert evaluated[1:] == [still]


def test_weights_of_another_recipe_are_not_evaluated(open_run, tiny_paper):
    run = open_run()
    run.train()
    run.evaluate()  # so that nothing is missing
    other = dataclasses.replace(tiny_paper.at("digits").recipe("plain"), l2=0.1)
    changed = dataclasses.replace(tiny_paper, recipes={"digits": {"plain": other}})
    with pytest.raises(errors.RunError, match=r"recipe\.l2: 0\.0002 != 0\.1"):
        open_run(paper=changed).evaluate()


def test_an_unknown_evaluation_names_the_nearest_before_any_work(open_run):
    message = r"Unknown evaluation. Received: pgd_3. Nearest: pgd_2"
    with pytest.raises(ValueError, match=message):
        open_run().evaluate(("pgd_3",))


def test_a_record_is_not_replaced_by_one_in_another_precision(open_run, evaluated):
    run = open_run()
    run.train()
    run.evaluate(("clean",))
    with pytest.raises(
        ValueError, match=r"clean.json was made in float32; give.*bfloat16"
    ):
        open_run(precision="mixed_bfloat16").evaluate(("clean",))
    assert records(run)["clean"]["precision"] == "float32"
    open_run(precision="mixed_bfloat16").evaluate()
    kept = {name: r["precision"] for name, r in records(run).items()}
    assert kept == {"clean": "float32", "pgd_2": "mixed_bfloat16"}


def test_in_low_precision_attacks_are_judged_in_float32(open_run, monkeypatch):
    run, seen = open_run(), []
    run.train()

    def spy(judges, dataset, attack, **_):
        seen.append(judges)
        raise errors.RunError("seen enough")

    monkeypatch.setattr(accuracy, "evaluate", spy)
    with pytest.raises(errors.RunError, match="seen enough"):
        open_run(precision="mixed_bfloat16").evaluate(("pgd_2",))
    (judges,) = seen
    (images, _), *_ = run.recipe.dataset.test_batches(batch_size=8)
    exact = run.network()(images, training=False)
    np.testing.assert_array_equal(judges.logits_fn(images), exact)
    difference = np.abs(judges.attacked_fn(images) - exact).max()
    assert 0 < difference < 0.05 * np.abs(exact).max()


def test_a_failure_of_the_engine_says_what_to_change(open_run, monkeypatch):
    def out_of_memory(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    run = open_run()
    run.train()
    monkeypatch.setattr(accuracy, "evaluate", out_of_memory)
    with pytest.raises(errors.RunError, match=r"smaller --eval_batch_size.*OOM when"):
        run.evaluate(("clean",))


def test_another_worker_writes_no_record(open_run, monkeypatch):
    run = open_run()
    run.train()
    monkeypatch.setattr(engine, "worker", lambda _: (1, 2))
    run.evaluate()
    assert records(run) == {}


def test_records_carry_the_environment_of_the_evaluation(open_run, monkeypatch):
    run = open_run()
    run.train()
    monkeypatch.setattr(manifest, "environment", lambda: {"hardware": "an abacus"})
    run.evaluate(("clean",))
    assert records(run)["clean"]["hardware"] == "an abacus"


def test_a_transfer_is_judged_by_the_target_on_images_drawn_by_the_seed(
    open_run, with_twins
):
    run = open_run(paper=with_twins)
    target = run.session.run("averaged")
    run.train()
    target.train()
    run.evaluate(("pgd_2_to_averaged",))
    record = records(run)["pgd_2_to_averaged"]
    assert (record["target"], record["num_images"]) == ("averaged", 60)
    assert record["total"] == 60 and record["seed"] == 3

    positions = evaluation.sample(500, 60, 3)
    images, labels = (
        np.concatenate(part)
        for part in zip(
            *run.recipe.dataset.test_batches(batch_size=500).as_numpy_iterator(),
            strict=True,
        )
    )
    images, labels = images[positions], labels[positions]
    attack = with_twins.at("digits").evaluations["pgd_2_to_averaged"].attack
    adv_images = attack(run.network(), images, labels, seed=3)
    survived = np.argmax(target.network()(adv_images), -1) == labels
    kept = measured.Run(run.folder)
    np.testing.assert_array_equal(kept.survived("pgd_2_to_averaged"), survived)


def test_a_transfer_to_a_network_that_is_not_trained_waits(
    open_run, with_twins, capsys
):
    run = open_run(paper=with_twins)
    run.train()
    run.evaluate()
    assert set(records(run)) == {"clean", "pgd_2"}
    left_out = "pgd_2_to_averaged is left out, since averaged is not trained"
    assert left_out in capsys.readouterr().out
    with pytest.raises(
        errors.RunError, match="to averaged, which is not trained; train"
    ):
        run.evaluate(("clean", "pgd_2_to_averaged"))
    run.session.run("averaged").train()
    run.evaluate()
    assert "pgd_2_to_averaged" in records(run)


def test_examples_that_are_missing_are_made_and_others_kept(open_run):
    run = open_run()
    run.train()
    run.evaluate()
    shown = run.folder / "examples.npz"
    before = shown.stat().st_mtime_ns
    run.record("clean").unlink()
    run.evaluate()
    assert shown.stat().st_mtime_ns == before
    run.record("pgd_2").unlink()  # the attack that is shown
    run.evaluate()
    assert shown.stat().st_mtime_ns > before
    shown.unlink()
    run.evaluate()
    assert shown.exists()


def test_an_evaluation_against_many_steps_compares_them(open_run, tiny_paper):
    attack = tiny_paper.at("digits").evaluations["pgd_2"].attack
    masking = recipes.Evaluation(attacks.FGSM(40.0), against=attack, num_images=60)
    run = open_run(
        paper=dataclasses.replace(
            tiny_paper,
            evaluations={"digits": {**tiny_paper.evaluations["digits"], "m": masking}},
        )
    )
    run.train()
    run.evaluate(("m",))
    record = records(run)["m"]
    assert (record["total"], record["against"]["type"]) == (60, "PGD")
    kept = measured.Run(run.folder)
    numbers = kept.numbers("m", "loss_share")
    assert numbers.mean() == pytest.approx(record["loss_share"], rel=1e-6)
    assert kept.numbers("m", "hue") is None
    made = run.record("m").stat().st_mtime_ns
    run.evaluate(("m",))
    assert run.record("m").stat().st_mtime_ns == made


def test_a_record_without_its_outcomes_is_made_again(open_run, evaluated):
    run = open_run()
    run.train()
    run.evaluate(("clean",))
    run.record("clean").with_suffix(".npz").unlink()
    run.evaluate(("clean",))
    assert len(evaluated) == 2 and run.record("clean").with_suffix(".npz").exists()


def test_a_network_of_transfers_alone_must_be_trained_too(open_run, with_twins):
    known = with_twins.evaluations["digits"]
    transfers = {"pgd_2_to_averaged": known["pgd_2_to_averaged"]}
    paper = dataclasses.replace(with_twins, evaluations={"digits": transfers})
    with pytest.raises(errors.RunError, match="train the recipe first"):
        open_run(paper=paper).evaluate()


def test_a_target_that_the_overrides_are_not_for_is_left_out(
    open_run, with_twins, capsys
):
    known = dict(with_twins.recipes["digits"])
    attack = attacks.FGSM(8.0)
    mixed = dataclasses.replace(known["plain"], method=Mixed(attack=attack))
    known |= {"plain": mixed, "same": mixed}
    paper = dataclasses.replace(with_twins, recipes={"digits": known})
    run = open_run("method.attack.epsilon=4", paper=paper, weights="initial")
    run.evaluate()
    assert set(records(run)) == {"clean", "pgd_2"}
    assert "pgd_2_to_averaged is left out" in capsys.readouterr().out


def test_a_transfer_is_made_again_if_the_target_is_another(open_run, with_twins):
    run = open_run(paper=with_twins)
    run.train()
    run.session.run("averaged").train()
    run.evaluate(("pgd_2_to_averaged",))
    path = run.record("pgd_2_to_averaged")
    before = json.loads(path.read_text())
    path.write_text(json.dumps({**before, "target_network": "another", "total": 0}))
    run.evaluate(("pgd_2_to_averaged",))
    assert records(run)["pgd_2_to_averaged"]["total"] == 60
    del before["target_network"]  # as it was written before that was noted
    path.write_text(json.dumps({**before, "total": 0}))
    run.evaluate(("pgd_2_to_averaged",))
    assert records(run)["pgd_2_to_averaged"]["total"] == 0


def other_weights(run):
    """Changes the trained weights of a run, as another training would."""
    path = run.checkpoints / f"{run.recipe.num_steps:08d}.npz"
    arrays = dict(np.load(path))
    np.savez(path, **{name: array * 0.5 for name, array in arrays.items()})


def test_other_weights_of_the_same_recipe_are_evaluated_again(open_run, with_twins):
    run = open_run(paper=with_twins)
    target = run.session.run("averaged")
    names = ("clean", "pgd_2_to_averaged")

    def made():
        run.evaluate(names)
        return [run.record(name).stat().st_mtime_ns for name in names]

    run.train()
    target.train()
    clean, transfer = first = made()
    assert made() == first
    other_weights(target)
    later = made()
    assert later[0] == clean and later[1] > transfer
    other_weights(run)
    assert all(now > then for now, then in zip(made(), later, strict=True))
    for name in names:  # as it was written before checkpoints were noted
        record = records(run)[name]
        old = {key: x for key, x in record.items() if "checkpoint" not in key}
        assert len(old) < len(record)
        run.record(name).write_text(json.dumps(old))
    kept = made()
    other_weights(run)
    assert made() == kept


def test_a_record_of_other_products_is_made_again(open_run, evaluated, monkeypatch):
    monkeypatch.setattr(engine, "products", lambda: "", raising=False)  # as on a CPU
    run = open_run()
    run.train()
    run.evaluate(("clean",))
    assert "products" not in records(run)["clean"]
    for products, times in (("tf32", 1), ("float32", 1)):  # such as before it was noted
        monkeypatch.setattr(engine, "products", lambda p=products: p, raising=False)
        run.evaluate(("clean",))
        assert len(evaluated) == times
    run.record("clean").unlink()
    run.evaluate(("clean",))
    assert records(run)["clean"]["products"] == "float32" and len(evaluated) == 2
    monkeypatch.setattr(engine, "products", lambda: "tf32", raising=False)
    run.evaluate(("clean",))
    assert records(run)["clean"]["products"] == "tf32" and len(evaluated) == 3


def test_two_processes_do_not_make_one_record(open_run, evaluated):
    run = open_run()
    run.train()
    with (
        files.alone(run.record("clean").with_suffix(".lock")),
        pytest.raises(errors.RunError, match=r"Another process.*clean\.lock"),
    ):
        run.evaluate(("clean",))
    assert not evaluated
    run.evaluate(("clean",))
    assert not list(run.records.glob("*.lock"))
