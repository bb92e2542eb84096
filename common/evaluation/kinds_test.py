"""Each kind of evaluation is answered by its function, and told in a line."""

import json
import warnings

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


def test_a_doubt_is_said_to_callers_and_printed_by_the_commands(judges, tmp_path):
    images, _ = textbook.batch(40)
    source = judges[0].logits_fn
    wrong = source(images).numpy().argmin(-1).astype(np.int32)
    with pytest.warns(UserWarning, match="Doubtful accuracy: clean accuracy, as the"):
        evaluation.evaluate(source, [(images, wrong)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = kinds.answer(
            KINDS["clean"],
            [(images, wrong)],
            judges[0],
            progress_file=tmp_path / "part.npz",
            progress_key="clean",
        )
    assert "near chance" in kinds.told(found, KINDS["clean"])


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
    if name == "masking":
        share, cosine, norm = (np.mean(getattr(found, field)) for field in found.means)
        assert told == (
            f"one step reaches {share:.3f} of the largest loss found on 40 images, "
            f"at a cosine of {cosine:.3f} and a gradient of norm {norm:.3f}"
        )
    else:
        low, high = found.interval
        shares = f"[{low:.2f}, {high:.2f}]"
        where = "right at other" if name == "transfer" else "right"
        line = f"{100 * found.survived.mean():.2f} % of 40 {where} {shares}"
        assert told.splitlines()[0] == line
