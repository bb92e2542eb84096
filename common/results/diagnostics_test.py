import dataclasses

import numpy as np
import pytest

from common import attacks, data, recipe
from common.attacks.cost import TrainingCost
from common.evaluation import sampling
from common.recipe import Evaluation


@pytest.fixture
def diagnose(results, paper):
    """Returns a function: the findings, of the paper as it is or as it was changed."""

    def found(of=paper):
        return [(f.kind, f.message) for f in results(of=of).findings]

    return found


@pytest.fixture
def of_digits(paper):
    """Returns the paper with a recipe on digits."""
    found = dataclasses.replace(paper.recipes["paper"]["free_4"], dataset=data.Digits())
    return dataclasses.replace(paper, recipes={"paper": {"free_4": found}})


def probe(step, clean, fgsm, pgd):
    accuracies = {"clean_accuracy": clean, "fgsm_accuracy": fgsm, "pgd_accuracy": pgd}
    return {"kind": "probe", "step": step, **accuracies}


@pytest.mark.parametrize(
    "counts",
    [
        {"clean": 800, "random_sign": 780, "pgd_20": 500, "pgd_100": 490},
        {"pgd_20": 500, "pgd_20_restarts_10": 495, "pgd_20_eps2": 700},
        {"pgd_20": 550, "cw_20": 500},  # two losses a little apart
        {"pgd_20": 500, "pgd_100": 502},  # within the noise of the pairs
    ],
)
def test_a_healthy_run_has_no_warning(diagnose, write_run, outcomes, counts):
    write_run(
        "free_4",
        {name: outcomes(correct) for name, correct in counts.items()},
        metrics=(probe(5, 50, 35, 30), probe(10, 80, 55, 50)),
    )
    assert diagnose() == []


@pytest.mark.parametrize(
    ("counts", "kind", "words"),
    [
        ({"clean": 500, "pgd_20": 550}, "label leak", "pgd_20 above clean"),
        ({"pgd_20": 500, "pgd_100": 550}, "masking", "(less num_steps) by 5.00"),
        ({"random_sign": 500, "pgd_20": 501}, "noise", "leaves as few right as pgd_20"),
        ({"fgsm": 450, "pgd_20": 500}, "masking", "pgd_20 above fgsm (less num_steps)"),
        ({"pgd_20": 600, "cw_20": 500}, "masking", "pgd_20 above cw_20 (another loss)"),
    ],
)
def test_too_good_an_evaluation_is_named(
    diagnose, write_run, outcomes, counts, kind, words
):
    write_run("free_4", {name: outcomes(n) for name, n in counts.items()})
    ((found, message),) = diagnose()
    assert found == kind
    assert words in message


def test_what_a_record_warns_of_is_told(diagnose, write_run, outcomes):
    warned = {"survived": outcomes(500), "warnings": ["30 images have no gradient"]}
    write_run("free_4", {"pgd_20": warned, "pgd_100": outcomes(500)})
    assert diagnose() == [("record", "pgd_20: 30 images have no gradient")]


def test_what_the_probe_saw_is_told_by_kind_with_its_first_step(diagnose, write_run):
    lines = (
        probe(5, 70, 45, 40),
        probe(10, 80, 60, 5),
        probe(15, 80, 60, 0),
        {**probe(20, 80, 45, 40), "no_gradient": 7},
    )
    write_run("free_4", {}, metrics=lines)
    assert diagnose() == [
        (
            "overfitting",
            "probe at step 10: PGD accuracy fell to 5.0 % after 40.0 %, while FGSM's "
            "is 60.0 %; 1 more later",
        ),
        (
            "gradient",
            "probe at step 20: 7 images of the probe are right and have no gradient, "
            "so that no attack could move them",
        ),
    ]


def test_the_probe_is_judged_by_what_it_was(diagnose, write_run):
    attack = recipe.to_dict(attacks.PGD(8.0, 2.0, 10))
    for name, fields in {"strong": {}, "targeted": {"targeted": "random"}}.items():
        write_run(
            name,
            {},
            metrics=(probe(5, 70, 30, 60),),
            recipe={"probe": {**attack, **fields}},
        )
    ((kind, message),) = diagnose()
    assert kind == "masking" and "PGD leaves 60.0 % right, more than" in message


