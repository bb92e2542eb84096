"""Pieces of HTML: whole, escaped, and no verdict by colour alone."""

import html.parser

from common.results import page


class Balanced(html.parser.HTMLParser):
    """Fails on an end tag that does not close the last open one."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img", "br", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_document_is_balanced_and_asks_for_nothing_outside():
    text = page.document("A <title>", page.details("more", "<p>body</p>"))
    parser = Balanced()
    parser.feed(text)
    assert not parser.open
    assert "A &lt;title&gt;" in text
    assert "http" not in text and "<script" not in text


def test_quotes_and_tags_are_escaped():
    assert page.escape('<a href="x">') == "&lt;a href=&quot;x&quot;&gt;"


def test_a_verdict_has_a_sign_beside_its_word():
    for verdict, sign in page.SIGNS.items():
        chip = page.chip(verdict)
        assert sign in chip and verdict in chip


def test_a_figure_that_was_not_drawn_leaves_nothing():
    assert page.figure(None, "caption") == ""
    assert "plot-light.png" in page.figure("plot", "caption")
