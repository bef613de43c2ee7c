"""Random positions of GMX v2 and v1: each a pool, half of them within a few units of collateral of their border."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from marginbook.domain.account import Account, Position, Side
from marginbook.domain.market import Index, IndexKey, Market, Quote, QuoteKey, StateKey
from marginbook.exact import format_decimal, from_raw, mul_div_ceil, to_raw_floor
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.gmx.positions import held_named, token_price
from marginbook.venues.gmx.vault_books import TOTALS
from marginbook.venues.registry import rule_set

PRICES = {"BTC/USD": 60_000, "ETH/USD": 3_000, "SOL/USD": 150, "DOGE/USD": 0.2, "LINK/USD": 15, "XRP/USD": 0.6}
"""A price about which each market is drawn [USD]."""
TOKENS = {"WBTC.e": 60_000, "WETH": 3_000, "USDC": 1}
"""Prices of tokens that are no market's index [USD]."""
AT = parse_time("2026-10-01")
VENUE = "gmx"
SECONDS = AT // 10**6
DEVIATIONS = {
    "gmx/2": {"shown_sums_follow": "which check for opening is tighter goes by fees in tokens; legs have those of now"}
}


def world(rules: str, random: Random) -> Setting:
    """An account of `rules` with one to four positions."""
    names = random.sample(sorted(PRICES), random.randint(1, 3))
    return _synthetics(names, random) if rules == "gmx/2" else _vault(names, random)


def _spread(price: Decimal, random: Random) -> tuple[Decimal, Decimal]:
    low = (price * random.randint(900, 1100) / 1000).quantize(Decimal("0.00000001"))
    return low, low if random.random() < 0.5 else low * random.randint(10001, 10010) / 10000


def _quotes(prices: Mapping[str, Any], random: Random) -> dict[QuoteKey, Quote]:
    found: dict[QuoteKey, Quote] = {}
    for name, price in prices.items():
        low, high = _spread(Decimal(str(price)), random)
        found[VENUE, name, "min"], found[VENUE, name, "max"] = Quote(low), Quote(high)
    return found


def _loss(side: Side, random: Random) -> Decimal:
    """Entry over price of a position that mostly loses, so that it needs collateral."""
    return 1 + Decimal(random.randint(-10, 60)) / (1000 if side == "long" else -1000)


def _synthetics(names: list[str], random: Random) -> Setting:
    overlay = {name: _changes(random) for name in names} if random.random() < 0.4 else None
    parameters = rule_set("gmx/2").module.parameters("2", AT, overlay)
    quotes = _quotes({name: PRICES[name] for name in names} | TOKENS, random)
    indices: dict[IndexKey, Index] = {}
    state: dict[StateKey, int | Decimal] = {}
    positions = []
    for name in names:
        terms = parameters.terms_of(name)
        if random.random() < 0.4:
            _market_state(name, terms, random, state)
        side: Side = random.choice(("long", "short"))
        tokens = random.sample((terms.long_token, terms.short_token), random.choice((1, 1, 2)))
        if random.random() < 0.5:
            factor, rate = random.randint(10**28, 10**29), random.choice((0, 10**22))
            indices[VENUE, f"{name}:{side}", "borrow"] = Index(factor, rate, SECONDS - 3600)
        positions += [_position(name, side, token, quotes, random, indices) for token in tokens]
    market = Market(quotes=quotes, indices=indices, state=state)
    account = Account(id="world", rules="gmx/2", mode="isolated", positions=tuple(positions))
    return Setting(_near_border(account, market, parameters, random), market, parameters, AT)


def _changes(random: Random) -> dict[str, Any]:
    factor = random.choice(("0", "0.01"))
    exponent = random.choice(("1.5", "2", "2.2"))
    return {"max_impact_factor_for_liquidations": factor, "negative_impact_exponent": exponent}


def _market_state(name: str, terms: Any, random: Random, state: dict[StateKey, int | Decimal]) -> None:
    price = Decimal(str(PRICES[name]))
    for side in ("long", "short"):
        interest = Decimal(random.randint(10**5, 10**8))
        state[VENUE, name, f"{side}_open_interest"] = interest
        if random.random() < 0.7:
            tokens = interest / price * random.randint(70, 130) / 100
            state[VENUE, name, f"{side}_open_interest_in_tokens"] = tokens.quantize(Decimal("0.000001"))
            token = terms.pnl_token(side == "long")
            worth = interest * random.randint(10, 300) / 100
            of_token = Decimal(str(TOKENS.get(token, price)))
            state[VENUE, name, f"{side}_pool_amount"] = (worth / of_token).quantize(Decimal("0.000001"))
    if random.random() < 0.5:
        state[VENUE, name, "virtual_inventory"] = Decimal(random.randint(-(10**8), 10**8))