def test_natural_training_is_not_called_overfitting(diagnose, write_run):
    lines = (probe(5, 80, 30, 2), probe(10, 95, 40, 0))
    recipe_of = {"probe": recipe.to_dict(attacks.PGD(8.0, 2.0, 10))}
    write_run("natural", {}, metrics=lines, recipe=recipe_of)
    assert {kind for kind, _ in diagnose()} == {"record"}  # of the probe's recipe


def test_an_alarm_that_the_rule_does_not_raise_is_not_repeated(diagnose, write_run):
    alarm = {"kind": "alarm", "step": 5, "message": "the network masks its gradients"}
    write_run("free_4", {}, metrics=(probe(5, 80, 60, 20), alarm))
    assert diagnose() == []


def test_records_that_are_not_what_they_seem_are_named(diagnose, write_run, outcomes):
    write_run(
        "free_4",
        {"clean": outcomes(800)},
        minutes=None,
        step=5,
        overrides=["method.epsilon=4"],
    )
    messages = [message for kind, message in diagnose() if kind == "record"]
    assert messages == [
        "trained with --set method.epsilon=4, not as the recipe says",
        "training has not reached its end",
        "clean was measured after 5 of 10 updates",
    ]


def test_records_of_what_a_name_stood_for_before_are_named(
    diagnose, paper, write_run, outcomes
):
    write_run("free_4", {"pgd_20": outcomes(500), "clean": outcomes(800)})
    assert diagnose() == []
    recipe = dataclasses.replace(paper.at("paper").recipe("free_4"), num_steps=20)
    attack = dataclasses.replace(
        paper.at("paper").evaluations["pgd_20"].attack, epsilon=8.0
    )
    changed = dataclasses.replace(
        paper,
        recipes={"paper": {"free_4": recipe}},
        evaluations={"paper": {"pgd_20": Evaluation(attack)}},
    )
    messages = [message for kind, message in diagnose(changed)]
    assert messages == [
        "trained as the recipe was before: num_steps: 10 != 20",
        "pgd_20 is of the attack as it was before: epsilon: 4.0 != 8.0",
    ]


def test_the_worst_of_a_family_speaks_for_all(diagnose, write_run, outcomes):
    counts = {"clean": 500, "pgd_20_eps2": 500, "pgd_20": 550, "pgd_100": 560}
    write_run("free_4", {name: outcomes(n) for name, n in counts.items()})
    leak, masking = diagnose()
    assert leak[0] == "label leak"
    assert leak[1].startswith("pgd_100 above clean (clean) by 6.00 points")
    assert leak[1].endswith("; 1 more like it")
    assert masking[1].startswith("pgd_100 above pgd_20_eps2 (less epsilon, num_steps)")


@pytest.mark.parametrize("branch", [None, "adversarial"])
def test_branches_are_networks_of_their_own(diagnose, write_run, outcomes, branch):
    adversarial = {"survived": outcomes(900), "branch": "adversarial"}
    counts = {"pgd_20": 500, "clean": 600, "random_sign": 550}
    own = {
        name: {"survived": outcomes(n), "branch": branch} for name, n in counts.items()
    }
    write_run("free_4", {**own, "pgd_100": adversarial})
    kinds = [kind for kind, _ in diagnose() if kind != "record"]
    assert kinds == (["label leak", "masking", "noise"] if branch else [])


def test_what_another_network_answers_is_no_sign_of_masking(
    diagnose, write_run, outcomes
):
    transfer = {"survived": outcomes(900), "target": "natural"}
    counts = {"clean": outcomes(500), "pgd_20": outcomes(300)}
    write_run("free_4", {**counts, "pgd_20_to_natural": transfer})
    assert diagnose() == []


