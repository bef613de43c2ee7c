"""A lending book under falling prices, the frontier of toxic liquidations, and the two-step liquidation.

Sources: arXiv 2212.07306 and 2510.10171 (frontier), arXiv 2106.06389 (two steps), arXiv 2009.13235 (sensitivity to
prices); the 50 largest USDT borrowers and 33 holdings of large accounts of Aave v3 on 24 December 2025
(Leetcook100/Aave-V3-Risk-Deep-Dive). Accounts are judged by the exact functions of `aave/3.6`, with the thresholds that
the file itself states.

The file of borrowers prints a health factor and a liquidation price of ether or bitcoin. Where an account has that one
collateral, their product is the asset's price, 3,000 or 90,000; accounts within 2 % of it are rebuilt from debt and
liquidation price, and the health factor that the rule set computes is compared with the printed one.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Market, Quote
from marginbook.exact import ONE, ZERO, divide, from_raw, in_exact_context, round_ceil, round_half_up
from marginbook.liquidation.keepers import two_step_closed_form
from marginbook.simulate.price_sensitivity import Falling, Liquidatable, curve, naive_curve, thresholds
from marginbook.simulate.reproductions.table import Row, run
from marginbook.simulate.spiral import falling_incentive, frontier, frontier_by_search, impact_factor
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

TITLE = "A lending book under falling prices"
BORROWERS = "aave_v3_top50_usdt_borrowers_triggers_2025-12-24.csv"
HOLDINGS = "aave_v3_whale_solvency_parameters_2025-12-24.csv"
AT = parse_time("2025-12-24T00:00:00Z")
RULES = "aave/3.6"
PRICES = {"WETH": Decimal(3_000), "WBTC": Decimal(90_000)}
"""[USD] what the file's own amounts and values give."""
DECIMALS = {"USDC": "6", "USDT": "6", "WBTC": "8"}
ABSURD = Decimal(5_000_000_000)
"""[USD] more collateral than this in one account is taken for a fault of the file."""
STABLE = {"USDT", "USDC", "Other"}
BONUS = "0.05"
NEAR = Decimal("0.02")
FALLS = tuple(range(0, 6_100, 100))  # 0 to 60 % in steps of 1 % [10^-4]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A single-collateral account of the file."""

    account: Account
    printed_health: Decimal


@in_exact_context
def rebuilt(rows: Sequence[Mapping[str, str]]) -> list[Rebuilt]:
    """Accounts whose printed health and price belong to one collateral."""
    found = []
    for row in rows:
        health, owed = Decimal(row["current_hf"]), Decimal(row["outstanding_debt_usdt"])
        for asset, column in (("WETH", "eth_liquidation_price"), ("WBTC", "btc_liquidation_price")):
            price = Decimal(row[column])
            if not ZERO < price < 999_999:
                continue
            if abs(divide(health * price, PRICES[asset]) - ONE) > NEAR:
                continue
            amount = round_ceil(divide(owed, price * THRESHOLDS[asset]), 8)
            found.append(Rebuilt(_account(row["user_address"], {asset: amount}, owed), health))
    return found


THRESHOLDS = {
    "WETH": Decimal("0.825"),
    "WBTC": Decimal("0.75"),
    "USDC": Decimal("0.75"),
    "weETH": Decimal("0.8"),
    "wstETH": Decimal("0.81"),
    "Other": Decimal("0.75"),
    "USDT": ZERO,
}
"""As the file of holdings states them."""


def _account(name: str, held: Mapping[str, Decimal], owed: Decimal) -> Account:
    return Account(
        id=name,
        rules=RULES,
        collateral=tuple(Collateral(asset=asset, amount=amount) for asset, amount in held.items()),
        debt=(Debt(asset="USDT", amount=owed),),
    )


def holders(rows: Sequence[Mapping[str, str]], owed: Mapping[str, Decimal]) -> list[Account]:
    """The accounts of the file of holdings; their debt is that of the file of borrowers where it is in both."""
    found: dict[str, dict[str, Decimal]] = {}
    debts: dict[str, Decimal] = {}
    for row in rows:
        name, asset = row["original_user_address"], row["asset_name"]
        amount = Decimal(row["collateral_usd_estimate"] if asset == "Other" else row["collateral_amount"])
        held = found.setdefault(name, {})
        held[asset] = held.get(asset, ZERO) + amount
        debts[name] = owed.get(name, Decimal(row["debt_amount_usdt"]))
    return [_account(name, held, debts[name]) for name, held in found.items()]


