"""Numbers that others printed, through the readers of `marginbook conform`."""

from collections import Counter
from pathlib import Path

from marginbook.testing.conformance import conform

VECTORS = Path(__file__).parent.parent / "vectors" / "risk_models"


def counted(name: str) -> tuple[dict[str, Counter[str]], list[dict[str, str]]]:
    answer = conform([VECTORS / name])
    counts: dict[str, Counter[str]] = {}
    for row in answer["results"]:
        found = counts.setdefault(row["rules"].removeprefix("risk_models/"), Counter())
        found.update({outcome: row[outcome] for outcome in ("passed", "failed", "unsupported")})
    return counts, answer["failures"]


def test_printed_numbers_of_the_models() -> None:
    counts, failures = counted("published.json")
    assert not failures
    assert {model: count["passed"] for model, count in counts.items()} == {
        "schedule": 9,
        "historical": 6,
        "lognormal_es": 2,
        "span_array": 2,
        "coverage": 52,
        "paradex": 0,
    }
    # Three cases of the schedule are in words, the scenarios of Paradex come without a portfolio.
    assert {model: count["unsupported"] for model, count in counts.items() if count["unsupported"]} == {
        "schedule": 3,
        "paradex": 1,
    }


def test_cases_of_derive_to_eight_digits() -> None:
    counts, failures = counted("derive.json")
    assert not failures
    assert counts["derive_portfolio"] == Counter(passed=24 * 7)


def test_readers_see_inputs_only() -> None:
    from marginbook.testing.adapters.initial_margin import cases_of

    group = {
        "id": "span_futures_risk_array",
        "tolerance": "exact",
        "inputs": {"price_scan_range": 1},
        "pnl_long_1": [1],
        "requirement": 2,
    }
    (case,) = cases_of(group)
    assert case["expected"] == {"pnl_long_1": [1], "requirement": 2}
    assert not {"pnl_long_1", "requirement"} & case.keys()
    assert case["tolerance"] is None
    (case,) = cases_of(
        {"id": "derive_pmrm2", "cases": [{"name": "a", "expected": {"IM": 1}, "our_float64": {"IM": 1}}]}
    )
    assert case["expected"] == {"IM": 1}
    assert "our_float64" not in case
