"""The claims of Kurakin et al. (2017): the bound on labels that leak on MNIST."""

from common.results import reported
from kurakin2017 import PAPER, claims


def test_as_many_labels_may_leak_as_the_paper_reports():
    (claim,) = (c for c in claims.CLAIMS if c.name == "mnist_labels_leak_but_few")
    leaks = {
        record.value
        for (table, _, _), record in reported.by_cell(PAPER).items()
        if table == "mnist" and record.metric == "leaked"
    }
    bounds = {c.at_most for c in claim.comparisons} - {None}
    assert bounds == leaks
    assert {c.at_least for c in claim.comparisons} - {None} == {100 * 1 / 10_000}
