"""AutoAttack of this suite against its authors' code, image by image."""

import subprocess

import numpy as np
import pytest

from benchmarks import __main__ as command

COUNT = 60
APART = 2  # images; starts and Square are drawn by other random numbers


@pytest.fixture
def python():
    """Returns the Python that has the authors' code, or skips the test."""
    if not command.PEERS.exists():
        pytest.skip(f"{command.PEERS} is missing; see requirements-peers.txt")
    words = [command.PEERS, "-c", "import pyautoattack, torch"]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip(f"{command.PEERS} lacks torch or pyautoattack")
    return command.PEERS


@pytest.mark.slow
def test_the_same_images_survive_the_authors_code(python, tmp_path):
    file = tmp_path / "outcomes.npz"
    words = [python, "-m", "benchmarks.peer_autoattack", str(COUNT), file, tmp_path]
    subprocess.run(words, cwd=command.FOLDER.parent, check=True, capture_output=True)
    outcomes = np.load(file)
    suite, reference = outcomes["suite"], outcomes["reference"]
    assert 0 < suite.sum() < COUNT
    assert (suite != reference).sum() <= APART
