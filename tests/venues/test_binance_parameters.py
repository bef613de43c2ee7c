"""Bracket tables: shipped and dated, overlaid, and refused when they are none."""

from decimal import Decimal as D
from itertools import pairwise
from typing import Any

import pytest

from marginbook.domain.errors import BadInput
from marginbook.params.tables import BINANCE_USDM_FILES, _read, tables_at
from marginbook.units import format_time, parse_time
from marginbook.venues import binance_usdm as usdm
from marginbook.venues.brackets import bracket_table, maintenance_amounts, table_warnings


def at(day: str) -> int:
    return parse_time(day)


def brackets(day: str, market: str = "BTCUSDT") -> list[tuple[int, D]]:
    table = usdm.parameters("usdm", at(day)).terms_of(market).table
    return [(int(row.floor), row.rate) for row in table.rows]


def test_every_shipped_row_keeps_the_requirement_continuous_and_every_table_is_sound() -> None:
    rows = tables = 0
    for name in BINANCE_USDM_FILES:
        for market, dated in _read(name).markets.items():
            for time, values in dated:
                if values is None:
                    continue
                tables += 1
                rows += len(values)
                place = f"{market} of {format_time(time)}"
                assert [row[4] for row in values] == maintenance_amounts((row[0], row[2]) for row in values), place
                assert all(low[1] == high[0] for low, high in pairwise(values)), place
                assert table_warnings(bracket_table(values, place), market) == [], place
    assert (tables, rows) == (TABLES, ROWS)


TABLES, ROWS = 347, 2994


@pytest.mark.parametrize(
    ("day", "first_tiers"),
    [
        ("2022-02-16", [(0, "0.004"), (50_000, "0.005"), (250_000, "0.01"), (1_000_000, "0.025"), (7_500_000, "0.05")]),
        ("2022-05-20", [(0, "0.004"), (50_000, "0.005"), (250_000, "0.01"), (1_000_000, "0.025"), (7_500_000, "0.05")]),
        ("2023-03-13", [(0, "0.004"), (50_000, "0.005"), (250_000, "0.01"), (3_000_000, "0.025")]),
        ("2023-12-12", [(0, "0.004"), (50_000, "0.005"), (500_000, "0.01"), (8_000_000, "0.025")]),
        ("2025-10-10", [(0, "0.004"), (50_000, "0.005"), (600_000, "0.0065"), (3_000_000, "0.01")]),
        ("2026-09-29", [(0, "0.004"), (300_000, "0.005"), (800_000, "0.0065"), (3_000_000, "0.01")]),
    ],
)
def test_the_table_is_that_of_its_date(day: str, first_tiers: list[tuple[int, str]]) -> None:
    assert brackets(day)[: len(first_tiers)] == [(floor, D(rate)) for floor, rate in first_tiers]


def test_a_table_says_when_it_was_last_seen() -> None:
    assert usdm.parameters("usdm", at("2025-10-10")).as_of == at("2024-10-24")
    assert usdm.parameters("usdm", at("2026-11-01")).as_of == at("2026-09-29")
    assert "freqtrade" in usdm.parameters("usdm", at("2025-10-10")).source


def test_before_the_first_table_there_are_no_parameters_unless_the_book_has_them() -> None:
    with pytest.raises(BadInput) as bad:
        usdm.parameters("usdm", at("2020-03-12"))
    assert bad.value.problem.code == "no_parameters"
    own = usdm.parameters("usdm", at("2020-03-12"), {"BTCUSDT": {"maintenance_rate": "0.004"}})
    assert own.as_of is None
    with pytest.raises(BadInput, match="no_parameters"):
        own.terms_of("ETHUSDT")


def test_a_delisted_market_has_no_parameters_after_its_last_table() -> None:
    assert brackets("2022-05-01", "LUNAUSDT")
    with pytest.raises(BadInput, match="no_parameters"):
        brackets("2022-09-01", "LUNAUSDT")
    with pytest.raises(BadInput, match="no_parameters"):
        brackets("2022-05-01", "SUIUSDT")


def test_an_overlay_changes_one_market_and_keeps_the_rest() -> None:
    table = usdm.parameters(
        "usdm", at("2026-10-01"), {"BTCUSDT": {"brackets": [[0, 1000, "0.01"], [1000, "", "0.02"]]}}
    )
    assert [row.cum for row in table.terms_of("BTCUSDT").table.rows] == [0, 10]
    assert len(table.terms_of("ETHUSDT").table.rows) > 5
    assert table.warnings == ()
    all_markets = usdm.parameters("usdm", at("2026-10-01"), {"*": {"maintenance_rate": "0.004"}})
    assert all_markets.terms_of("ANYUSDT").table.maintenance(D(1000)) == 4
    assert all_markets.terms_of("BTCUSDT").table.maintenance(D(10**9)) == 4 * 10**6


