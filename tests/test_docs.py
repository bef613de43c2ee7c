"""What exists is documented, and what is documented exists."""

import re
from pathlib import Path

import pytest
import typer

from marginbook.cli import app
from marginbook.testing.pages import PAGES as GENERATED
from marginbook.testing.pages import with_generated_parts
from marginbook.testing.support import FILE, as_text, measured
from marginbook.venues.registry import all_rule_sets

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = README + "".join(page.read_text() for page in sorted((ROOT / "docs").rglob("*.md")))


@pytest.mark.parametrize("pages", GENERATED)
def test_generated_parts_are_current(pages: str) -> None:
    for page in ROOT.glob(pages):
        text = page.read_text()
        assert with_generated_parts(text, ROOT) == text, f"{page}: run: python -m marginbook.testing.pages"


def test_the_support_matrix_is_what_trying_finds() -> None:
    found = as_text(measured([ROOT / "tests" / "vectors"]))
    assert FILE.read_text() == found, "a capability came or went; if rightly: python -m marginbook.testing.pages"


def test_every_command_and_option_is_documented() -> None:
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        assert f"marginbook {name}" in PAGES, f"no page shows `marginbook {name}`"
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option != "--help":
                    assert option in PAGES, f"no page mentions {option} of `marginbook {name}`"


def test_every_rule_set_has_a_page_with_its_results() -> None:
    for rules in all_rule_sets():
        mark = re.compile(rf"<!-- results ([^:]* )?{re.escape(rules.name)}( [^:]*)?:start -->")
        pages = [page for page in (ROOT / "docs" / "venues").glob("*.md") if mark.search(page.read_text())]
        assert len(pages) == 1, f"{rules.name} needs its results on one page of docs/venues"


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}, which does not exist"
