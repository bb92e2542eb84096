"""Generated Markdown: tables and claims from records, and the blocks that hold them.

A README marks where generated text goes:

    <!-- generated: cifar10 -->
    <!-- end -->

`update_generated` replaces what stands between, so that nobody types a measured number.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Sequence

from common import recipe
from common.results import claims, comparison, packages, text


def markdown_table(
    paper: str | recipe.Paper, scale: str, workdir: str | pathlib.Path, table: str
) -> str:
    """Returns a table of the paper in Markdown, with the command that prints it.

    Args:
      paper: name of the paper package, or its `Paper`.
      scale: such as `paper`, `small` or `digits`.
      workdir: folder that holds `PAPER/SCALE/RECIPE/`.
      table: name of the table.

    Raises:
      ValueError: unknown paper, scale or table, or a broken record.
    """
    paper = packages.find(paper)
    of = paper.table(table)
    compared = comparison.compare(paper, scale, workdir)
    cells = [cell for cell in compared if cell.table == table]
    command = f"python -m {paper.name} table {table} --scale={scale}"
    return f"{table_lines(of, cells)}\n\n{legend(scale)} Made by `{command}`."


def legend(scale: str) -> str:
    """Returns what the cells of a Markdown table say at a scale."""
    if scale == "paper":
        return "Each cell: measured [95 % interval] / reported, verdict."
    return (
        f"Each cell: measured at scale `{scale}` [95 % interval] / reported by the "
        "paper at its own scale, for context: the two are not compared."
    )


def table_lines(of: recipe.Table, cells: Sequence[comparison.ComparedCell]) -> str:
    """Returns the cells of a table as a Markdown table, rows by columns.

    The longer side runs down, so that a wide table stays readable.
    """
    if not cells:
        return "No cell of this table exists at this scale."
    rows, columns = text.headings(of, cells)
    found = {(cell.row, cell.column): _cell(cell) for cell in cells}
    if len(columns) > 8 and len(columns) > len(rows):
        rows, columns = columns, rows
        found = {(column, row): cell for (row, column), cell in found.items()}
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    lines += [[row, *(found.get((row, c), "") for c in columns)] for row in rows]
    return "\n".join(f"| {' | '.join(_escape(f) for f in line)} |" for line in lines)


def markdown_claims(
    paper: str | recipe.Paper, scale: str, workdir: str | pathlib.Path
) -> str:
    """Returns the answers to the paper's claims in Markdown, with the command.

    Args:
      paper: name of the paper package, or its `Paper`.
      scale: such as `paper`, `small` or `digits`.
      workdir: folder that holds `PAPER/SCALE/RECIPE/`.
    """
    paper = packages.find(paper)
    results = claims.check_claims(paper, scale, workdir)
    command = f"python -m {paper.name} claims --scale={scale}"
    return f"{claim_lines(results, scale)}\n\nMade by `{command}`."


def claim_lines(results: Sequence[claims.ClaimResult], scale: str) -> str:
    """Returns the answers as a Markdown list, each with its numbers."""
    lines = []
    for result in results:
        claim = result.claim
        note = "" if scale in claim.expected_at else ", not expected at this scale"
        lines.append(
            f"- **{result.verdict}**{note}: {claim.statement} ({claim.source})"
        )
        notes = [claim.note] if claim.note else []
        lines += [f"  - {line}" for line in (*result.details, *notes)]
    return "\n".join(lines) or "The paper package states no claims."


def update_generated(path: str | pathlib.Path, name: str, block: str) -> bool:
    """Replaces a generated block of a Markdown file.

    Args:
      path: the file.
      name: of the block, as in `<!-- generated: NAME -->`.
      block: the new text; ends with the command that made it.

    Returns:
      True if the file changed.

    Raises:
      ValueError: the file does not have exactly one such block.
    """
    path = pathlib.Path(path)
    old = path.read_text(encoding="utf-8")
    start, end = f"<!-- generated: {name} -->", "<!-- end -->"
    # The block may not run past the start of another one, or an end marker that was
    # lost would cost the text in between.
    pattern = re.compile(
        rf"{re.escape(start)}\n((?!<!-- generated:).)*?{re.escape(end)}", re.DOTALL
    )
    if len(pattern.findall(old)) != 1:
        raise ValueError(
            f"{path}: expected one block from {start} to {end}. "
            f"Received: {len(pattern.findall(old))}"
        )
    new = pattern.sub(lambda _: f"{start}\n{block}\n{end}", old)
    if new != old:
        path.write_text(new, encoding="utf-8")
    return new != old


def _cell(cell: comparison.ComparedCell) -> str:
    if cell.verdict in (comparison.NOT_RUN, comparison.NO_IMAGES):
        left = cell.verdict
    else:
        bounds = text.interval(cell).split(" of ")[0]
        left = f"{text.measured(cell)} {bounds}".rstrip()
    right = text.reported(cell) or "no number"
    return f"{left} / {right}{_judgement(cell)}"


def _judgement(cell: comparison.ComparedCell) -> str:
    return f", **{cell.verdict}**" if cell.tolerance is not None else ""


def _escape(field: str) -> str:
    return field.replace("|", "\\|")
