"""Checkpoints come back with the same bits, or say why not."""

import keras
import numpy as np
import pytest

from common import errors
from common.training import checkpoint


def variables(fill=0.0):
    return [
        keras.Variable(np.full((2, 3), fill, "float32"), name="kernel"),
        keras.Variable(np.full((), int(fill), "int64"), name="iterations"),
    ]


def values(found):
    return [v.numpy() for v in found]


def assert_filled(found, fill):
    assert all(np.all(value == fill) for value in values(found))


def save(directory, *numbers, **kwargs):
    for number in numbers:
        state = [np.full((2, 4), number, "float32")]
        checkpoint.save(
            directory, number, variables=variables(number), state=state, **kwargs
        )


def test_what_was_saved_comes_back_with_the_same_bits(tmp_path):
    source = variables()
    bits = np.float32([[np.pi, -0.0, 1e-40], [3e38, 1 / 3, 2**-20]])
    source[0].assign(bits)
    state = [np.arange(6, dtype="float32").reshape(2, 3), np.ones((2,), "int32")]
    checkpoint.save(tmp_path, 7, variables=source, state=state)
    target = variables(1.0)
    step, parts = checkpoint.restore(tmp_path, variables=target)
    assert step == 7
    assert target[0].numpy().tobytes() == source[0].numpy().tobytes()
    assert target[1].numpy().dtype == np.int64
    for part, saved in zip(parts, state, strict=True):
        np.testing.assert_array_equal(part, saved)
        assert part.dtype == saved.dtype


@pytest.mark.parametrize("broken", [np.inf, -np.inf, np.nan])
def test_weights_that_are_not_finite_are_not_saved(tmp_path, broken):
    save(tmp_path / "kept", 5)
    source = variables()
    source[0].assign(np.float32([[1, 2, 3], [4, 5, broken]]))
    with pytest.raises(errors.RunError, match=r"not finite after step 7.*1 of 2"):
        checkpoint.save(tmp_path / "kept", 7, variables=source, state=[])
    assert checkpoint.steps(tmp_path / "kept") == [5]


def test_an_empty_folder_restores_nothing(tmp_path):
    target = variables(5)
    assert checkpoint.restore(tmp_path / "none", variables=target) == (0, [])
    assert_filled(target, 5)


def test_the_newest_two_stay(tmp_path):
    save(tmp_path, 10, 20, 30)
    assert checkpoint.steps(tmp_path) == [20, 30]
    assert {p.name for p in tmp_path.iterdir()} == {
        "00000020.npz",
        "00000020.state-0.npz",
        "00000030.npz",
        "00000030.state-0.npz",
    }


def flip_a_bit_of_a_weight(content):
    changed = bytearray(content)
    changed[content.index(np.full(6, 20, "float32").tobytes()) + 4] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("name", ["00000020.npz", "00000020.state-0.npz"])
