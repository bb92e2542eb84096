"""Pieces of HTML: a whole page, tables, chips and figures, without any script.

A page needs nothing from outside its folder. Every text that comes from a record passes
through `escape`.
"""

from __future__ import annotations

import html
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from common.results import canvas

STYLE = pathlib.Path(__file__).with_name("report.css")

# A sign beside the word, so that no verdict is told by colour alone.
SIGNS = {
    "within": "&#10003;",
    "holds": "&#10003;",
    "above": "&#9650;",
    "below": "&#9660;",
    "fails": "&#10007;",
    "inconclusive": "?",
    "warning": "!",
}


def escape(value: object) -> str:
    """Returns text that is safe inside elements and quoted attributes."""
    return html.escape(str(value), quote=True)


def document(title: str, body: str) -> str:
    """Returns the page with its style inside.

    Args:
      title: of the browser's tab.
      body: HTML.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<div class="wrap">
{body}
</div>
</body>
</html>
"""


def chip(verdict: str, words: str = "") -> str:
    """Returns a verdict as a coloured label; `words` replace the verdict's own."""
    kind = verdict.replace(" ", "-")
    sign = f"{SIGNS[verdict]} " if verdict in SIGNS else ""
    return f'<span class="chip {kind}">{sign}{escape(words or verdict)}</span>'


def counts(label: str, numbers: Mapping[str, int]) -> str:
    """Returns how often each verdict was given, as a row of chips."""
    chips = [chip(verdict, f"{n} {verdict}") for verdict, n in numbers.items()]
    return row(label, chips or [chip("none")])


def row(label: str, chips: Iterable[str]) -> str:
    """Returns chips in a row behind a label."""
    items = "".join(f"<li>{item}</li>" for item in chips)
    return f'<ul class="counts"><li>{escape(label)}</li>{items}</ul>'


def table(
    caption: str, head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]
) -> str:
    """Returns a table that scrolls sideways on a narrow screen.

    Args:
      caption: plain text.
      head: plain headings, the first one above the row headings.
      rows: plain row heading, and one piece of HTML per further column.
    """
    heads = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    lines = [
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f'<td class="cell">{cell}</td>' for cell in cells)
        + "</tr>"
        for name, cells in rows
    ]
    return (
        f'<div class="scroll" role="region" tabindex="0" '
        f'aria-label="{escape(caption)}">'
        f'<table><caption class="hidden">{escape(caption)}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n"
        "<tbody>\n" + "\n".join(lines) + "\n</tbody></table></div>"
    )


def figure(stem: str | None, caption: str) -> str:
    """Returns the light or dark PNG of a figure with its caption, or nothing.

    Args:
      stem: as `canvas.save` returns it.
      caption: plain text, also read to those who do not see the picture.
    """
    if stem is None:
        return ""
    light, dark = (f"{escape(stem)}-{theme}.png" for theme in ("light", "dark"))
    density = f"{canvas.DPI / 96:g}x"  # shown at the size it was drawn for
    return (
        "<figure><picture>"
        f'<source srcset="{dark} {density}" media="(prefers-color-scheme: dark)">'
        f'<source srcset="{light} {density}">'
        f'<img src="{light}" alt="{escape(caption)}">'
        f"</picture><figcaption>{escape(caption)}</figcaption></figure>"
    )


def details(summary: str, body: str) -> str:
    """Returns HTML that opens on demand."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"
