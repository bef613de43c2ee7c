"""Every malformed input of the corpus gets its precise problem, and what is beside it is still read."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from marginbook.connectors.books import load_book_bytes

CASES: list[dict[str, Any]] = [
    case
    for path in sorted((Path(__file__).parent / "corpus").glob("*.toml"))
    for case in tomllib.loads(path.read_text())["case"]
]
GOOD = ("good.toml", b'[[account]]\nid = "good"\nrules = "generic/lending"\n[prices]\nbinance = { GOOD = 1 }\n')


def content(case: dict[str, Any]) -> bytes:
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    text, times = case.get("repeat", ["", 0])
    return (case["text"] + text * times).encode()


def test_the_corpus_is_large_and_its_names_are_unique() -> None:
    assert len(CASES) == len({case["name"] for case in CASES}) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"].replace(" ", "-"))
def test_malformed_input(case: dict[str, Any]) -> None:
    book = load_book_bytes([(case["file"], content(case)), GOOD])
    problems = [*book.problems, *(rejected.problem for rejected in book.rejected)]
    assert [[problem.code, problem.place] for problem in problems] == case["problems"]
    if "hint" in case:
        assert case["hint"] in problems[0].expected
    assert "good" in [account.id for account in book.accounts]
    assert ("binance", "GOOD", "mark") in book.quotes
    for problem in problems:
        assert problem.value
        assert problem.expected
        assert len(str(problem)) < 600
        assert str(problem).isprintable()
