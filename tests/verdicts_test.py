"""Every answer that the kept records give, word for word.

`tests/verdicts.txt` holds the numbers and verdicts of all cells, claims and warnings
that the records in `records/` give. Write it again after records or statements changed:

    python -m tests.verdicts_test
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

from common.results import packages
from common.results.answers import Results
from tests import sources

RECORDS = sources.ROOT / "records"
KEPT = pathlib.Path(__file__).with_name("verdicts.txt")


def answers() -> Iterator[str]:
    """Yields one line for every measured cell, compared number, claim and warning."""
    for workdir in (RECORDS, RECORDS / "jax"):
        for paper in sources.PAPERS:
            for scale in ("small", "paper"):
                if (workdir / paper / scale).exists():
                    home = f"{workdir.name} {paper} {scale}"
                    yield from (f"{home} {line}" for line in of(paper, scale, workdir))


def of(paper: str, scale: str, workdir: pathlib.Path) -> Iterator[str]:
    """Yields the lines of a paper at a scale."""
    results = Results(packages.find(paper).at(scale), workdir)
    for table, cells in results.cells.items():
        for found in cells:
            if found.measured is not None:
                number, interval, total = found.measured
                printed = found.reference.printed if found.reference else ""
                yield (
                    f"cell {table} | {found.cell.row} | {found.cell.column}: "
                    f"{number!r} {interval} {total} {printed} {found.verdict}"
                )
    for result in results.claims:
        yield f"claim {result.claim.name}: {result.verdict}"
        yield from (f"claim {result.claim.name}: {line}" for line in result.details)
    for finding in results.findings:
        yield f"warning {finding.recipe}: {finding.kind}: {finding.message}"


def test_the_records_give_the_answers_that_were_kept():
    assert list(answers()) == KEPT.read_text("utf-8").splitlines()


if __name__ == "__main__":
    KEPT.write_text("".join(f"{line}\n" for line in answers()), "utf-8")