@pytest.mark.parametrize(("by_others", "kinds"), [(250, ["masking"]), (290, [])])
def test_images_of_another_network_that_hurt_more_are_named(
    diagnose, write_run, outcomes, by_others, kinds
):
    transfer = {"survived": outcomes(by_others), "target": "natural"}
    write_run("natural", {"pgd_20": outcomes(310), "cw_20": outcomes(320)})
    write_run("free_4", {"pgd_20_to_natural": transfer})
    found = diagnose()
    assert [kind for kind, _ in found] == kinds
    for _, message in found:
        assert message == (
            "pgd_20 leaves 31.00 % right, and 25.00 % if the images are made on free_4"
        )


def test_a_transfer_of_an_unfinished_network_is_named(diagnose, write_run, outcomes):
    transfer = {"survived": outcomes(900), "target": "natural"}
    write_run("free_4", {"pgd_20_to_natural": transfer}, step=5)
    ((kind, message),) = diagnose()
    assert kind == "record"
    assert message.startswith("pgd_20_to_natural was measured after 5 of 10")


@pytest.mark.parametrize("seen", [True, False])
def test_drawn_images_are_compared_with_the_same_ones_of_all(
    diagnose, of_digits, write_run, seen
):
    images = sampling.sample(data.Digits.num_test, 100, seed=1)
    clean = np.ones(data.Digits.num_test, bool)
    clean[images if seen else np.setdiff1d(np.arange(len(clean)), images)] = False
    drawn = {"survived": np.ones(100, bool), "num_images": 100, "seed": 1}
    write_run("free_4", {"clean": clean, "pgd_20": drawn})
    found = [message for kind, message in diagnose(of_digits) if kind != "record"]
    assert len(found) == seen
    assert all("pgd_20 above clean (clean) by 100.00 points" in x for x in found)


def test_different_drawn_images_are_not_compared(
    diagnose, of_digits, write_run, outcomes
):
    first, second = (
        {"survived": outcomes(n, 100), "num_images": 100, "seed": seed}
        for seed, n in enumerate((10, 90))
    )
    write_run("free_4", {"clean": first, "pgd_20": second})
    assert {kind for kind, _ in diagnose(of_digits)} == {"record"}


def test_evaluations_of_different_trainings_are_named(diagnose, write_run, outcomes):
    records = {
        name: {"survived": outcomes(500), "checkpoint": checkpoint}
        for name, checkpoint in (("clean", "a1"), ("pgd_20", "b2"))
    }
    write_run("free_4", {**records, "pgd_100": outcomes(500)})
    assert diagnose() == [("record", "evaluations are of 2 different trainings")]


@pytest.mark.parametrize(("cost", "kinds"), [(0.1, []), (0.0, ["masking"])])
def test_fgsm_up_another_cost_says_nothing_of_many_steps(
    diagnose, paper, write_run, outcomes, cost, kinds
):
    climbed = TrainingCost(smoothing=0.0)
    known = {
        "fgsm": Evaluation(attacks.FGSM(4.0, cost=climbed)),
        "basic": Evaluation(
            attacks.IterBasic(
                4.0, step_size=1.0, num_steps=8, cost=TrainingCost(smoothing=cost)
            )
        ),
    }
    tested = dataclasses.replace(paper, evaluations={"paper": known})
    counts = {"fgsm": 300, "basic": 400}
    write_run(
        "free_4",
        {
            name: {
                "survived": outcomes(n),
                "attack": recipe.to_dict(known[name].attack),
            }
            for name, n in counts.items()
        },
    )
    assert [kind for kind, _ in diagnose(of=tested)] == kinds


def test_noise_is_not_compared_with_a_step_that_is_far_shorter(
    diagnose, paper, write_run, outcomes
):
    known = {
        "random_sign": Evaluation(attacks.RandomSign(4.0)),
        "short": Evaluation(attacks.FastGradL2(4.0)),
    }
    tested = dataclasses.replace(paper, evaluations={"paper": known})
    short = {
        "survived": outcomes(510),
        "attack": recipe.to_dict(known["short"].attack),
    }
    write_run("free_4", {"random_sign": outcomes(500), "short": short})
    assert diagnose(of=tested) == []


def test_released_weights_are_named(diagnose, write_run, outcomes):
    weights = {"file": "model.ckpt"}
    write_run("free_4", {"clean": outcomes(800)}, minutes=None, weights=weights)
    messages = [message for kind, message in diagnose() if kind == "record"]
    assert messages == ["has the weights of model.ckpt, not trained here"]


