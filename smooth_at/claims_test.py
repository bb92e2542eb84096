"""The claims of Smooth Adversarial Training: which seeds they compare."""

from smooth_at import claims


def test_seeds_meet_in_every_pair():
    (claim,) = (c for c in claims.CLAIMS if c.name == "silu_beats_relu_at_every_seed")
    silu, relu = ({name, f"{name}_seed1"} for name in ("silu", "relu"))
    comparisons = claim.at("paper").comparisons
    pairs = [tuple(recipe for recipe, _ in c.needs) for c in comparisons]
    assert len(pairs) == 4
    assert set(pairs) == {(left, right) for left in silu for right in relu}
