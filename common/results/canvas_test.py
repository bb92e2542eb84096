"""Figures come in two themes, the same bytes each time."""

import matplotlib as mpl
import numpy as np
import pytest

from common.results import canvas


def draw():
    figure, (left, right) = canvas.panels(2, width=3.0, height=2.0)
    left.plot([0, 1], [0, 1], color=canvas.color(0))
    right.plot([0, 1], [1, 0], color=canvas.color(1))
    return figure


@pytest.mark.parametrize("theme", canvas.THEMES)
def test_lines_stand_out_from_the_page(theme):
    def brightness(color):  # relative luminance, of WCAG 2
        parts = np.array(mpl.colors.to_rgb(color))
        linear = np.where(
            parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4
        )
        return linear @ [0.2126, 0.7152, 0.0722] + 0.05

    page = brightness(canvas.THEMES[theme]["page"])
    for color in canvas.COLORS:
        pair = sorted((page, brightness(color)))
        assert pair[1] / pair[0] >= 3, color


def test_both_themes_are_written_and_repeat_their_bytes(tmp_path):
    names = [f"plot-{theme}.png" for theme in canvas.THEMES]
    assert canvas.save(draw, tmp_path / "plot") == "plot"
    first = [(tmp_path / name).read_bytes() for name in names]
    canvas.save(draw, tmp_path / "plot")
    assert [(tmp_path / name).read_bytes() for name in names] == first
    assert first[0] != first[1] and first[0].startswith(b"\x89PNG")


def test_each_theme_has_its_colours_and_none_of_the_other(tmp_path):
    canvas.save(draw, tmp_path / "plot")
    for theme, own in canvas.THEMES.items():
        pixels = mpl.image.imread(tmp_path / f"plot-{theme}.png")[..., :3]
        shown = {
            mpl.colors.to_hex(pixel)
            for pixel in np.unique(pixels.reshape(-1, 3), axis=0)
        }
        assert mpl.colors.to_hex(pixels[0, 0]) == own["page"]
        for other, colors in canvas.THEMES.items():
            for name in ("ink", "page"):
                assert (colors[name] in shown) == (other == theme), (theme, name)


def test_nothing_to_draw_writes_nothing(tmp_path):
    assert canvas.save(lambda: None, tmp_path / "plot") is None
    assert not list(tmp_path.iterdir())


def test_a_line_beyond_the_colours_has_another_marker():
    styles = {(canvas.color(i), canvas.marker(i)) for i in range(40)}
    assert len(styles) == 40


@pytest.mark.parametrize("count", [1, 12])
def test_a_legend_of_long_names_stays_inside_the_figure(count):
    figure, panels = canvas.panels(1, width=3.0, height=2.0)
    for index in range(count):
        panels[0].plot([0, 1], label=f"{index:02} with adversarial training, eps=16")
    canvas.legend(figure, canvas.named([*panels, *panels]), "solid: measured")
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert len(figure.legends[0].get_texts()) == count
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
    assert panels[0].get_window_extent().height > 0.5 * 2.0 * figure.dpi
