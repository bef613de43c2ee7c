"""The pages on margin calls and stress show what the code does."""

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["margin-calls.md", "stress.md"])
def test_examples_of_the_page_run(page) -> None:
    failed, tried = doctest.testfile(str(DOCS / page), module_relative=False, encoding="utf-8")
    assert tried > 5
    assert failed == 0