def test_a_printed_amount_that_breaks_continuity_is_used_and_warned_about() -> None:
    rows = [["0", "1000", "0.01", "50", "0"], ["1000", "2000", "0.02", "20", "9"]]
    table = usdm.parameters("usdm", at("2026-10-01"), {"XUSDT": {"brackets": rows}})
    assert table.terms_of("XUSDT").table.maintenance(D(1500)) == 21
    [warning] = table.warnings
    assert "10" in warning
    assert "continuous" in warning


def test_a_maintenance_rate_above_the_initial_margin_is_a_warning_not_an_error() -> None:
    rows = [["0", "1000", "0.02", "100"]]
    [warning] = usdm.parameters("usdm", at("2026-10-01"), {"XUSDT": {"brackets": rows}}).warnings
    assert "above the initial margin" in warning


@pytest.mark.parametrize(
    ("entry", "code", "place"),
    [
        ({"brackets": []}, "bad_brackets", "parameters.XUSDT.brackets"),
        ({"brackets": "0.01"}, "bad_brackets", "parameters.XUSDT.brackets"),
        ({"brackets": [[0, 10]]}, "bad_brackets", "parameters.XUSDT.brackets[0]"),
        ({"brackets": [[5, 10, "0.01"]]}, "bad_brackets", "parameters.XUSDT.brackets[0]"),
        ({"brackets": [[0, 10, "1.5"]]}, "bad_brackets", "parameters.XUSDT.brackets[0]"),
        ({"brackets": [[0, 10, "0.01"], [11, 20, "0.02"]]}, "bad_brackets", "parameters.XUSDT.brackets[1]"),
        ({"brackets": [[0, 0, "0.01"]]}, "bad_brackets", "parameters.XUSDT.brackets[0]"),
        ({"brackets": [[0, 10, "0.01", 0]]}, "bad_brackets", "parameters.XUSDT.brackets[0]"),
        ({"brackets": [[0, 10, "x"]]}, "bad_number", "parameters.XUSDT.brackets[0][2]"),
        ({"maintenance_rate": "2"}, "bad_parameter", "parameters.XUSDT.maintenance_rate"),
        ({"maintenance_rate": "nan"}, "bad_number", "parameters.XUSDT.maintenance_rate"),
        ({"maintenance_rate": "0.1", "tick": "0"}, "bad_parameter", "parameters.XUSDT.tick"),
        ({"maintenance_rate": "0.1", "basis": "entry"}, "unknown_parameter", "parameters.XUSDT.basis"),
        ({"maintenance_rate": "0.1", "operator": "<"}, "unknown_parameter", "parameters.XUSDT.operator"),
        ({"maintenence_rate": "0.1"}, "unknown_parameter", "parameters.XUSDT.maintenence_rate"),
        ({"tick": "0.1"}, "no_parameters", "parameters.XUSDT"),
        ("0.004", "bad_parameters", "parameters.XUSDT"),
    ],
)
def test_a_bad_overlay_is_named_by_its_place(entry: Any, code: str, place: str) -> None:
    with pytest.raises(BadInput) as bad:
        usdm.parameters("usdm", at("2026-10-01"), {"XUSDT": entry})
    assert (bad.value.problem.code, bad.value.problem.place) == (code, place)


def test_an_overlay_may_hold_assets_of_other_venues() -> None:
    mixed = {"WETH": {"ltv": "0.8"}, "BTCUSDT": {"maintenance_rate": "0.01"}}
    table = usdm.parameters("usdm", at("2026-10-01"), mixed)
    assert table.terms_of("BTCUSDT").table.maintenance(D(100)) == 1


def test_exchange_and_ccxt_answers_load_as_overlays() -> None:
    row = {"bracket": 2, "initialLeverage": 50, "notionalCap": 20000, "notionalFloor": 10000, "maintMarginRatio": 0.01}
    first = row | {"bracket": 1, "notionalCap": 10000, "notionalFloor": 0, "maintMarginRatio": 0.0065, "cum": 0}
    raw = usdm.overlay_from_leverage_bracket([{"symbol": "XUSDT", "brackets": [row | {"cum": 35.0}, first]}])
    tiers = [
        {"tier": 1, "minNotional": 0.0, "maxNotional": 10000.0, "maintenanceMarginRate": 0.0065, "maxLeverage": 50.0},
        {"tier": 2, "minNotional": 10000.0, "maxNotional": 20000.0, "maintenanceMarginRate": 0.01, "maxLeverage": 50.0},
    ]
    unified = usdm.overlay_from_ccxt_tiers({"X/USDT:USDT": tiers})
    for overlay in (raw, unified):
        table = usdm.parameters("usdm", at("2026-10-01"), overlay).terms_of("XUSDT").table
        assert [(row.floor, row.rate, row.cum) for row in table.rows] == [(0, D("0.0065"), 0), (10000, D("0.01"), 35)]


def test_the_newest_file_is_enough_for_now() -> None:
    _read.cache_clear()
    tables_at(BINANCE_USDM_FILES, at("2026-10-01"))
    assert _read.cache_info().currsize == 1