def generated(size: int, seed: int) -> list[Account]:
    """Loans against ether, bitcoin and dollars with debts of a heavy tail and health from 1 on."""
    draw, accounts = Random(seed), []
    for number in range(size):
        owed = Decimal(f"{1_000 * draw.paretovariate(0.9):.2f}")
        health = Decimal(f"{1 + draw.expovariate(1.2):.4f}")
        asset, share = draw.choice(("WETH", "WETH", "WBTC")), Decimal(f"{draw.choice((0, 0, 0.3)):.1f}")
        volatile = round_half_up(owed * health * (ONE - share) / THRESHOLDS[asset] / PRICES[asset], 8)
        dollars = round_half_up(owed * health * share / THRESHOLDS["USDC"], 6)
        held = {asset: volatile} | ({"USDC": dollars} if dollars else {})
        accounts.append(_account(f"g{number}", held, owed))
    return accounts


def setting() -> tuple[Falling, Any]:
    """(prices of which all but stable assets fall, parameters with the file's thresholds)."""
    overlay = {
        name: {
            "decimals": DECIMALS.get(name, "18"),
            "ltv": str(value),
            "liquidation_threshold": str(value),
            "liquidation_bonus": BONUS,
        }
        for name, value in THRESHOLDS.items()
    }
    rules = rule_set(RULES)
    prices = {name: PRICES.get(name, ONE if name in STABLE else PRICES["WETH"]) for name in THRESHOLDS}
    market = Market(quotes={("aave", name, "oracle"): Quote(price) for name, price in prices.items()})
    keys = frozenset(key for key in market.quotes if key[1] not in STABLE)
    return Falling(market, keys), rules.module.parameters(rules.version, AT, overlay)


def rows(folder: Path) -> list[Row]:
    """All of it."""
    return [*frontiers(), *two_steps(), *borrowers(folder), *sizes()]


def frontiers() -> list[Row]:
    """The table of frontiers at an incentive of 5 %, by formula and by brute force."""
    incentive, found = Decimal("0.05"), []
    for share, printed, searched in (
        ("0", "0.95238", ""),
        ("0.001", "0.95048", "0.950480"),
        ("0.1", "0.79365", "0.793651"),
        ("0.5", "0.47619", "0.476191"),
    ):
        ours = frontier(incentive, impact_factor(Decimal(share), ONE))
        why = "1 / ((1 + i)·λ), λ = 1 + 2c/y, i = 5 %; papers print the form, the figures are an earlier calculation"
        found.append(_number(f"toxic above LTV, collateral {Decimal(share):.1%} of the pool", printed, ours, 5, why))
        if searched:
            brute = frontier_by_search(incentive, Decimal(share), ONE, Decimal("1e-6"))
            why = "sale of a millionth of the debt into the pool, LTV before and after"
            found.append(_number("the same by brute force", searched, brute, 6, why))
    at_one = frontier(falling_incentive(incentive, ONE), impact_factor(Decimal("0.1"), ONE))
    found.append(_number("with i·(1 − h) at health 1, 10.0%", "0.83333", at_one, 5, "1/λ: the incentive is gone"))
    return found


def two_steps() -> list[Row]:
    """The worked example of the two-step liquidation."""
    found = two_step_closed_form(*(Decimal(text) for text in ("105", "80.1", "0.75", "0.08", "0.5")))
    why = "C = 105, D = 80.1, threshold 0.75, bonus 8 %, close factor 50 %"
    return [
        _number("first repayment of two", "7.10526", found.first, 5, why),
        _number("profit in two steps", "3.48821", found.profit, 5, "of the exact rule set too (tests)"),
        _number("profit at once", "3.20400", found.profit_at_once, 5, why),
        _number("gain [%]", "8.870488", found.gain * 100, 6, "exactly 27 / 304.38; its last digit was wrong"),
    ]


