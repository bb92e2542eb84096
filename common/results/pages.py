"""Pages from templates: the HTML and the Markdown of the report and of README files.

The templates stand in `templates/`. In those of HTML every value is escaped.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import jinja2

from common.results import cells, claims, reported, text

TEMPLATES = pathlib.Path(__file__).with_name("templates")
MOST_SHOWN = 6  # comparisons of a claim; more are folded away


def table(lines: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table; the first line is its head."""
    head, *body = ([field.replace("|", "\\|") for field in line] for line in lines)
    rule = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *body))


def render(template: str, **values: Any) -> str:
    """Returns a template with its values filled in."""
    return _environment().get_template(template).render(values)


def cell(compared: cells.Compared | None, scale: str = cells.FULL) -> str:
    """Returns a cell of a Markdown table: measured / reported, and the verdict.

    Args:
      compared: a cell beside the paper's number, or None.
      scale: of what was measured; it decides whether a reported number belongs there.
    """
    if compared is None:
        return ""
    if compared.verdict in (cells.NOT_RUN, cells.NO_IMAGES):
        left = compared.verdict
    else:
        bounds = text.interval(compared, counted=False)
        left = f"{text.measured(compared)} {bounds}".rstrip()
    if scale not in cells.BESIDE:
        return left
    judged = compared.tolerance is not None
    return f"{left} / {text.reported(compared) or 'no number'}" + (
        f", **{compared.verdict}**" if judged else ""
    )


def is_folded(result: claims.ClaimResult) -> bool:
    """Whether the comparisons of a claim are folded: many, or none was judged."""
    return result.verdict == claims.NOT_RUN or len(result.details) > MOST_SHOWN


@functools.cache
def _environment() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=lambda name: bool(name and name.endswith(".html")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = (text.measured, text.interval, text.reported, table, cell)
    found.filters.update({word.__name__: word for word in words})
    found.globals.update(layout=text.layout, MARKS=text.MARKS, BESIDE=cells.BESIDE)
    found.globals.update(is_folded=is_folded)
    found.globals.update(CONFIDENCES=reported.CONFIDENCES)
    return found
