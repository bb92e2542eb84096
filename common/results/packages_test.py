"""Papers are found by the name of their package."""

import pytest

from common.recipe import Paper
from common.results import packages


def test_a_package_is_found_by_name():
    assert isinstance(packages.find("free_at"), Paper)


@pytest.mark.parametrize("name", ["no_such_paper", "json"])
def test_what_is_no_paper_is_refused(name):
    with pytest.raises(ValueError, match=f"paper={name}"):
        packages.find(name)


def test_an_import_that_fails_inside_a_package_shows(tmp_path, monkeypatch):
    (tmp_path / "half_paper.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        packages.find("half_paper")