@pytest.mark.parametrize(
    "damage", [lambda x: x[: len(x) // 2], lambda x: b"", flip_a_bit_of_a_weight]
)
def test_one_that_does_not_read_back_is_passed_over(tmp_path, name, damage):
    save(tmp_path, 10, 20)
    (tmp_path / name).write_bytes(damage((tmp_path / name).read_bytes()))
    target = variables(5)
    step, (part,) = checkpoint.restore(tmp_path, variables=target)
    assert step == 10
    assert_filled(target, 10)
    assert np.all(part == 10)


def test_one_without_its_state_is_passed_over(tmp_path):
    save(tmp_path, 10, 20)
    (tmp_path / "00000020.state-0.npz").unlink()
    assert checkpoint.restore(tmp_path, variables=variables())[0] == 10


def test_a_save_that_was_killed_leaves_the_one_before(tmp_path):
    save(tmp_path, 10)
    half = tmp_path / "00000020.npz.host-1.partial"
    half.write_bytes(b"half")
    (tmp_path / "00000020.state-0.npz").write_bytes(b"whole, but alone")
    assert checkpoint.restore(tmp_path, variables=variables())[0] == 10
    assert not half.exists()


def test_none_that_reads_back_is_an_error_that_says_what_to_do(tmp_path):
    save(tmp_path, 10, 20)
    for path in tmp_path.glob("*.npz"):
        path.write_bytes(b"broken")
    with pytest.raises(errors.RunError, match=r"steps \[10, 20\].*start again"):
        checkpoint.restore(tmp_path, variables=variables())


def test_load_takes_the_step_asked_for(tmp_path):
    save(tmp_path, 10, 20)
    target = variables()
    for step in (20, 10):
        checkpoint.load(tmp_path, target, step)
        assert_filled(target, step)


def test_a_state_of_a_worker_that_is_gone_does_not_count(tmp_path):
    """The chief of two was killed before it wrote its file; one goes on alone."""
    save(tmp_path, 10, worker=(1, 2))
    assert checkpoint.restore(tmp_path, variables=variables()) == (0, [])
    save(tmp_path, 10)
    step, _ = checkpoint.restore(tmp_path, variables=variables())
    assert step == 10


def test_load_takes_some_of_the_variables(tmp_path):
    save(tmp_path, 10)
    target = variables()
    checkpoint.load(tmp_path, target[:1], 10)
    assert_filled(target[:1], 10)
    assert_filled(target[1:], 0)


def test_load_says_what_there_is(tmp_path):
    with pytest.raises(errors.RunError, match=r"train the recipe first.*steps \[\]"):
        checkpoint.load(tmp_path, variables(), 30)
    save(tmp_path, 10, 20)
    with pytest.raises(errors.RunError, match=r"step 30 .*steps \[10, 20\]"):
        checkpoint.load(tmp_path, variables(), 30)
    (tmp_path / "00000020.npz").write_bytes(b"broken")
    with pytest.raises(errors.RunError, match=r"00000020\.npz does not read back"):
        checkpoint.load(tmp_path, variables(), 20)


def test_another_shape_or_name_is_refused_with_the_path(tmp_path):
    save(tmp_path, 10)
    wide = keras.Variable(np.zeros((2, 4), "float32"), name="kernel")
    with pytest.raises(
        errors.RunError, match=r"fit the network at kernel.*\(2, 4\).*\(2, 3\)"
    ):
        checkpoint.load(tmp_path, [wide], 10)
    with pytest.raises(errors.RunError, match=r"at bias.*Received: None"):
        checkpoint.load(tmp_path, [keras.Variable(0.0, name="bias")], 10)


def test_two_variables_at_one_path_are_refused():
    with pytest.raises(ValueError, match=r"share a path. Received: kernel"):
        checkpoint.named([*variables(), *variables()[:1]])


def test_each_worker_gets_its_own_state_back(tmp_path):
    for index in (1, 0):
        worker, state = (index, 2), [np.full(3, index)]
        checkpoint.save(tmp_path, 10, variables=variables(), state=state, worker=worker)
    for index in (0, 1):
        _, (state,) = checkpoint.restore(
            tmp_path, variables=variables(), worker=(index, 2)
        )
        np.testing.assert_array_equal(state, np.full(3, index))


def test_another_number_of_workers_is_refused(tmp_path):
    for worker in (1, 0):
        save(tmp_path, 10, worker=(worker, 2))
    step, _ = checkpoint.restore(tmp_path, variables=variables(), worker=(1, 2))
    assert step == 10
    with pytest.raises(errors.RunError, match=r"written by 2 workers.*1 workers"):
        checkpoint.restore(tmp_path, variables=variables())
    with pytest.raises(errors.RunError, match="states of 2 workers; restart with as"):
        checkpoint.restore(tmp_path, variables=variables(), worker=(0, 3))


def test_without_states_any_number_of_workers_goes_on(tmp_path):
    for worker in (1, 0):
        save(tmp_path, 10, worker=(worker, 2))
    for worker in ((0, 1), (2, 3)):
        target = variables()
        found = checkpoint.restore(
            tmp_path, variables=target, worker=worker, has_state=False
        )
        assert found == (10, [])
        assert_filled(target, 10)
