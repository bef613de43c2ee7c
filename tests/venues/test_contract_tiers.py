"""Tier tables from ccxt and from the venues' own answers become overlays that the rule sets take."""

from decimal import Decimal as D

import pytest

from marginbook.domain.errors import BadInput
from marginbook.units import parse_time
from marginbook.venues.brackets import maintenance_amounts
from marginbook.venues.contracts.tiers import (
    overlay_from_bitget_position_lever,
    overlay_from_bybit_collateral,
    overlay_from_bybit_risk_limit,
    overlay_from_ccxt,
    overlay_from_okx_position_tiers,
)
from marginbook.venues.registry import rule_set

AT = parse_time("2026-09-01")


def table(rules: str, overlay: dict[str, dict[str, object]], market: str) -> object:
    found = rule_set(rules)
    return found.module.parameters(found.version, AT, overlay).terms_of(market).table


def test_ccxt_tiers_of_every_exchange() -> None:
    tiers = {
        "BTC/USDT:USDT": [
            {"tier": 2, "minNotional": 2001, "maxNotional": 4000, "maintenanceMarginRate": 0.015, "maxLeverage": 50},
            {"tier": 1, "minNotional": 0, "maxNotional": 2000, "maintenanceMarginRate": 0.01, "maxLeverage": 75},
        ]
    }
    overlay = overlay_from_ccxt(tiers)
    marginal, whole = table("bybit/uta", overlay, "BTCUSDT"), table("bitget/usdt", overlay, "BTCUSDT")
    assert marginal.maintenance(D(3000)) == 35  # type: ignore[attr-defined]
    assert whole.maintenance(D(3000)) == 45  # type: ignore[attr-defined]
    named = overlay_from_ccxt(tiers, lambda symbol: "BTC-USDT-SWAP")
    assert table("okx/single-currency", named, "BTC-USDT-SWAP").bracket_of(D(3000)).rate == D("0.015")  # type: ignore[attr-defined]


def test_a_printed_deduction_is_kept_and_checked() -> None:
    rows = [
        {
            "symbol": "XUSDT",
            "riskLimitValue": "200000",
            "maintenanceMargin": "0.01",
            "mmDeduction": "0",
            "maxLeverage": "50",
        },
        {
            "symbol": "XUSDT",
            "riskLimitValue": "400000",
            "maintenanceMargin": "0.02",
            "mmDeduction": "1500",
            "maxLeverage": "25",
        },
    ]
    overlay = overlay_from_bybit_risk_limit({"result": {"list": rows[::-1]}})
    found = rule_set("bybit/uta").module.parameters("uta", AT, overlay)
    assert found.terms_of("XUSDT").table.maintenance(D(300_000)) == 4500
    assert any("2000.00 would be continuous" in text for text in found.warnings)


def test_a_rate_in_percent_is_told_by_its_own_initial_margin() -> None:
    row = {"symbol": "X", "riskLimitValue": "1", "maintenanceMargin": "0.5", "initialMargin": "1", "maxLeverage": "100"}
    overlay = overlay_from_bybit_risk_limit({"result": {"list": [row]}})
    assert overlay["X"]["brackets"] == [["0", "1", "0.005", "100", "0"]]


def test_okx_names_a_family_and_counts_quantities() -> None:
    row = {
        "instId": "",
        "instFamily": "BTC-USDT",
        "tier": "1",
        "minSz": "0",
        "maxSz": "1000",
        "mmr": "0.004",
        "maxLever": "100",
    }
    overlay = overlay_from_okx_position_tiers({"data": [row]})
    assert list(overlay) == ["BTC-USDT-SWAP"]


def test_bitget_tiers_and_a_gap_between_them() -> None:
    rows = [
        {"symbol": "X", "level": "1", "startUnit": "0", "endUnit": "100", "leverage": "50", "keepMarginRate": "0.01"},
        {"symbol": "X", "level": "2", "startUnit": "150", "endUnit": "200", "leverage": "20", "keepMarginRate": "0.02"},
    ]
    overlay = {"XUSDT": overlay_from_bitget_position_lever({"data": rows})["X"]}
    with pytest.raises(BadInput, match="the floor to be the cap before it"):
        rule_set("bitget/usdt").module.parameters("usdt", AT, overlay)


def test_derived_deductions_are_those_that_bybit_prints() -> None:
    """30 tiers of BTCPERP as the venue answered on 2025-12-29; the deductions follow from floors and rates."""
    terms = rule_set("bybit/uta").module.parameters("uta", AT, None).terms_of("BTCPERP")
    rows = terms.table.rows
    assert len(rows) == 30
    assert [row.cum for row in rows] == maintenance_amounts((row.floor, row.rate) for row in rows)


def test_the_shipped_tiers_of_okx_are_quantities() -> None:
    terms = rule_set("okx/single-currency").module.parameters("single-currency", AT, None).terms_of("BTC-USDT-SWAP")
    assert [terms.table.bracket_up_to(D(size)).rate for size in (9, 11, 400, 401, 4799)] == [
        D("0.004"),
        D("0.005"),
        D("0.0125"),
        D("0.0175"),
        D("0.1225"),
    ]


def test_a_bybit_collateral_answer_gives_discounts() -> None:
    tiers = [
        {"minQty": "0", "maxQty": "10", "collateralRatio": "0.95"},
        {"minQty": "10", "maxQty": "", "collateralRatio": "0"},
    ]
    overlay = overlay_from_bybit_collateral({"result": {"list": [{"currency": "BTC", "collateralRatioList": tiers}]}})
    found = rule_set("bybit/uta").module.parameters("uta", AT, overlay)
    assert found.currency("BTC").counted(D(30)) == D("9.5")
