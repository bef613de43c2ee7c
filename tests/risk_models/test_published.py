"""Numbers that others printed, through the readers of `marginbook conform`."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

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


MORE: list[dict[str, Any]] = [
    # Rank ⌊10 · 0.1⌋ = 1: the second worst of ten profits, and the mean of the two.
    {
        "model": "historical simulation VaR",
        "pnl": [5, -3, 2, -8, 1, 0, 4, -1, 3, 7],
        "expected": {"q10": "-3", "es10": "-5.5"},
    },
    {
        "model": "historical simulation",
        "n": 1000,
        "worst_2": [-9, -8],
        "best_2": [7, 8],
        "expected": {"q01": 0, "q999": 8},
    },
    {"model": "Kupiec, T=500, p=1%", "rows": [{"x": 5, "LR_pof": "0.0000000000", "zone": "green"}]},
    {
        "model": "Kupiec",
        "T": 250,
        "p": "0.01",
        "rows": [{"x": 2, "n00": 247, "n01": 0, "n10": 1, "n11": 1, "LR_ind": "10.2583"}],
    },
    {
        "model": "SPAN, other ranges",
        "inputs": {"price_scan_range": 3000, "extreme_multiplier": 3, "extreme_cover": "0.33", "position": -2},
        "loss_short_2": [
            0,
            0,
            2000,
            2000,
            -2000,
            -2000,
            4000,
            4000,
            -4000,
            -4000,
            6000,
            6000,
            -6000,
            -6000,
            5940,
            -5940,
        ],
        "requirement": 6000,
    },
    {
        "model": "BCBS-IOSCO standard schedule",
        "tolerance": "abs 1e-9",
        "asof": "2024-01-01",
        "rows": [
            {"TradeID": "a", "ProductClass": "FX", "RiskType": "PV", "AmountUSD": -10, "end_date": "2025-01-01"},
            {"TradeID": "a", "ProductClass": "FX", "RiskType": "Notional", "AmountUSD": 1000, "end_date": "2025-01-01"},
            {"TradeID": "b", "ProductClass": "Credit", "RiskType": "PV", "AmountUSD": 40, "end_date": "01/01/2034"},
            {
                "TradeID": "b",
                "ProductClass": "Credit",
                "RiskType": "Notional",
                "AmountUSD": -1000,
                "end_date": "01/01/2034",
            },
        ],
        "expected": {
            "gross_im": 160,
            "call": {"net_rc": 30, "ngr": "0.75", "im": 136},
            "post": {"gross_rc": -10, "im": 64},
        },
    },
]
"""Cases of the same kinds with other numbers and under no known id, worked by hand."""


def test_further_cases_of_the_same_kinds(tmp_path: Path) -> None:
    file = tmp_path / "more.json"
    file.write_text(json.dumps({"groups": [{"id": f"more {n}", **group} for n, group in enumerate(MORE)]}))
    answer = conform([file])
    assert not answer["failures"]
    # The first quantile of the second group lies between the tails that are given.
    assert sum(row["unsupported"] for row in answer["results"]) == 1
    assert sum(row["passed"] for row in answer["results"]) == 2 + 1 + 2 + 1 + 2 + 6


def test_a_wrong_number_fails(tmp_path: Path) -> None:
    group = {"id": "kupiec_basel_250", "model": "Kupiec, T=250, p=1%", "rows": [{"x": 7, "LR_pof": "5.50"}]}
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps({"groups": [group]}))
    assert not conform([file])["failures"]
    group["rows"] = [{"x": 7, "LR_pof": "5.51"}]
    file.write_text(json.dumps({"groups": [group]}))
    (failure,) = conform([file])["failures"]
    assert failure["id"] == "kupiec_basel_250.rows[0]"
