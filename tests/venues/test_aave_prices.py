"""Liquidation prices and legs of random accounts against brute force on the exact functions."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal as D
from random import Random
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.legs import PoolLegs
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import RAY
from marginbook.units import parse_time
from marginbook.venues.aave_v3.account_data import AccountData, account_data
from marginbook.venues.aave_v3.holdings import USER, accrued_index, pool_of
from marginbook.venues.aave_v3.math import percent_mul_half_up
from marginbook.venues.aave_v3.versions import VERSIONS, Version
from marginbook.venues.registry import rule_set

KINDS = pytest.mark.parametrize("version", ["3.0", "3.4", "3.6"])
"""With an average threshold that is cut, and without; `test_laws` tries every version."""
AT = parse_time("2026-10-01T12:00:00Z")
ASSETS = {"A": (18, 8300), "B": (8, 7800), "C": (6, 7777), "E": (18, 6511), "U": (6, 8000), "V": (18, 0)}
PRICES = {"A": "2513.12345678", "B": "61234.5", "C": "0.99987654", "E": "17.3", "U": "1.00012345", "V": "0.05"}
TERMS: dict[str, Any] = {
    name: {"decimals": decimals, "liquidation_threshold": D(t).scaleb(-4), "ltv": D(max(t - 300, 0)).scaleb(-4)}
    for name, (decimals, t) in ASSETS.items()
}
TICK = D("0.00000001")


def setting(version: str) -> tuple[Any, Any]:
    module = rule_set(f"aave/{version}").module
    return module, module.parameters(version, AT, TERMS)


def random_market(random: Random) -> Market:
    indices = {
        ("aave", name, kind): Index(
            RAY + random.randrange(RAY // 2), random.randrange(RAY // 10), AT // 10**6 - random.randrange(10**6)
        )
        for name in ASSETS
        for kind in ("supply", "borrow")
    }
    quotes = {}
    for name, price in PRICES.items():
        moved = (D(price) * D(str(random.uniform(0.5, 2)))).quantize(TICK)
        quotes["aave", name, "oracle"] = Quote(moved)
    return Market(quotes=quotes, indices=indices)


def random_account(random: Random, market: Market) -> Account:
    """Some collaterals, and a debt that leaves a health factor of about 1 to 2."""
    held, worth = [], D(0)
    for name in random.sample(["A", "B", "C", "E"], random.randrange(1, 4)):
        price = market.price("aave", name, "oracle")
        value = D(random.choice([1, 50, 2_000, 900_000, 10**9])) * D(str(random.uniform(0.5, 2)))
        held.append(sized(random, Collateral(asset=name), value / price, market))
        worth += value * D(ASSETS[name][1]) / 10**4
    debts = []
    names = random.sample(["U", "V", "C", "A"], random.randrange(1, 3))
    for name in names:
        value = worth / D(str(random.uniform(0.9, 1.8))) / len(names)
        debts.append(sized(random, Debt(asset=name), value / market.price("aave", name, "oracle"), market))
    return Account(id="r", rules="aave/3.6", collateral=tuple(held), debt=tuple(debts))


def sized(random: Random, holding: Any, amount: D, market: Market) -> Any:
    decimals = ASSETS[holding.asset][0]
    raw = max(int(amount * 10**decimals), 1)
    style = random.randrange(3)
    if style == 0:
        return replace(holding, amount=D(raw).scaleb(-decimals))
    kind = "supply" if isinstance(holding, Collateral) else "borrow"
    index = market.indices["aave", holding.asset, kind].value_raw
    if style == 1:
        return replace(holding, scaled_raw=max(raw * RAY // index, 1))
    return replace(holding, scaled_raw=max(raw * RAY // index, 1), index_raw=index + random.randrange(RAY))


def priced(market: Market, name: str, price: D) -> Market:
    return market.with_prices({("aave", name, "oracle"): price})


@KINDS
def test_a_liquidation_price_is_the_last_liquidatable_tick(version: str) -> None:
    module, parameters = setting(version)
    random, seen = Random(11), 0
    for _ in range(150):
        market = random_market(random)
        account = random_account(random, market)
        for found in module.liquidation_prices(account, market, parameters, AT):
            outward = TICK if found.when == "at_or_below" else -TICK

            def decide(price: D, account: Account = account, market: Market = market, name: str = found.market) -> bool:
                return bool(module.is_liquidatable(account, "main", priced(market, name, price), parameters, AT))

            assert decide(found.price), (account, found)
            # rounding, and the truncated average of 3.0, turn the decision back and forth: none further out may hold
            for ticks in (1, 2, 3, 4, 5, 17, 1_000, 10**5, 10**7):
                safer = found.price + outward * ticks
                if safer > 0:
                    assert not decide(safer), (account, found, ticks)
            seen += 1
    assert seen > 200


@KINDS
def test_brute_force_over_every_tick_of_a_coarse_market(version: str) -> None:
    """Prices of a few hundred ticks, so that every price can be tried."""
    module, parameters = setting(version)
    random, seen = Random(5), 0
    for _ in range(25):
        held = tuple(Collateral(asset=name, amount=D(random.randrange(1, 10**5))) for name in ("E", "A"))
        debt = tuple(Debt(asset=name, amount=D(random.randrange(1, 5 * 10**4))) for name in ("V", "A"))
        account = Account(id="r", rules="aave/3.6", collateral=held, debt=debt)
        ticks = {"E": random.randrange(1, 300), "A": random.randrange(1, 300), "V": random.randrange(1, 300)}
        market = Market(quotes={("aave", n, "oracle"): Quote(TICK * t) for n, t in ticks.items()})
        prices = {p.market: p for p in module.liquidation_prices(account, market, parameters, AT)}
        for name in ("E", "A"):
            true = [
                t
                for t in range(1, 400)
                if module.is_liquidatable(account, "main", priced(market, name, TICK * t), parameters, AT)
            ]
            if name not in prices:
                assert true == [] or len(true) == 399
            elif prices[name].price < TICK * 400:
                last = -1 if prices[name].when == "at_or_below" else 0
                assert prices[name].price == TICK * true[last]
                seen += 1
    assert seen > 10


def exact_sides(version: Version, data: AccountData) -> tuple[D, D]:
    """(support, demand) [USD] that the version's own decision compares."""
    support = D(data.threshold_sum).scaleb(-12)
    if version.truncated_threshold:
        support = D(percent_mul_half_up(data.collateral, data.average_threshold)).scaleb(-8)
    return support, D(data.debt).scaleb(-8)


