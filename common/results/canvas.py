"""The look of the figures: colours, light and dark themes, panels, PNG files.

Colours are near the Okabe-Ito set, so that they are told apart with any common colour
vision, and as bright as both pages allow: a contrast of three to each. Markers or
strokes say the same again.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterable, Mapping

import matplotlib as mpl
from matplotlib import colors
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import ColorType

COLORS = ("#2186C9", "#D55E00", "#009E73", "#CC79A7", "#B87F00", "#7F7F7F", "#8C6BB1")
MARKERS = "osD^vP*"
THEMES = {
    "light": {"ink": "#333a44", "line": "#dfe3e8", "page": "#ffffff"},
    "dark": {"ink": "#c9d1d9", "line": "#30363f", "page": "#171b21"},
}
DPI = 144


def save(draw: Callable[[], Figure | None], stem: pathlib.Path) -> str | None:
    """Writes `STEM-light.png` and `STEM-dark.png`.

    Args:
      draw: makes the figure; called once.
      stem: path without suffix.

    Returns:
      The name of the stem, or None if there was nothing to draw.
    """
    with mpl.rc_context(_style(**THEMES["light"])):
        figure = draw()
        if figure is None:
            return None
        for theme in THEMES:
            _dye(figure, THEMES["light"], THEMES[theme])
            # No software version in the file: the same records give the same bytes.
            metadata = {"Software": None}
            figure.savefig(f"{stem}-{theme}.png", dpi=DPI, metadata=metadata)
            figure.set_layout_engine("none")  # everything stays where it is
    return stem.name


def panels(count: int, *, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Returns a figure with `count` equal panels; width and height in inches each."""
    lines = -(-count // max(1, int(11.5 / width)))
    columns = -(-count // lines)  # as even as the lines can be
    size = (max(5.5, width * columns + 0.8), height * lines + 0.8)  # room for a legend
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).flatten()
    for panel in axes[count:]:
        panel.remove()
    return figure, list(axes[:count])


def legend(figure: Figure, entries: Mapping[str, Artist], title: str = "") -> None:
    """Adds a legend below the panels, as wide as the figure allows.

    The figure grows by the lines of the legend beyond the first.

    Args:
      figure: as `panels` returns it.
      entries: label to handle.
      title: above the entries.
    """
    wide = 0.6 + 0.064 * max(len(label) for label in entries)  # inches of an entry
    columns = max(1, min(4, len(entries), int(figure.get_figwidth() / wide)))
    lines = -(-len(entries) // columns)
    figure.set_figheight(figure.get_figheight() + 0.19 * (lines - 1))
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside lower center",
        ncols=columns,
        title=title or None,
    )


def named(panels: Iterable[Axes]) -> dict[str, Artist]:
    """Returns label to handle of what is drawn on panels, each label once."""
    found: dict[str, Artist] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return found


def color(index: int) -> str:
    """Returns the colour of the line of that index."""
    return COLORS[index % len(COLORS)]


def marker(index: int) -> str:
    """Returns the marker of a line: another one beside a colour that comes again."""
    return MARKERS[(index + index // len(COLORS)) % len(MARKERS)]


def _dye(figure: Figure, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Gives everything that has a colour of one theme that of another."""
    others = {before[name]: after[name] for name in before}
    for artist in figure.findobj():
        for kind in ("color", "facecolor", "edgecolor"):
            found = getattr(artist, f"get_{kind}", lambda: None)()
            if colors.is_color_like(found) and (dyed := others.get(_hex(found))):
                getattr(artist, f"set_{kind}")(dyed)


def _hex(color: ColorType) -> str:
    """Returns `#rrggbb` of what is not transparent, or else nothing."""
    return colors.to_hex(color) if colors.to_rgba(color)[3] else ""


def _style(ink: str, line: str, page: str) -> dict[str, object]:
    inked = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys(inked, ink),
        **dict.fromkeys(("figure.facecolor", "axes.facecolor"), page),
        "axes.edgecolor": line,
        "grid.color": line,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "axes.labelsize": 9,
        "font.size": 9,
        "lines.markersize": 4,
        "legend.frameon": False,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
    }
