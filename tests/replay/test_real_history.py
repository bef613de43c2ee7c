"""Real prices over leveraged accounts, and real borrowers through a real crash: each liquidation at its tick.

The expected tick comes from the data alone: the first price at or beyond a border worked out here with fractions.
"""

import csv
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.events import PriceFrame, Stamp
from marginbook.domain.market import Market
from marginbook.engine.evaluate import evaluate, parameters_source
from marginbook.engine.replay import replay
from marginbook.units import format_time, parse_time

LEVERAGES = (5, 10, 15, 20, 25, 40, 50, 75, 100)
RATE = Fraction(4, 1000)  # of the first bracket, and no deduction there


def five_minute_marks(data: Path) -> list[tuple[int, Decimal]]:
    """Mark prices of BTCUSDT, 5–20 October 2025: the low of each bar, then its close."""
    points = []
    with (data / "binance_BTCUSDT_5m_2025-10-05_2025-10-20.csv").open() as file:
        for row in csv.DictReader(file):
            opened = parse_time(row["open_time_utc"])
            points += [(opened + 150_000_000, Decimal(row["low"])), (opened + 300_000_000, Decimal(row["close"]))]
    return points


def frames(points: list[tuple[int, Decimal]], key: tuple[str, str, str]) -> Iterator[PriceFrame]:
    for number, (time, price) in enumerate(points, 1):
        yield PriceFrame(stamp=Stamp(source="history", source_sequence=number, time=time), prices={key: price})


def test_longs_of_october_2025_are_liquidated_at_the_first_low_beyond_their_border(data: Path) -> None:
    points = five_minute_marks(data)
    entry = points[0][1]
    quantity = Decimal("0.1")
    accounts = [
        Account(
            id=f"{leverage}x",
            rules="binance/usdm",
            wallet={"USDT": entry * quantity / leverage},
            positions=(
                Position(market="BTCUSDT", side="long", quantity=quantity, entry=entry, leverage=Decimal(leverage)),
            ),
        )
        for leverage in LEVERAGES
    ]
    answer = replay(accounts, Market(), {}, frames(points, ("binance", "BTCUSDT", "mark")))
    found: dict[str, str] = {}
    for event in answer["events"]:
        if event["to"] in ("liquidation", "bankrupt"):
            found.setdefault(event["account"], event["time"])

    expected: dict[str, str] = {}
    for leverage in LEVERAGES:
        wallet, size = Fraction(entry) * Fraction(quantity) / leverage, Fraction(quantity)
        for time, price in points:
            equity = wallet + size * (Fraction(price) - Fraction(entry))
            if RATE * size * Fraction(price) >= equity:
                expected[f"{leverage}x"] = format_time(time)
                break
    assert found == expected
    assert 3 <= len(expected) < len(LEVERAGES), "the crash of 10 October should take some and spare some"
    assert not answer["problems"]


def borrowers(data: Path) -> dict[str, dict[str, Any]]:
    """Real multi-asset borrowers of USDT on Aave v3, 24 December 2025, with the assets that have a name."""
    found: dict[str, dict[str, Any]] = {}
    with (data / "aave_v3_whale_solvency_parameters_2025-12-24.csv").open(encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            if row["asset_name"] == "Other":
                continue
            one = found.setdefault(
                row["original_user_address"], {"assets": {}, "debt": Decimal(row["debt_amount_usdt"])}
            )
            one["assets"][row["asset_name"]] = (Decimal(row["collateral_amount"]), row["liquidation_threshold"])
    return found


PRICES = {"WETH": "3000", "wstETH": "3600", "weETH": "3240", "WBTC": "90000", "USDC": "1", "USDT": "1"}
ETHER = ("WETH", "wstETH", "weETH")


def account_of(address: str, one: dict[str, Any]) -> Account:
    return Account(
        id=address,
        rules="aave/3.6",
        parameters="real",
        collateral=tuple(Collateral(asset=asset, amount=amount) for asset, (amount, _) in one["assets"].items()),
        debt=(Debt(asset="USDT", amount=one["debt"]),),
    )


def overlay_of(people: dict[str, dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    thresholds = {asset: t for one in people.values() for asset, (_, t) in one["assets"].items()}
    table: dict[str, dict[str, Any]] = {
        asset: {"ltv": Decimal(t) - Decimal("0.03"), "liquidation_threshold": Decimal(t)}
        for asset, t in thresholds.items()
    }
    return {"real": table}


def test_real_borrowers_through_black_thursday(data: Path) -> None:
    """ETH falls along the path of 12–13 March 2020, scaled to 3,000 dollars; each liquidation comes at its tick."""
    people = borrowers(data)
    with (data / "eth_usd_10min_black_thursday_riskdao.csv").open() as file:
        path = [Fraction(row["eth_usd_int"]) for row in csv.DictReader(file)]
    at = parse_time("2025-12-24T00:00:00Z")
    points = [
        {
            ("aave", a, "oracle"): Decimal(p) * (int(v * 1000 / path[0]) if a in ETHER else 1000) / 1000
            for a, p in PRICES.items()
        }
        for v in path
    ]
    history = [
        PriceFrame(stamp=Stamp(source="history", source_sequence=n + 1, time=at + n * 600_000_000), prices=prices)
        for n, prices in enumerate(points)
    ]
    answer = replay([account_of(a, one) for a, one in people.items()], Market(), overlay_of(people), history)
    found = {}
    for event in answer["events"]:
        if event["to"] in ("liquidation", "bankrupt"):
            found.setdefault(event["account"], event["time"])

    expected = {}
    for address, one in people.items():
        for frame in history:
            support = sum(
                Fraction(amount) * Fraction(frame.prices["aave", asset, "oracle"]) * Fraction(Decimal(threshold))
                for asset, (amount, threshold) in one["assets"].items()
            )
            if support < Fraction(one["debt"]):
                expected[address] = format_time(frame.stamp.time)
                break
    assert found == expected
    assert found
    assert not answer["problems"]


def test_published_liquidation_prices_of_single_asset_borrowers(data: Path) -> None:
    people = borrowers(data)
    overlays = overlay_of(people)
    market = Market(quotes={})
    checked = 0
    with (data / "aave_v3_top50_usdt_borrowers_triggers_2025-12-24.csv").open(encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            one = people.get(row["user_address"])
            if one is None or list(one["assets"]) != ["WETH"] or Decimal(row["current_hf"]) > 100:
                continue
            one = one | {"debt": Decimal(row["outstanding_debt_usdt"])}
            account = account_of(row["user_address"], one)
            at = parse_time("2025-12-24T00:00:00Z")
            quotes = {("aave", asset, "oracle"): Decimal(price) for asset, price in PRICES.items()}
            report = evaluate(account, market.with_prices(quotes), parameters_source(overlays, at), at)
            price = next(p.price for p in report.pools[0].liquidation_prices if p.market == "WETH")
            assert abs(price - Decimal(row["eth_liquidation_price"])) < Decimal("0.01")
            checked += 1
    assert checked >= 2