def kernel(pool: PoolLegs, market: Market, version: Version) -> tuple[float, float, float, float]:
    """(support, demand, their gross sums) in float64, as the kernel of the book does it."""
    support, demand = pool.constants.support, pool.constants.demand
    gross_support, gross_demand = abs(support), abs(demand)
    for leg in pool.legs:
        factor = 1.0
        for how, venue, name, kind in leg.factor:
            if how == "quote":
                factor *= float(market.price(venue, name, kind))
            else:
                factor *= accrued_index(market.indices[venue, name, how], how, version, AT) / 1e27
        support += leg.slopes.support * factor
        gross_support += abs(leg.slopes.support * factor)
        if leg.table is not None:
            demand += leg.size * factor
            gross_demand += abs(leg.size * factor)
    return support, demand, gross_support, gross_demand


def near_the_border(random: Random, version: str, market: Market, account: Account) -> Iterator[tuple[Account, Market]]:
    module, parameters = setting(version)
    yield account, market
    for found in module.liquidation_prices(account, market, parameters, AT):
        if found.price < 10**11:
            for ticks in (-2, -1, 0, 1, 2):
                if found.price + TICK * ticks > 0:
                    yield account, priced(market, found.market, found.price + TICK * ticks)


@KINDS
def test_the_exact_sums_lie_inside_the_envelope_of_the_legs(version: str) -> None:
    module, parameters = setting(version)
    random, checked, decided, opaque = Random(3), 0, 0, 0
    for _ in range(150):
        market = random_market(random)
        for account, moved in near_the_border(random, version, market, random_account(random, market)):
            (pool,) = module.lower(account, moved, parameters).pools
            if pool.opaque:
                opaque += 1
                assert pool.inputs
                continue
            data = account_data(pool_of(account, moved, parameters, AT), USER)
            support, demand = exact_sides(VERSIONS[version], data)
            ours = kernel(pool, moved, VERSIONS[version])
            assert abs(D(ours[0]) - support) <= D(pool.absolute + pool.relative * ours[2])
            assert abs(D(ours[1]) - demand) <= D(pool.absolute + pool.relative * ours[3])
            allowance = 2 * pool.absolute + pool.relative * (ours[2] + ours[3])
            if abs(ours[0] - ours[1]) > allowance:
                exact = module.is_liquidatable(account, "main", moved, parameters, AT)
                assert exact == (ours[0] < ours[1])
                decided += 1
            checked += 1
    assert checked > 500
    assert decided > 100  # the envelope is not vacuous
    assert opaque < checked / 10


