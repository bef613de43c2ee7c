"""The CRV short on Aave v2, 22 November 2022: a loan that liquidating made worse, and what was left of it.

Published: about 92 M CRV borrowed against 63.6 M USDC at a liquidation threshold of 88 %, liquidated within about 50
minutes in 385 calls, 2.64 M CRV (1.6 to 1.7 M USD) left unpaid with no collateral (governance.aave.com 10779,
blockworks.co, both November 2022). Price path: CoinGecko, hourly.

Model: keepers buy CRV in a pool of x CRV whose price they push up, and liquidate; USDC is the money. A call takes what
is most profitable, a = x·(1 − 1/√(1 + b)), and leaves a price of P·(x / (x − a))² = P·(1 + b) behind. Before the next
one other sellers undo all but a share k of that rise, and the oracle follows the market. Every call is the planner's
and the contract's own arithmetic (rule set `aave/2`), in ETH.

    calibrated   x from the number of calls, k from the unpaid debt
    follow       the price of the first call, the mean price of all, the price at the end, the loss
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Market, Quote
from marginbook.exact import ONE, ZERO, divide, in_exact_context, round_floor, round_half_up
from marginbook.liquidation.keepers import Chance, Outcome, chance_of, maximum
from marginbook.simulate.reproductions.table import Row, run
from marginbook.simulate.spiral import Spiral, frontier, spiral, within
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

TITLE = "The CRV short of 22 November 2022"
PRICES = "coingecko_hourly_usd_stress_windows.csv"
DAY = "2022-11-22T"
AT = parse_time("2022-11-22T16:00:00Z")
BORROWED, HELD = Decimal(92_000_000), Decimal(63_600_000)  # [CRV], [USDC]
THRESHOLD, BONUS = "0.88", "0.045"
"""As reported; the bonus is that of the recorded state of February 2023, the nearest one (unverified for the day)."""
UNPAID, CALLS = Decimal(2_640_000), 385
KEYS = {name: ("aave-v2", name, "oracle") for name in ("CRV", "USDC")}
PLACES = 18


@dataclass(frozen=True, slots=True)
class Pool:
    """The calibrated market."""

    reserve: Decimal  # [CRV] x
    kept: Decimal  # [fraction] of each rise that stays: k


CALIBRATED = Pool(Decimal("10_670_000"), Decimal("0.01285"))


@dataclass(frozen=True, slots=True)
class Replay:
    """What the model makes of the loan."""

    found: Spiral
    first: Decimal  # [USD] price of the first call
    last: Decimal  # [USD] price after the last
    mean: Decimal  # [USD] of what was repaid, by amount
    unpaid: Decimal  # [CRV]
    collateral: Decimal  # [USDC] left


def path(folder: Path) -> Iterator[tuple[str, Decimal]]:
    """(time, CRV in USD) of the day."""
    for row in csv.DictReader((folder / PRICES).open()):
        if row["asset"] == "CRV" and row["time_utc"].startswith(DAY):
            yield row["time_utc"], Decimal(row["price_usd"])


def ether(folder: Path) -> Decimal:
    """WETH in USD at the first hour from 16:00 on."""
    rows = csv.DictReader((folder / PRICES).open())
    return next(
        Decimal(row["price_usd"])
        for row in rows
        if row["asset"] == "WETH" and row["time_utc"] >= f"{DAY}16:00:00Z" and row["window"] == "2022-11-ftx-crv"
    )


@in_exact_context
def loan(price: Decimal, weth: Decimal) -> Chance:
    """The account with CRV at `price` [USD] and ether at `weth`."""
    rules = rule_set("aave/2")
    overlay = {
        "USDC": {"decimals": "6", "ltv": "0.85", "liquidation_threshold": THRESHOLD, "liquidation_bonus": BONUS},
        "CRV": {"decimals": "18", "ltv": "0.52", "liquidation_threshold": "0.58", "liquidation_bonus": "0.08"},
    }
    account = Account(
        id="0x57e04786",
        rules=rules.name,
        collateral=(Collateral(asset="USDC", amount=HELD),),
        debt=(Debt(asset="CRV", amount=BORROWED),),
    )
    market = Market(
        quotes={
            KEYS["CRV"]: Quote(round_half_up(divide(price, weth), PLACES)),
            KEYS["USDC"]: Quote(round_half_up(divide(ONE, weth), PLACES)),
        }
    )
    return chance_of(rules, account, "main", market, rules.module.parameters("2", AT, overlay), AT)


@in_exact_context
def first_price(weth: Decimal) -> Decimal:
    """The price of CRV [USD] from which the rule set liquidates."""
    chance = loan(Decimal("0.5"), weth)
    found = chance.rules.module.liquidation_prices(chance.account, chance.market, chance.parameters, AT)
    return next(p.price for p in found if p.market == "CRV") * weth


@in_exact_context
def sourced(pool: Pool) -> Decimal:
    """What a keeper buys for one call [CRV]: x·(1 − 1/√(1 + b)), in which profit peaks."""
    return round_floor(pool.reserve * (ONE - divide(ONE, (ONE + Decimal(BONUS)).sqrt())), 6)


@in_exact_context
def replay(pool: Pool, weth: Decimal) -> Replay:
    """The loan from its first liquidation on."""
    start = first_price(weth)
    most = sourced(pool)
    chance = loan(start, weth)

    def moved(market: Market, found: Outcome) -> Market:
        bought = found.amount
        whole = divide(pool.reserve, pool.reserve - bought)
        rise = whole * whole - ONE
        price = market.quotes[KEYS["CRV"]].price * (ONE + pool.kept * rise)
        return market.with_prices({KEYS["CRV"]: round_half_up(price, PLACES)})

    found = spiral(chance, within(maximum, lambda chance: most), moved)
    amounts = [(step.found.amount, step.chance.market.quotes[KEYS["CRV"]].price * weth) for step in found.steps]
    repaid = sum((amount for amount, _ in amounts), ZERO)
    return Replay(
        found=found,
        first=chance.market.quotes[KEYS["CRV"]].price * weth,
        last=found.last.market.quotes[KEYS["CRV"]].price * weth,
        mean=divide(sum((amount * price for amount, price in amounts), ZERO), repaid) if repaid else ZERO,
        unpaid=_left(found.last)[1],
        collateral=_left(found.last)[0],
    )


@in_exact_context
def rows(folder: Path) -> list[Row]:
    """All of it."""
    weth, day = ether(folder), list(path(folder))
    found = replay(CALIBRATED, weth)
    peak = max(price for _, price in day)
    touched = next(time for time, price in day if price >= found.first)
    implied = divide(HELD, (ONE + Decimal(BONUS)) * (BORROWED - UNPAID))
    edge = frontier(Decimal(BONUS))
    beyond = [step.chance for step in found.found.steps if _ltv(step.chance) > edge]
    held, owed = _left(beyond[0])
    loss = divide(found.unpaid * day[-2][1], Decimal(10**6))
    kept = f"{held / 10**6:.2f} M USDC for {owed / 10**6:.2f} M CRV"
    limit = divide(held, owed)
    enough = f"enough up to {limit:.4f} USD per CRV; the path's peak was {peak:.4f}, its last {day[-1][1]:.4f}"
    return [
        Row(
            "first liquidation, CRV [USD]",
            "",
            f"{found.first:.4f}",
            "",
            f"exact rule; the hourly path is above it from {touched[11:16]} on",
        ),
        _near("liquidation calls", f"{CALLS}", Decimal(len(found.found.steps)), 0, "calibrated: x"),
        _near("unpaid debt [CRV]", f"{UNPAID}", found.unpaid, 0, "calibrated: k"),
        _near(
            "mean price of the calls [USD]",
            f"{implied:.4f}",
            found.mean,
            4,
            "an identity once the debt agrees: 63.6 M / (1.045 · 89.36 M)",
        ),
        _near(
            "price when the collateral was gone [USD]",
            f"{peak:.4f}",
            found.last,
            4,
            "follows; against the peak of an hourly path, which may miss the highest minute",
        ),
        _near("loss at the day's later price [M USD]", "1.6", loss, 2, "published 1.6 (governance), 1.7 (press)"),
        Row(
            "calls beyond the frontier 1 / (1 + b)",
            "",
            f"{len(beyond)} of {len(found.found.steps)}",
            "",
            f"loan-to-value above {edge:.4f}: each left the loan worse",
        ),
        Row("kept by a stop at the frontier", "", kept, "", enough),
    ]


def _left(chance: Chance) -> tuple[Decimal, Decimal]:
    """(USDC, CRV) held and owed."""
    account = chance.account
    return (
        sum((c.amount or ZERO for c in account.collateral), ZERO),
        sum((d.amount or ZERO for d in account.debt), ZERO),
    )


def _ltv(chance: Chance) -> Decimal:
    risk = chance.rules.module.risk(chance.account, chance.market, chance.parameters, chance.at)[chance.pool]
    return divide(Decimal(risk.liabilities), Decimal(risk.assets))


def _near(quantity: str, printed: str, ours: Decimal, places: int, why: str) -> Row:
    shown = round_half_up(ours, places)
    difference = divide(shown - Decimal(printed), Decimal(printed))
    return Row(quantity, printed, f"{shown}", f"{difference:+.1%}", why)


if __name__ == "__main__":
    run(TITLE, rows)
