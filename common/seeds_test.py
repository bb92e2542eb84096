"""Further seeds of recipes, and their names."""

from common import seeds


def test_each_seed_is_the_same_recipe_under_its_name(tiny_recipe):
    found = seeds.seeded({"a": tiny_recipe, "b": tiny_recipe}, ("a",), (1, 2))
    assert list(found) == ["a", "b", "a_seed1", "a_seed2"]
    assert [found[seeds.of_seed("a", seed)].seed for seed in range(3)] == [0, 1, 2]
    assert found["a"] == tiny_recipe
    assert seeds.rows({"A": "a"}, (1, 2)) == {
        "A, seed 1": "a_seed1",
        "A, seed 2": "a_seed2",
    }