@in_exact_context
def borrowers(folder: Path) -> list[Row]:
    """Printed health factors, then the curve of the real book."""
    top, whales = (list(csv.DictReader((folder / name).open(encoding="utf-8-sig"))) for name in (BORROWERS, HOLDINGS))
    falling, parameters = setting()
    module = rule_set(RULES).module
    single = rebuilt(top)
    agree = 0
    for one in single:
        health = module.quantities(one.account, falling.market, parameters, AT)["main"].health_factor or ZERO
        agree += round_half_up(health, 2) == one.printed_health
    below = sum(Decimal(row["current_hf"]) < 1 for row in top)
    owed = {row["user_address"]: Decimal(row["outstanding_debt_usdt"]) for row in top}
    several = holders(whales, owed)
    scale = rule_set(RULES).risk_scale
    values = {a.id: from_raw(module.risk(a, falling.market, parameters, AT)["main"].assets, scale) for a in several}
    kept = [a for a in several if values[a.id] <= ABSURD]
    first = next(a for a in several if a.id.startswith("0xe5c248"))
    price = next(
        p for p in module.liquidation_prices(first, falling.market, parameters, AT) if p.market == "WETH"
    ).price
    printed = Decimal(next(row["eth_liquidation_price"] for row in top if row["user_address"] == first.id))
    names = {a.id for a in kept}
    book = kept + [one.account for one in single if one.account.id not in names]
    borders = thresholds(book, falling, lambda account: parameters, AT)
    points = curve(borders, FALLS)
    return [
        Row(
            "health factors of single-collateral borrowers",
            f"{len(single)} printed",
            f"{agree} equal",
            f"{len(single) - agree}",
            "rebuilt from debt and liquidation price; the unequal ones hold a little more besides, "
            f"{len(top) - len(single)} of the {len(top)} rows much more, and {below} print a health below 1",
        ),
        Row(
            "liquidation price of 0xe5c248… [USD]",
            f"{printed}",
            f"{round_half_up(price, 2)}",
            f"{round_half_up(price, 2) - printed}",
            "the other file shows 200 M USDC beside its ether; the printed price leaves them out",
        ),
        Row(
            "accounts of the book",
            f"{len(several)} + {len(top)}",
            f"{len(book)}",
            "",
            f"{len(several) - len(kept)} accounts above 5 bn USD of collateral left out as faults of the file",
        ),
        *(
            _point(points[percent], "arXiv 2009.13235: above 10 M on Compound in 2020" if percent == 3 else "")
            for percent in (3, 10, 30, 60)
        ),
    ]


def sizes(size: int = 250, seed: int = 20_251_224) -> list[Row]:
    """Sorted thresholds against judging every account at every fall."""
    falling, parameters = setting()
    accounts = generated(size, seed)
    naive = naive_curve(accounts, falling, FALLS, lambda account: parameters, AT)
    points = curve(thresholds(accounts, falling, lambda account: parameters, AT), FALLS)
    different = sum(a != b for a, b in zip(naive, points, strict=True))
    total = sum((a.debt[0].amount or ZERO for a in accounts), ZERO)
    return [
        Row(
            f"generated book, {size} accounts, {len(FALLS)} falls",
            "naive curve",
            f"{different} points differ",
            f"{different}",
            f"seed {seed}; {size * len(FALLS)} decisions against about {size * 16}",
        ),
        _point(points[3], f"of {total / 10**6:.2f} M"),
        _point(points[30], f"of {total / 10**6:.2f} M"),
    ]


def _point(point: Liquidatable, published: str) -> Row:
    return Row(
        f"debt liquidatable after a fall of {point.fall:.0%}",
        published,
        f"{point.debt / 10**6:.2f} M USD, {point.accounts} accounts",
        "",
        "another book at another time: no comparison of figures" if published.startswith("arXiv") else "",
    )


@in_exact_context
def _number(quantity: str, printed: str, ours: Decimal, places: int, why: str) -> Row:
    shown = round_half_up(ours, places)
    difference = shown - Decimal(printed)
    return Row(quantity, printed, f"{shown}", f"{difference:+f}" if difference else "0", why)


if __name__ == "__main__":
    run(TITLE, rows)
