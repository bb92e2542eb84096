"""The failure of a run is not wrong usage."""

from common import errors


def test_a_run_error_is_told_apart_from_wrong_usage():
    assert issubclass(errors.RunError, Exception)
    assert not issubclass(errors.RunError, (ValueError, OSError))
