"""The page of networks of others: what it shows, and that nobody typed a number."""

import shutil

import pytest

from benchmarks import further
from common import cli


def made(**accuracies):
    """Returns the record of a row with these accuracies, in percent."""
    parts = {
        name: {
            when: {
                "accuracy": value,
                "interval": [value - 1, value + 1],
                "total": 10_000,
                "attack": None if name == "clean" else {"epsilon": 8.0},
            }
            for when, value in zip(("before", "after"), pair, strict=True)
        }
        for name, pair in accuracies.items()
    }
    return {
        "command": further.ROWS["Free, m = 4"].command,
        "fit": {"minutes": 12.25, "accuracy": parts},
        "hardware": "an abacus",
    }


def test_the_table_says_before_and_after():
    text = further.text({"Free": made(clean=(91.7, 80.25), pgd_20=(0.0, 33.5))})
    row = "| Free | PGD-20, epsilon 8 | 91.7 [90.7, 92.7] | 80.2 [79.2, 81.2] | "
    assert row + "0.0 [-1.0, 1.0] | 33.5 [32.5, 34.5] | 12.2 |" in text
    assert 'python -m free_at fit "akamaster_resnet20_std.keras?pixels=unit' in text
    assert "10,000 test images" in text and "an abacus" in text
    assert further.text({}).startswith("Not run yet.")


def test_the_page_is_what_the_record_says(tmp_path):
    copy = tmp_path / "page.md"
    shutil.copyfile(further.PAGE, copy)
    assert not further.refresh(copy, further.load()), "run benchmarks.further --norun"
    text = further.PAGE.read_text("utf-8")
    copy.write_text(text.replace("<!-- end -->", "99.9\n<!-- end -->"), "utf-8")
    assert further.refresh(copy, further.load())
    assert "99.9" not in copy.read_text("utf-8")


@pytest.mark.parametrize("words", [[], ["one", "two"], ["not_there"]])
def test_a_folder_is_needed(words, capsys):
    assert further.main(["further", *words]) == cli.USAGE
    assert "Expected one FOLDER" in capsys.readouterr().err
