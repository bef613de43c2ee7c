"""Random accounts, as the SDK takes them and as the rule set does."""

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from marginbook.domain.account import Account, Collateral, Debt, Order, Position
from marginbook.domain.market import Market, Quote, StateKey
from marginbook.exact import from_raw
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

MODULE = rule_set("drift/2").module
AT = parse_time("2026-04-02T00:00:00Z")
SPOTS = ("USDC", "SOL", "WBTC", "BONK")
PERPS = ("SOL-PERP", "BTC-PERP", "BET")
BUFFER = 200
MODES = {"high_leverage": "highLeverage", "high_leverage_maintenance": "highLeverageMaintenance"}


@dataclass(frozen=True)
class Case:
    """An account in both forms. `whole`: the SDK's buffers mean what the program's do."""

    asked: dict[str, Any]
    account: Account
    market: Market
    parameters: Any
    whole: bool


def _amount(random: Random, most: int) -> int:
    return random.choice([0, 1, random.randrange(1, 10**4), random.randrange(1, most), random.randrange(1, most)])


def _spot_market(random: Random, index: int, orders: bool) -> dict[str, Any]:
    decimals, price = ((6, 10**6), (9, 150 * 10**6), (8, 84_000 * 10**6), (5, 20))[index]
    price = max(1, price * random.randrange(500, 2_000) // 1_000) if index else 10**6 + random.choice([0, 0, -2_137])
    initial = random.randrange(10, 96) * 100
    liability = random.randrange(101, 150) * 100
    twap = price if index == 0 else max(1, price * random.randrange(900, 1_100) // 1_000)
    deposits = random.randrange(10**12, 10**18)
    return {
        "marketIndex": index,
        "decimals": decimals,
        "price": price,
        "twap": str(twap),
        "initialAssetWeight": initial if index else 10_000,
        "maintenanceAssetWeight": random.randrange(initial, 9_900) if index else 10_000,
        "initialLiabilityWeight": liability + random.randrange(2_000) if index else 10_000,
        "maintenanceLiabilityWeight": liability if index else 10_000,
        "imfFactor": random.choice([0, 3_000, 45_000, 10**6]) if index else 0,
        "cumulativeDepositInterest": str(10**10 + random.randrange(10**10) if index else 10**10),
        "cumulativeBorrowInterest": str(10**10 + random.randrange(10**11) if index else 10**10),
        "scaleInitialAssetWeightStart": str(random.choice([0, 10**10, 10**13]) if index else 0),
        "depositBalance": str(deposits),
    }


def perp_market(random: Random, index: int, plain_profit: bool) -> dict[str, Any]:
    """A perp market; a profit counts in full where it is `plain_profit`."""
    price = (150 * 10**6, 84_000 * 10**6, 500_000)[index] * random.randrange(500, 1_900) // 1_000
    initial = random.randrange(5, 200) * 10
    high = random.choice([0, random.randrange(10, initial)]) if index < 2 else 0
    return {
        "marketIndex": index,
        "price": price,
        "prediction": index == 2,
        "marginRatioInitial": initial,
        "marginRatioMaintenance": random.randrange(initial // 2, initial + 1),
        "imfFactor": random.choice([0, 450, 3_000, 50_000]),
        "highLeverageMarginRatioInitial": high,
        "highLeverageMarginRatioMaintenance": high and random.randrange(high // 2 or 1, high + 1),
        "unrealizedPnlInitialAssetWeight": 10_000 if plain_profit else random.choice([0, 7_500, 10_000]),
        "unrealizedPnlMaintenanceAssetWeight": 10_000 if plain_profit else random.choice([8_000, 10_000]),
        "unrealizedPnlImfFactor": 0 if plain_profit else random.choice([0, 1_000, 90_000]),
        "unrealizedPnlMaxImbalance": str(0 if plain_profit else random.choice([0, 10**9])),
        "netUserPnl": str(random.randrange(-(10**10), 10**10)),
        "fundingLong": str(random.randrange(-(10**12), 10**12)),
        "fundingShort": str(random.randrange(-(10**12), 10**12)),
    }


def _orders(random: Random, name: str, units: int, decimals: int) -> tuple[list[Order], dict[str, Any]]:
    """Up to two open orders, and how the program sums them up."""
    found, bids, asks = [], 0, 0
    for number in range(random.choice([0, 0, 1, 2])):
        side, size = random.choice(("buy", "sell")), random.randrange(1, max(2, units))
        bids, asks = (bids + size, asks) if side == "buy" else (bids, asks - size)
        price = Decimal(1)
        found.append(
            Order(id=f"{name}{number}", market=name, side=side, quantity=from_raw(size, decimals), price=price)  # type: ignore[arg-type]
        )
    return found, {"openBids": str(bids), "openAsks": str(asks), "openOrders": len(found)}


def drawn(random: Random) -> Case:
    """One account with up to four spot and three perp positions."""
    own = random.choice([0, 0, 1_500, 6_000])
    spot_orders = not own and random.random() < 0.4
    spots = [_spot_market(random, index, spot_orders) for index in range(len(SPOTS))]
    perps = [perp_market(random, index, spots[0]["price"] != 10**6) for index in range(len(PERPS))]
    orders: list[Order] = []
    collateral, debt, spot_positions, whole = [], [], [], spots[0]["price"] == 10**6
    for index, name in enumerate(SPOTS):
        scaled = _amount(random, 10 ** random.choice([11, 13, 14]))
        borrowed = random.random() < 0.35
        row = {"marketIndex": index, "scaledBalance": str(scaled), "borrowed": borrowed}
        own_orders, summed = (
            _orders(random, name, 10**10, spots[index]["decimals"]) if spot_orders and index else ([], {})
        )
        if not scaled and not own_orders:
            continue
        orders += own_orders
        spot_positions.append(row | ({"openBids": "0", "openAsks": "0", "openOrders": 0} | summed))
        index_raw = int(spots[index]["cumulativeBorrowInterest" if borrowed else "cumulativeDepositInterest"]) * 10**17
        if scaled and borrowed:
            debt.append(Debt(asset=name, scaled_raw=scaled, index_raw=index_raw))
        elif scaled:
            collateral.append(Collateral(asset=name, scaled_raw=scaled, index_raw=index_raw))
        whole = whole and not (borrowed or own_orders)
    positions, perp_positions = [], []
    for index, name in enumerate(PERPS):
        base = _amount(random, 10 ** random.choice([9, 11, 13])) * random.choice((1, -1))
        if not base:
            continue
        value = base * perps[index]["price"] // 10**9
        quote = -value * random.randrange(700, 1_300) // 1_000 + random.randrange(-(10**4), 10**4)
        deposit = random.choice([None, None, random.randrange(0, 10**10)])
        ratio = random.choice([0, 0, 2_500])
        settled = random.randrange(-(10**12), 10**12)
        own_orders, summed = _orders(random, name, abs(base) * 2, 9)
        orders += own_orders
        details = {"quote_asset_amount": str(from_raw(quote, 6)), "max_margin_ratio": str(from_raw(ratio, 4))}
        positions.append(
            Position(
                market=name,
                side="long" if base > 0 else "short",
                quantity=from_raw(abs(base), 9),
                entry=Decimal(1),
                mode="cross" if deposit is None else "isolated",
                isolated_wallet=None if deposit is None else from_raw(deposit, 6),
                funding_index_raw=settled * 10**9,
                details=details,
            )
        )
        row = {"marketIndex": index, "base": str(base), "quote": str(quote), "funding": str(settled)}
        more = {"maxMarginRatio": ratio, "isolated": None if deposit is None else str(deposit * 1_000)}
        perp_positions.append(row | more | summed)
    mode = random.choice(("default", "default", "high_leverage", "high_leverage_maintenance"))
    asked = {
        "spots": spots,
        "perps": perps,
        "spotPositions": spot_positions,
        "perpPositions": perp_positions,
        "maxMarginRatio": own,
        "mode": {"high_leverage": "highLeverage", "high_leverage_maintenance": "highLeverageMaintenance"}.get(
            mode, mode
        ),
        "buffer": str(BUFFER),
    }
    account = Account(
        id="a",
        rules="drift/2",
        positions=tuple(positions),
        orders=tuple(orders),
        collateral=tuple(collateral),
        debt=tuple(debt),
        details={"margin_mode": mode, "max_margin_ratio": str(from_raw(own, 4))},
    )
    return Case(asked, account, _market(spots, perps), MODULE.parameters("2", AT, _overlay(spots, perps)), whole)


def live_average(twap: int, price: int) -> int:
    """The average as the SDK carries it on by a second of the price, which may be a third off."""
    third = twap // 3
    return (twap * 299 + min(twap + third, max(price, twap - third))) // 300


def _market(spots: list[dict[str, Any]], perps: list[dict[str, Any]]) -> Market:
    quotes, state = {}, dict[StateKey, int | Decimal]()
    for name, row in zip(SPOTS, spots, strict=True):
        quotes["drift", name, "oracle"] = Quote(from_raw(row["price"], 6))
        quotes["drift", name, "twap"] = Quote(from_raw(live_average(int(row["twap"]), row["price"]), 6))
        units = int(row["depositBalance"]) * int(row["cumulativeDepositInterest"]) // 10 ** (19 - row["decimals"])
        state["drift", name, "deposits"] = from_raw(units, row["decimals"])
    for name, row in zip(PERPS, perps, strict=True):
        quotes["drift", name, "oracle"] = Quote(from_raw(row["price"], 6))
        state["drift", name, "net_user_pnl"] = from_raw(int(row["netUserPnl"]), 6)
        state["drift", name, "funding_long_raw"] = int(row["fundingLong"])
        state["drift", name, "funding_short_raw"] = int(row["fundingShort"])
    return Market(quotes=quotes, state=state)


def _overlay(spots: list[dict[str, Any]], perps: list[dict[str, Any]]) -> dict[str, Any]:
    """Both forms' parameters as a book's table."""
    found: dict[str, Any] = {}
    for name, row in zip(SPOTS, spots, strict=True):
        found[name] = {
            "decimals": row["decimals"],
            "initial_asset_weight": str(from_raw(row["initialAssetWeight"], 4)),
            "maintenance_asset_weight": str(from_raw(row["maintenanceAssetWeight"], 4)),
            "initial_liability_weight": str(from_raw(row["initialLiabilityWeight"], 4)),
            "maintenance_liability_weight": str(from_raw(row["maintenanceLiabilityWeight"], 4)),
            "imf_factor": str(from_raw(row["imfFactor"], 6)),
            "scale_initial_asset_weight_start": str(from_raw(int(row["scaleInitialAssetWeightStart"]), 6)),
        }
    for name, row in zip(PERPS, perps, strict=True):
        found[name] = {
            "margin_ratio_initial": str(from_raw(row["marginRatioInitial"], 4)),
            "margin_ratio_maintenance": str(from_raw(row["marginRatioMaintenance"], 4)),
            "imf_factor": str(from_raw(row["imfFactor"], 6)),
            "high_leverage_margin_ratio_initial": str(from_raw(row["highLeverageMarginRatioInitial"], 4)),
            "high_leverage_margin_ratio_maintenance": str(from_raw(row["highLeverageMarginRatioMaintenance"], 4)),
            "unrealized_pnl_initial_asset_weight": str(from_raw(row["unrealizedPnlInitialAssetWeight"], 4)),
            "unrealized_pnl_maintenance_asset_weight": str(from_raw(row["unrealizedPnlMaintenanceAssetWeight"], 4)),
            "unrealized_pnl_imf_factor": str(from_raw(row["unrealizedPnlImfFactor"], 6)),
            "unrealized_pnl_max_imbalance": str(from_raw(int(row["unrealizedPnlMaxImbalance"]), 6)),
            "prediction": row["prediction"],
        }
    return found