def test_a_record_of_another_seed_or_of_other_images_is_named(
    diagnose, write_run, outcomes
):
    made = {"survived": outcomes(500), "seed": 7, "num_images": 1000}
    write_run("free_4", {"pgd_20": made})
    assert [message for _, message in diagnose()] == [
        "pgd_20 was made with another seed: 7 != 0",
        "pgd_20 was made with another num_images: 1000 != 0",
    ]


@pytest.mark.parametrize(("right", "kinds"), [(560, ["masking"]), (450, [])])
def test_autoattack_that_finds_less_than_pgd_is_named(
    diagnose, paper, write_run, outcomes, right, kinds
):
    known = paper.evaluations["paper"] | recipe.autoattacks(4.0)
    known["autoattack"] = dataclasses.replace(known["autoattack"], num_images=0)
    tested = dataclasses.replace(paper, evaluations={"paper": known})
    attack = recipe.to_dict(known["autoattack"].attack)
    strong = {"survived": outcomes(right), "attack": attack}
    write_run("free_4", {"pgd_20": outcomes(500), "autoattack": strong})
    found = [x for x in diagnose(of=tested) if x[0] == "masking"]
    assert [kind for kind, _ in found] == kinds
    for _, message in found:
        assert message.startswith("autoattack leaves more right than pgd_20, by 6.00")


def test_what_does_not_see_the_label_leaks_none(diagnose, paper, write_run, outcomes):
    known = {"clean": Evaluation(), "step_ll": Evaluation(attacks.StepLL(4.0))}
    tested = dataclasses.replace(paper, evaluations={"paper": known})
    attack = recipe.to_dict(known["step_ll"].attack)
    above = {"survived": outcomes(560), "attack": attack}
    write_run("free_4", {"clean": outcomes(500), "step_ll": above})
    assert diagnose(of=tested) == []


@pytest.mark.parametrize(
    ("white", "maker", "kinds"),
    [
        ({}, {}, ["masking"]),
        ({}, {"overrides": ["seed=1"]}, []),  # a network that nobody compares
        ({"branch": "adversarial"}, {}, []),  # which transfers do not ask
    ],
)
def test_transfers_are_held_against_the_same_network_alone(
    diagnose, write_run, outcomes, white, maker, kinds
):
    transfer = {"survived": outcomes(250), "target": "natural"}
    write_run("natural", {"pgd_20": {"survived": outcomes(310), **white}})
    write_run("free_4", {"pgd_20_to_natural": transfer}, **maker)
    assert [kind for kind, _ in diagnose() if kind != "record"] == kinds


def test_a_transfer_may_name_its_target_by_another_name(
    diagnose, alias, write_run, outcomes
):
    transfer = {"survived": outcomes(250), "target": "m_4"}  # free_4, that is
    write_run("free_4", {"pgd_20": outcomes(310)})
    write_run("natural", {"pgd_20_to_m_4": transfer})
    assert [kind for kind, _ in diagnose(of=alias)] == ["masking"]


@pytest.mark.parametrize("field", ["branch", "target"])
def test_a_record_of_another_branch_or_target_is_named(
    diagnose, write_run, outcomes, field
):
    write_run("free_4", {"pgd_20": {"survived": outcomes(500), field: "natural"}})
    words = f"pgd_20 was made with another {field}: natural != "
    assert [message for _, message in diagnose()] == [words]


def test_a_record_against_another_attack_is_named(diagnose, paper, write_run, outcomes):
    many = paper.evaluations["paper"]["pgd_100"].attack
    asked = Evaluation(attacks.FGSM(4.0), against=many)
    tested = dataclasses.replace(paper, evaluations={"paper": {"masking": asked}})
    fewer = recipe.to_dict(dataclasses.replace(many, num_steps=50))
    record = {"survived": outcomes(500), "against": fewer}
    record["attack"] = recipe.to_dict(asked.attack)
    write_run("free_4", {"masking": record})
    ((kind, message),) = diagnose(of=tested)
    assert (kind, message) == (
        "record",
        "masking is of the attack as it was before: num_steps: 50 != 100",
    )
