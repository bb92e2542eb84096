"""Each kind of evaluation is answered by its function, and told in a line."""

import json

import numpy as np
import pytest

from common import attacks, evaluation
from common.evaluation import kinds
from common.recipe import Evaluation
from tests.oracles import textbook

ONE, MANY = attacks.FGSM(8.0), attacks.IterBasic(8.0, 2.0, 4)
KINDS = {
    "clean": Evaluation(),
    "attacked": Evaluation(ONE, seed=3),
    "transfer": Evaluation(ONE, seed=3, target="other"),
    "masking": Evaluation(ONE, seed=3, against=MANY),
}


@pytest.fixture(scope="module")
def judges():
    return [evaluation.Judges(textbook.TinyNetwork(seed=seed)) for seed in (0, 1)]


def asked(judges, name, tmp_path):
    value, (source, target) = KINDS[name], judges
    path = tmp_path / "part.npz"
    return kinds.answer(
        value,
        [textbook.batch(40)],
        source,
        target if value.target else None,
        progress_file=path,
        progress_key=name,
    )


def expected(judges, name):
    source, target = (each.logits_fn for each in judges)
    data = [textbook.batch(40)]
    return {
        "clean": lambda: evaluation.evaluate(source, data),
        "attacked": lambda: evaluation.evaluate(source, data, ONE, seed=3),
        "transfer": lambda: evaluation.transfer(source, target, data, ONE, seed=3),
        "masking": lambda: evaluation.gradient_masking(source, data, ONE, MANY, seed=3),
    }[name]()


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_answered_by_its_function(judges, name, tmp_path):
    found, wanted = asked(judges, name, tmp_path), expected(judges, name)
    assert type(found) is type(wanted)
    for number, record in enumerate((found, wanted)):
        record.save(tmp_path / f"{number}.json")
    contents = [json.loads((tmp_path / f"{n}.json").read_text()) for n in (0, 1)]
    for content in contents:
        content.pop("seconds")
    assert contents[0] == contents[1]
    np.testing.assert_array_equal(found.survived, wanted.survived)
    told = kinds.told(found, KINDS[name])
    assert ("right at other" in told) == (name == "transfer")
    assert ("reaches" in told) == (name == "masking")
    assert f"of {found.total} right" in told or name == "masking"
