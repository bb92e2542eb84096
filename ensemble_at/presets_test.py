"""The recipes and evaluations of Tramèr et al. (2018)."""

import pytest

from common import attacks
from ensemble_at import presets
from tests import parts

TRAIN = 1_281_167


def test_passes_and_machines_are_those_of_the_paper():
    epochs = {  # of name, and images of a machine
        ("v3adv", 32): 187,
        ("v3adv_ens3", 16): 281,
        ("v3adv_ens4", 16): 281,
        ("irv2", 32): 160,
        ("irv2adv_ens", 16): 175,
    }
    for (name, images), wanted in epochs.items():
        recipe = presets.PAPER[name]
        assert recipe.batch_size == 50 * images
        found = recipe.num_steps * recipe.batch_size / TRAIN
        assert found == pytest.approx(wanted, abs=0.5), name
        two_passes = recipe.schedule.every * recipe.batch_size / TRAIN
        assert two_passes == pytest.approx(2.0, abs=1e-3), name
        method = recipe.method
        if method.num_adversarial:
            assert 2 * method.num_adversarial == method.minibatch == images, name
            assert method.attack == attacks.StepLL(16.0)


def test_the_static_networks_are_those_of_table_3():
    for scale, recipes in presets.RECIPES.items():
        names = {id(recipe): name for name, recipe in recipes.items()}
        for name, sources in presets.ENSEMBLES.items():
            if name in recipes:
                found = [names[id(x)] for x in recipes[name].method.sources]
                assert tuple(found) == sources, (scale, name)
                assert recipes[name].network == recipes[sources[0]].network
                holdouts = [recipes[x] for x in presets.HOLDOUTS if x in recipes]
                assert not set(map(id, holdouts)) & set(
                    map(id, recipes[name].method.sources)
                )


def test_static_networks_are_of_as_many_architectures_at_scale_small():
    method = presets.SMALL["v3adv_ens4"].method
    assert len({type(source.network) for source in method.sources}) == 3
    own, other = (presets.SMALL[f"v3adv_ens4{end}"] for end in ("", "_seed1"))
    assert parts.differences(own, other) == {"seed": 1}


def test_an_ensemble_differs_from_one_step_training_in_its_sources():
    for scale in ("small", "digits"):
        recipes = presets.RECIPES[scale]
        (name,) = (n for n in presets.ENSEMBLES if n in recipes)
        changed = set(parts.differences(recipes["v3adv"], recipes[name]))
        halves = {"method.num_adversarial", "method.minibatch"}
        assert changed - halves == {"method.sources"}, scale
        standard = set(parts.differences(recipes["v3"], recipes["v3adv"]))
        assert all(field.startswith("method.") for field in standard), scale


def test_attacks_are_in_proportion_and_transfers_go_to_every_network():
    for scale, epsilon in (("paper", 16.0), ("small", 16.0), ("digits", 64.0)):
        known = presets.EVALUATIONS[scale]
        recipes = presets.RECIPES[scale]
        assert known["r_step_ll"].attack == attacks.RStepLL(epsilon, cost=presets.COST)
        iterated = [
            e.attack for n, e in known.items() if n in ("iter_ll", "iter_basic")
        ]
        for many in (known["masking"].against, *iterated):
            assert (many.num_steps, many.step_size / epsilon) == (20, 1 / 16)
        assert {
            e.target for name, e in known.items() if name.startswith("step_ll_to")
        } == set(recipes)
        assert known["masking"].against.epsilon == known["masking"].attack.epsilon
    paper = presets.EVALUATIONS["paper"]
    assert paper["clean"].num_images == 0
    own = {n: e for n, e in paper.items() if n != "clean" and "autoattack" not in n}
    assert {e.num_images for e in own.values()} == {10_000, 1_000}
