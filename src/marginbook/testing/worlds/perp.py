"""Random accounts of Perpetual Protocol v2, half of them within a few units of USDC of their border."""

from dataclasses import replace
from decimal import Decimal
from random import Random

from marginbook.domain.account import Account, Collateral, Position, Side
from marginbook.domain.market import Index, IndexKey, Market, Quote, QuoteKey
from marginbook.exact import format_decimal, from_raw
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

PRICES = {"vBTC": 60_000, "vETH": 3_000, "vSOL": 150, "vMATIC": 0.6}
"""A price about which each market is drawn [USDC]."""
COLLATERALS = {"WETH": (3_000, "0.95", 18), "OP": (2, "0.7", 18), "USDT": (1, "0.97", 6)}
"""Price, ratio and decimals of what may be collateral."""
AT = parse_time("2024-06-01")
VENUE = "perp"
GROWTH = 2**96 * 86_400
"""One dollar of premium over one day, as the venue's index counts it."""


def world(rules: str, random: Random) -> Setting:
    """An account of `rules` with one to four positions."""
    rule = rule_set(rules)
    overlay = {
        name: {"collateral_ratio": ratio, "decimals": decimals} for name, (_, ratio, decimals) in COLLATERALS.items()
    }
    parameters = rule.module.parameters(rule.version, AT, overlay)
    names = random.sample(sorted(PRICES), random.randint(1, 4))
    held = random.sample(sorted(COLLATERALS), random.choice((0, 0, 1, 2)))
    quotes: dict[QuoteKey, Quote] = {}
    indices: dict[IndexKey, Index] = {}
    for name in names + held:
        price = Decimal(str(PRICES[name] if name in PRICES else COLLATERALS[name][0]))
        quotes[VENUE, name, "oracle"] = Quote(price * random.randint(500_000, 2_000_000) / 10**6)
        if name in PRICES and random.random() < 0.5:
            indices[VENUE, name, "funding"] = Index(random.randint(-5, 5) * GROWTH // 7)
    market = Market(quotes=quotes, indices=indices)
    details = {}
    if random.random() < 0.3:
        details["owed_realized_pnl"] = format_decimal(from_raw(random.randint(-(10**21), 10**21), 18))
        details["pending_fee"] = format_decimal(from_raw(random.randint(0, 10**18), 18))
    account = Account(
        id="world",
        rules=rules,
        wallet={"USDC": Decimal(0)},
        positions=tuple(_position(name, quotes, indices, random) for name in names),
        collateral=tuple(Collateral(asset=name, amount=from_raw(random.randint(1, 10**9), 6)) for name in held),
        details=details,
    )
    found = next(iter(rule.module.risk(account, market, parameters, AT).values()))
    needed = (found.demand - found.support) // 10**12
    units = needed + random.randint(-3, 3) if random.random() < 0.5 else needed * random.randint(50, 300) // 100
    return Setting(replace(account, wallet={"USDC": from_raw(units, 6)}), market, parameters, AT)


def _position(name: str, quotes: dict[QuoteKey, Quote], indices: dict[IndexKey, Index], random: Random) -> Position:
    price = quotes[VENUE, name, "oracle"].price
    side: Side = random.choice(("long", "short"))
    worth = Decimal(random.choice((50, 5_000, 1_000_000)) * random.randint(1, 100)) / 100
    quantity = (worth / price).quantize(Decimal("1e-18"))
    entry = (price * random.randint(900, 1100) / 1000).quantize(Decimal("1e-12"))
    details = {}
    if random.random() < 0.5:
        notional = (quantity * entry).quantize(Decimal("1e-18"))
        details["open_notional"] = format_decimal(-notional if side == "long" else notional)
    known = (VENUE, name, "funding") in indices
    return Position(
        market=name,
        side=side,
        quantity=quantity,
        entry=entry,
        funding_index_raw=random.randint(-5, 5) * GROWTH // 11 if known else None,
        details=details,
    )


DEVIATIONS = {
    "perp/2": {
        "sums_are_additive": "the account value is floored once, at six decimals of the whole account",
        "shown_sums_follow": "the profit of all positions does not count, a bend in many prices; legs bend in one",
    }
}