def _position(
    name: str,
    side: Side,
    token: str,
    quotes: Mapping[QuoteKey, Quote],
    random: Random,
    indices: dict[IndexKey, Index],
) -> Position:
    size = Decimal(random.choice((5, 1_000, 200_000)) * random.randint(1, 100))
    price = quotes[VENUE, name, "max"].price
    entry = (price * _loss(side, random)).quantize(Decimal("0.00000001"))
    details = {"collateral": token, "size_in_usd": format_decimal(size)}
    if random.random() < 0.5:
        details["discount"] = "0.05"
    if random.random() < 0.3:
        pending = size / entry * random.randint(-20, 20) / 1000
        details["pending_impact"] = format_decimal(pending.quantize(Decimal("0.000001")))
    borrow = indices.get((VENUE, f"{name}:{side}", "borrow"))
    if borrow is not None:
        details["borrowing_factor"] = format_decimal(from_raw(borrow.value_raw - random.randint(0, 10**28), 30))
    if random.random() < 0.5:
        decimals = {"USDC": 6, "WBTC.e": 8}.get(token, 18)
        grown = random.randint(0, 10**13) * 10**decimals // int(TOKENS.get(token, price) + 1)
        indices[VENUE, f"{name}:{side}:{token}", "funding"] = Index(grown * 3)
        details["funding_fee_per_size_raw"] = str(grown * random.choice((2, 3)))
    return Position(
        market=name,
        side=side,
        quantity=(size / entry).quantize(Decimal("0.000001")) + Decimal("0.000001"),
        entry=entry,
        mode="isolated",
        isolated_wallet=Decimal(10**4),
        details=details,
    )


def _near_border(account: Account, market: Market, parameters: Any, random: Random) -> Account:
    """Collateral that leaves a few units above or below the demand, or anything from half to thrice of it."""
    risks = rule_set("gmx/2").module.risk(account, market, parameters, AT)
    positions = []
    for position, (pool, found) in zip(account.positions, risks.items(), strict=True):
        held = held_named(account, pool, parameters)
        price = token_price(held, held.token, market, "min")
        needed = held.collateral + mul_div_ceil(found.demand - found.support, 1, price)
        if random.random() < 0.5:
            units = needed + random.randint(-3, 3)
        else:
            units = needed * random.randint(50, 300) // 100
        wallet = from_raw(max(0, units), held.terms.decimals(held.token))
        positions.append(replace(position, isolated_wallet=wallet))
    return replace(account, positions=tuple(positions))


def _vault(names: list[str], random: Random) -> Setting:
    overlay = {"*": {"min_profit": "0.015"}} if random.random() < 0.2 else None
    parameters = rule_set("gmx/1").module.parameters("1", AT, overlay)
    quotes = _quotes({name: PRICES[name] for name in names}, random)
    indices: dict[IndexKey, Index] = {}
    positions = []
    for name in names:
        sides: tuple[Side, Side] = ("long", "short")
        for side in random.sample(sides, random.choice((1, 1, 2))):
            token = name.partition("/")[0] if side == "long" else "USDC"
            entered = random.randint(0, 10**5) * 10**12
            if random.random() < 0.5:
                indices.setdefault((VENUE, token, "funding"), Index(random.randint(10**5, 10**6) * 10**12))
            size = Decimal(random.choice((5, 1_000, 200_000)) * random.randint(1, 100))
            entry = quotes[VENUE, name, "max"].price * _loss(side, random)
            details = {"size_in_usd": format_decimal(size)}
            details["reserve_raw"] = str(random.randint(0, 10**9))
            if overlay and random.random() < 0.5:
                details["last_increased_time"] = str(SECONDS - random.randint(0, 2 * 86400))
            positions.append(
                Position(
                    market=name,
                    side=side,
                    quantity=(size / entry).quantize(Decimal("0.000001")) + Decimal("0.000001"),
                    entry=entry,
                    mode="isolated",
                    isolated_wallet=size,
                    funding_index_raw=entered if (VENUE, token, "funding") in indices else None,
                    details=details,
                )
            )
    market = Market(quotes=quotes, indices=indices, state={})
    if random.random() < 0.3:
        market = _whole(market, random)
    account = Account(id="world", rules="gmx/1", mode="isolated", position_mode="hedge", positions=tuple(positions))
    risks = rule_set("gmx/1").module.risk(account, market, parameters, AT)
    funded = []
    for position, found in zip(account.positions, risks.values(), strict=True):
        needed = to_raw_floor(position.isolated_wallet or Decimal(0), 30) + found.demand - found.support
        if random.random() < 0.5:
            needed += random.choice((-1, 1)) * random.choice((0, 1, 10**20))
        else:
            needed = needed * random.randint(50, 300) // 100
        funded.append(replace(position, isolated_wallet=from_raw(max(0, needed), 30)))
    return Setting(replace(account, positions=tuple(funded)), market, parameters, AT)


def _whole(market: Market, random: Random) -> Market:
    """Tokens with an index known whole: the pool half reserved, funding some hours old."""
    indices, state = dict(market.indices), dict(market.state)
    for key, index in market.indices.items():
        indices[key] = replace(index, time=(SECONDS - random.randint(0, 10**5)) // 3_600 * 3_600)
        values = (10**20, 5 * 10**19, 0, 10**40, 10**21)
        state |= {(VENUE, key[1], name): value for name, value in zip(TOTALS, values, strict=True)}
    return replace(market, indices=indices, state=state)
