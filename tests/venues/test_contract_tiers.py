"""Tier tables from ccxt and from the venues' own answers become overlays that the rule sets take."""

from decimal import Decimal as D

import pytest

from marginbook.domain.errors import BadInput
from marginbook.units import parse_time
from marginbook.venues.contracts.tiers import (
    overlay_from_bitget_position_lever,
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
