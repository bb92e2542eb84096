"""Pages name what is there: links, headings, files and Python names."""

import re

import pytest

from reproduce import PAPERS, ROOT

PAGES = sorted(
    path
    for folder in (".", "docs", "benchmarks", *PAPERS)
    for path in (ROOT / folder).glob("*.md")
)
TOP = "|".join(("benchmarks", "common", "docs", "tests", *PAPERS))
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
PLACE = re.compile(rf"`((?:{TOP})/[\w/.-]+)`")
NAME = re.compile(rf"(?:`|python -m )((?:{TOP})(?:\.\w+)+)\b(?![\w/(])")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def anchors(text):
    """Returns the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def is_there(name):
    """Whether a dotted name is a module, or stands in the text of its module."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:count])
        for module in (path.with_suffix(".py"), path / "__init__.py"):
            if module.is_file():
                text = module.read_text(encoding="utf-8")
                return all(re.search(rf"\b{p}\b", text) for p in parts[count:])
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_page_names_what_is_there(page):
    text = page.read_text(encoding="utf-8")
    missing = [name for name in NAME.findall(text) if not is_there(name)]
    missing += [p for p in PLACE.findall(text) if not (ROOT / p).exists()]
    for file, anchor in LINK.findall(text):
        target = page.parent / file if file else page
        if not target.exists():
            missing.append(file)
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            missing.append(f"{file}#{anchor}")
    assert not missing


def test_the_examples_of_the_library_run():
    text = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if "logits_fn" in names:
            names.setdefault("other_fn", names["logits_fn"])
        exec(block, names)
    assert 0 <= names["shown"].rate <= 100
