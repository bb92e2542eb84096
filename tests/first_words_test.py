"""What needs no engine loads none: then it is said within a second."""

from __future__ import annotations

import subprocess
import sys

from tests import sources

NAMES = ("free_at", "reproduce", "common.data.export")
WORDS = {  # of a command -> its exit status
    **{f"{name} --help": 0 for name in (*sources.PAPERS, *NAMES)},
    **{f"{name} --halp": 2 for name in NAMES},
    "free_at": 2,
    "free_at trian": 2,
    "free_at list --data_dir=here": 2,
    "free_at list": 0,
    "kurakin2017 list --scale=paper": 0,
    "free_at list --scale=digit": 2,
    "free_at claims --workdir=nowhere": 0,
    "free_at train cifar10_fre_8": 2,
    "free_at train cifar10_free_8 --set=method.epsilo=4": 2,
    "free_at evaluate cifar10_free_8 pgd_200": 2,
    "free_at cost cifar10_fre_8": 2,
    "free_at table cifar1": 2,
    "reproduce free": 2,
}


def test_nothing_heavy_is_loaded_to_help_to_list_or_to_refuse():
    done = subprocess.run(
        [sys.executable, "-m", "tests.loaded"],
        cwd=sources.ROOT,
        input="\n".join(WORDS),
        capture_output=True,
        text=True,
        check=False,
    )
    found = dict(zip(WORDS, done.stdout.splitlines(), strict=True))
    assert found == {words: str(code) for words, code in WORDS.items()}, done.stderr
    errors = done.stderr.splitlines()
    assert len(errors) == [*WORDS.values()].count(2) - 1  # `free_at` alone shows help
    assert all(line.startswith("error: ") for line in errors), errors
