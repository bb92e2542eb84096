"""How a network is asked, and through which branch."""

import pytest

from common.models import logits


class Branched:
    """Says how it was called; the branches are what a test makes them."""

    def __call__(self, images, **mode):
        return images, mode


def test_a_network_without_branches_is_asked_in_inference_mode():
    for branch in ("", "clean"):
        assert logits.inference(Branched(), branch)(3) == (3, {"training": False})


@pytest.mark.parametrize(
    ("asked", "through"), [("", "clean"), ("clean", "clean"), ("adv", "adv")]
)
def test_a_branch_is_the_first_or_the_one_that_is_asked_for(asked, through):
    network = Branched()
    network.branches = ("clean", "adv")
    mode = {"training": False, "branch": through}
    assert logits.inference(network, asked)(3) == (3, mode)


def test_a_branch_that_is_not_there_is_refused():
    network = Branched()
    with pytest.raises(ValueError, match=r"the network has: clean. Received: branch=a"):
        logits.inference(network, "adv")
    network.branches = ("clean", "adv")
    with pytest.raises(ValueError, match=r"has: clean, adv. Received: branch=adve"):
        logits.inference(network, "adve")
