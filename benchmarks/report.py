"""`README.md` of this folder, from the records alone."""

from __future__ import annotations

import pathlib
import statistics
from collections.abc import Mapping

from benchmarks import questions, records
from common import files
from common.results import pages

Records = Mapping[str, records.Record | None]

INTRODUCTION = """\
# Benchmarks

{summary}

The rows of a table are run in turns, every other round in reverse, and compared round
by round, so that a machine that slows down moves them all. A ratio is the median over
the rounds, with the smallest and the largest in brackets; a first round, in which
functions are compiled, is dropped. Bounds were fixed before anything was measured.

```
python -m benchmarks           # all of them{duration}
python -m benchmarks a c       # some
python -m benchmarks --norun   # this page and its figure again, from records/
```

`e`, `g`, `h`, `i` and `j` run in an environment of their own, `.venv-peers`, and are
left out where that is missing; [`requirements-peers.txt`](requirements-peers.txt) says
how to make it.
`f` needs JAX beside TensorFlow. `g` counts and times nothing; it also takes saved
models of CIFAR-10's classes, with `--classifier=FILE?pixels=unit`. All on this page is
generated from [`records/`](records), which hold every sample and every count.

`python -m benchmarks.throughput` prints how many images a second training takes,
natural and Free, what share of the device's matrix peak that is, and what a Free replay
costs beside a natural update: on TensorFlow, or with KERAS_BACKEND=jax on JAX.
"""
FIGURE = """
<picture>
<source media="(prefers-color-scheme: dark)" srcset="ratios-dark.png">
<img src="ratios-light.png" alt="Ratios of every benchmark, round by round; the same
numbers stand in the tables below.">
</picture>
"""


def write(path: pathlib.Path, found: Records) -> None:
    """Writes the page.

    Args:
      path: of the Markdown file.
      found: letter -> record, None where there is none.
    """
    files.write_text(path, page(found))


def page(found: Records) -> str:
    """Returns the page; arguments as for `write`."""
    seconds = [record.notes["seconds"] for record in found.values() if record]
    minutes = f", about {max(1, round(sum(seconds) / 60))} minutes" if seconds else ""
    parts = [INTRODUCTION.format(summary=_summary(found), duration=minutes)]
    if seconds:
        parts.append(FIGURE)
    parts += [_section(letter, record) for letter, record in found.items()]
    return "\n".join(parts)


def number(ratio: float) -> str:
    """Returns a ratio, to a thousandth where the bounds are."""
    return f"{ratio:.{3 if ratio < 2 else 2}f}"


def spread(ratios: list[float]) -> str:
    """Returns such as `1.02 [0.99, 1.05]`."""
    middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
    return f"{number(middle)} [{number(low)}, {number(high)}]"


def _summary(found: Records) -> str:
    lines = [("", "benchmark", "ratio", "bound", "verdict")]
    for letter, record in found.items():
        question = questions.QUESTIONS[letter]
        lines.append(
            (
                letter,
                question.title,
                _answer(question, record),
                question.requirement,
                f"**{question.verdict(record)}**",
            )
        )
    return pages.table(lines)


def _answer(question: questions.Question, record: records.Record | None) -> str:
    """Returns the ratios that the verdict is about, or the range of all."""
    if record is None:
        return "-"
    answers = {
        comparison.name: spread(comparison.ratios(row.name))
        for row in question.rows
        for comparison in row.comparisons(record)
    }
    if len(answers) == 1:
        return next(iter(answers.values()))
    if answers:
        return "; ".join(f"{name}: {text}" for name, text in answers.items())
    ratios = [
        comparison.ratio(row)
        for comparison in record.comparisons
        for row in comparison.samples
        if row != comparison.reference
    ]
    return f"{number(min(ratios))} to {number(max(ratios))}" if ratios else "-"


def _section(letter: str, record: records.Record | None) -> str:
    question = questions.QUESTIONS[letter]
    parts = [f"## {letter}. {question.title}", question.text, measured(record)]
    return "\n\n".join(parts) + "\n"


def measured(record: records.Record | None) -> str:
    """Returns the tables of a record and what they were measured on."""
    if record is None:
        return "Not run."
    parts = []
    for comparison in record.comparisons:
        rounds = len(comparison.samples[comparison.reference])
        parts += [
            f"{comparison.setting}; {rounds} rounds.",
            pages.table(_rows(comparison)),
        ]
    said: dict[str, int] = {}
    for counts in record.counts:
        parts += [f"{counts.setting}.", pages.table(_counted(counts, said))]
    if said:
        parts.append("\n".join(f"{number}. {line}" for line, number in said.items()))
    return "\n\n".join([*parts, _provenance(record)])


def _counted(counts: records.Counts, said: dict[str, int]) -> list[tuple[str, ...]]:
    """Returns the lines of the table; adds to what was said, which they number."""
    lines = [("", *next(iter(counts.cells.values())))]
    for row, columns in counts.cells.items():
        for cell in columns.values():
            if cell.said:
                said.setdefault(cell.said, len(said) + 1)
        lines.append((row, *(_cell(cell, said) for cell in columns.values())))
    return lines


def _cell(cell: records.Cell, said: Mapping[str, int]) -> str:
    count = "none" if cell.count is None else f"{cell.count:,} of {cell.total:,}"
    return f"{count} ({said[cell.said]})" if cell.said else count


def _rows(comparison: records.Comparison) -> list[tuple[str, ...]]:
    heading = ("", f"median, {comparison.unit}", "ratio", "passes", "left correct")
    lines = [heading]
    for row in comparison.rows:
        if row in comparison.failures:
            reason = f"does not run: {comparison.failures[row]}"
            lines.append((row, "-", "-", "-", reason))
            continue
        is_reference = row == comparison.reference
        passes = comparison.passes.get(row, {})
        middle = statistics.median(comparison.samples[row])
        lines.append(
            (
                row,
                f"{middle:,.{0 if comparison.unit == 'MiB' else 2}f}",
                "reference" if is_reference else spread(comparison.ratios(row)),
                ", ".join(f"{count:,} {kind}" for kind, count in passes.items()),
                " of ".join(map(str, comparison.counts.get(row, ()))),
            )
        )
    used = [i for i in range(len(heading)) if i == 0 or any(x[i] for x in lines[1:])]
    return [tuple(line[i] for i in used) for line in lines]


def _provenance(record: records.Record) -> str:
    notes = record.notes
    versions = ", ".join(f"{name} {text}" for name, text in notes["versions"].items())
    others = notes.get("others")
    busy = "" if others is None else f" Other processes took {others:.0%} of the CPU."
    return (
        f"By `{notes['command']}` on {notes['hardware']}; {versions}; "
        f"commit {notes['commit']}.{busy}"
    )
