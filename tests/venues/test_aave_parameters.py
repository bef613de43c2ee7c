"""The dated table and the overlays on it."""

from decimal import Decimal as D
from typing import Any

import pytest

from marginbook.domain.errors import BadInput
from marginbook.units import format_time, parse_time
from marginbook.venues.aave_v3.parameters import Parameters, parameters


def at(day: str, overlay: dict[str, Any] | None = None, version: str = "3.6") -> Parameters:
    return parameters(version, parse_time(day), overlay)


def terms(table: Parameters, asset: str) -> tuple[int, int, int, int]:
    row = table.assets[asset]
    return row.ltv, row.liquidation_threshold, row.liquidation_bonus, row.protocol_fee


def test_terms_of_october_2023() -> None:
    table = at("2023-11-01")
    assert terms(table, "WBTC") == (7300, 7800, 10500, 1000)
    assert terms(table, "WETH") == (8050, 8300, 10500, 1000)
    assert terms(table, "DAI") == (7700, 8000, 10500, 2000)
    assert terms(table, "LINK") == (5300, 6800, 10700, 1000)
    assert table.assets["UNI"].debt_ceiling == 17_000_000_00
    assert (table.emodes[1].ltv, table.emodes[1].liquidation_threshold) == (9000, 9300)
    assert (table.assets["USDC"].decimals, table.assets["WBTC"].decimals) == (6, 8)


def test_a_change_is_in_force_from_the_second_of_its_execution() -> None:
    assert terms(at("2024-05-11T16:47:10Z"), "USDC")[:2] != (7500, 7800)
    assert terms(at("2024-05-11T16:47:11Z"), "USDC")[:2] == (7500, 7800)
    assert terms(at("2025-03-02T09:04:46Z"), "AAVE")[:2] == (6600, 7300)
    assert terms(at("2025-03-02T09:04:47Z"), "AAVE")[:2] == (6900, 7600)


def test_the_record_tells_how_far_it_goes() -> None:
    assert format_time(at("2024-01-01").as_of or 0) == "2024-01-01T00:00:00Z"
    assert format_time(at("2026-10-01").as_of or 0) == "2026-03-04T00:00:00Z"
    assert len(at("2026-10-01").assets) >= 40


def test_before_the_first_row_and_elsewhere_there_are_none() -> None:
    with pytest.raises(BadInput, match="no_parameters"):
        at("2022-01-01")
    with pytest.raises(BadInput, match="no_parameters"):
        parameters("3.6", parse_time("2026-01-01"), network="nowhere")
    with pytest.raises(BadInput, match="unknown_rules"):
        at("2026-01-01", version="4")


def test_an_overlay_changes_what_it_names_and_may_add_assets() -> None:
    table = at("2023-11-01", {"WETH": {"ltv": D("0.7")}, "NEW": {"ltv": "0.1", "liquidation_threshold": "0.2"}})
    assert terms(table, "WETH") == (7000, 8300, 10500, 1000)
    assert terms(table, "NEW") == (1000, 2000, 10000, 0)
    assert table.assets["NEW"].decimals == 18
    alone = at("2022-01-01", {"USDX": {"decimals": 6}})
    assert (alone.assets["USDX"].decimals, alone.as_of) == (6, None)


@pytest.mark.parametrize(
    ("overlay", "code", "place"),
    [
        ({"WETH": {"lvt": "0.7"}}, "unknown_key", "parameters.WETH.lvt"),
        ({"WETH": {"ltv": "0.80501"}}, "bad_value", "parameters.WETH.ltv"),
        ({"WETH": {"ltv": "1.1"}}, "bad_value", "parameters.WETH.ltv"),
        ({"WETH": {"ltv": "-0.1"}}, "bad_value", "parameters.WETH.ltv"),
        ({"WETH": {"ltv": "0.9"}}, "bad_value", "parameters.WETH.ltv"),
        ({"WETH": {"frozen": "no"}}, "bad_value", "parameters.WETH.frozen"),
        ({"WETH": {"decimals": "40"}}, "bad_value", "parameters.WETH.decimals"),
        ({"WETH": {"liquidation_bonus": "abc"}}, "bad_value", "parameters.WETH.liquidation_bonus"),
        ({"NEW": {"ltv": "0.1"}}, "unknown_market", "parameters.NEW"),
        ({"WETH": "0.8"}, "bad_value", "parameters.WETH"),
        ({"emode:77": {"ltv": "0.1"}}, "bad_value", "parameters.emode:77"),
        ({"emode:x": {"ltv": "0.1"}}, "bad_value", "parameters.emode:x"),
        ({"emode:1": {"collateral": "WETH"}}, "bad_value", "parameters.emode:1.collateral"),
    ],
)
def test_a_bad_overlay_is_named(overlay: dict[str, Any], code: str, place: str) -> None:
    with pytest.raises(BadInput) as caught:
        at("2023-11-01", overlay)
    assert (caught.value.problem.code, caught.value.problem.place) == (code, place)