@KINDS
def test_the_envelope_is_tight_on_ordinary_accounts(version: str) -> None:
    module, parameters = setting(version)
    held = (Collateral(asset="A", amount=D(100)), Collateral(asset="B", amount=D(2)))
    account = Account(id="r", rules="aave/3.6", collateral=held, debt=(Debt(asset="U", amount=D(100_000)),))
    (pool,) = module.lower(account, Market(), parameters).pools
    limit = 1.3e-4 if VERSIONS[version].truncated_threshold else 1e-14
    assert pool.relative < limit
    one = replace(account, collateral=held[:1])
    assert module.lower(one, Market(), parameters).pools[0].relative < 1e-14
    assert pool.family == "lending"


def test_a_loop_in_one_emode_category_is_of_the_family_loop() -> None:
    module = rule_set("aave/3.6").module
    terms = TERMS | {
        "emode:1": {"ltv": "0.93", "liquidation_threshold": "0.95", "collateral": ["A"], "borrowable": ["E"]}
    }
    parameters = module.parameters("3.6", AT, terms)
    loop = Account(
        id="l",
        rules="aave/3.6",
        emode=1,
        collateral=(Collateral(asset="A", amount=D(10)),),
        debt=(Debt(asset="E", amount=D(9)),),
    )
    assert module.lower(loop, Market(), parameters).pools[0].family == "loop"
    loose = terms | {"emode:1": terms["emode:1"] | {"ltv": "0.75", "liquidation_threshold": "0.78"}}
    pair = module.lower(loop, Market(), module.parameters("3.6", AT, loose)).pools[0]
    assert pair.family == "lending"  # volatile collateral of stablecoins, say
    mixed = replace(loop, collateral=(*loop.collateral, Collateral(asset="B", amount=D(1))))
    assert module.lower(mixed, Market(), parameters).pools[0].family == "lending"


def test_dust_with_few_decimals_makes_a_pool_opaque() -> None:
    module, parameters = setting("3.6")
    dust = Account(
        id="d",
        rules="aave/3.6",
        collateral=(Collateral(asset="A", amount=D(1)), Collateral(asset="C", scaled_raw=999, index_raw=RAY)),
        debt=(Debt(asset="U", amount=D(1)),),
    )
    (pool,) = module.lower(dust, Market(), parameters).pools
    assert pool.opaque
    assert len(pool.inputs) == 3
    (pool,) = module.lower(replace(dust, collateral=dust.collateral[:1]), Market(), parameters).pools
    assert not pool.opaque
