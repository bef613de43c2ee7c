"""Random accounts at brokers: shares and options of one to three companies, long and short, near their margin call."""

from dataclasses import replace
from decimal import Decimal
from random import Random

from marginbook.domain.account import Account, Position, Side
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT, ZERO
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.broker.instruments import instrument_of
from marginbook.venues.registry import rule_set

DATES = ("2009-06-01", "2015-03-02", "2026-06-05", "2026-10-01")
SHARES = {"AAPL": 254.63, "F": 12.08, "PLUG": 2.31, "SNAP": 5.02, "TSLA": 442.79}
INDICES = {"SPX": 6688.46}
UNIT = Decimal("0.01")
PARTS = {
    "additive": "strategies and class groups offset positions against each other: the whole asks for less",
    "monotone": "a short put loses when the price of its share falls",
}
DEVIATIONS = {
    name: {"sums_are_additive": PARTS["additive"], "longs_are_monotone": PARTS["monotone"]}
    for name in ("broker/reg-t", "broker/finra-4210", "broker/portfolio")
}


def world(rules: str, random: Random) -> Setting:
    """Shares in half of the accounts alone, else with options on them; cash often puts equity near the requirement."""
    found, at = rule_set(rules), parse_time(random.choice(DATES))
    spots = SHARES | INDICES
    quotes = {("broker", name, "mark"): Quote(Decimal(repr(price))) for name, price in spots.items()}
    positions: list[Position] = []
    writes_puts = random.random() < 0.2
    with_options = not writes_puts and random.random() < 0.6
    if writes_puts:
        positions = [
            replace(option, side="short")
            for option in _options(rules, random, "TSLA", SHARES["TSLA"], at, quotes, rights="P")
        ]
    for name in () if positions else random.sample(sorted(SHARES), random.randint(1, 3)):
        if random.random() < 0.8 or not with_options:
            shares = random.choice((Decimal(100), Decimal(250), Decimal(37), Decimal("12.5"), Decimal(1000)))
            positions.append(_position(random, name, shares, SHARES[name]))
        if with_options:
            positions += _options(rules, random, name, SHARES[name], at, quotes)
    if with_options and random.random() < 0.3:
        positions += _options(rules, random, "SPX", INDICES["SPX"], at, quotes)
    account = Account(id="a", rules=rules, wallet={"USD": ZERO}, positions=tuple(positions), details=_details(random))
    overlay = {"AAPL": {"maintenance_long": "0.3"}} if random.random() < 0.2 else None
    parameters = found.module.parameters(found.version, at, overlay)
    setting = Setting(account, Market(quotes=quotes), parameters, at)
    (sums,) = setting.call("risk").values()
    share = random.choice((random.uniform(0.3, 5), random.uniform(0.99, 1.01), 1 + random.uniform(-1, 1) * 1e-7))
    if writes_puts:
        share = random.uniform(0.99, 1.04)
    wanted = CONTEXT.multiply(sums.demand, Decimal(repr(share)))
    cash = CONTEXT.subtract(wanted, sums.support).quantize(UNIT)
    return replace(setting, account=replace(account, wallet={"USD": cash}))


def _details(random: Random) -> dict[str, str]:
    found = {}
    if random.random() < 0.4:
        found["sma"] = str(random.randint(0, 50_000))
    if random.random() < 0.2:
        found |= {"day_trader": random.choice(("yes", "phase-in")), "equity_at_close": "41000"}
        found["maintenance_at_close"] = "9000"
    return found


def _position(random: Random, name: str, quantity: Decimal, price: float, **details: str) -> Position:
    side: Side = random.choice(("long", "short"))
    entry = Decimal(repr(round(price * random.uniform(0.8, 1.2) + 0.01, 2)))
    return Position(market=name, side=side, quantity=quantity, entry=entry, details=details)


def _options(
    rules: str,
    random: Random,
    name: str,
    spot: float,
    at: int,
    quotes: dict[tuple[str, str, str], Quote],
    rights: str = "CP",
) -> list[Position]:
    """One to four options, with prices of their own."""
    year = 1970 + at // (365_250_000 * 86_400)
    found: dict[str, Position] = {}
    for _ in range(random.randint(1, 4)):
        strike = max(0.5, round(spot * random.choice((0.8, 0.9, 1.0, 1.1, 1.2)) * 2) / 2)
        day = random.choice((f"{year + 1}-01-15", f"{year + 1}-03-19", f"{year + 2}-01-21"))
        right = random.choice(rights)
        market = f"{name} {day} {strike:g} {right}"
        instrument = instrument_of(market, {})
        intrinsic = float(instrument.intrinsic(Decimal(repr(spot))))
        price = round(intrinsic + spot * random.uniform(0.005, 0.1) + 0.01, 2)
        details = {"multiplier": "10"} if random.random() < 0.1 else {}
        if name == "SPX":
            details["style"] = "european"
        if rules == "broker/portfolio":
            if random.random() < 0.6:
                details |= {"implied_volatility": str(round(random.uniform(0.15, 0.8), 2)), "rate": "0.04"}
            else:
                details["values"] = _values(random, spot, strike, right, price - intrinsic)
        quotes["broker", market, "mark"] = Quote(Decimal(repr(price)))
        quantity = Decimal(random.choice((1, 1, 2, 3, 10)))
        found[market] = _position(random, market, quantity, price, **details)
    return list(found.values())


def _values(random: Random, spot: float, strike: float, right: str, extra: float) -> str:
    points = [spot * (1 + move / 100) for move in (-15, -12, -9, -6, -3, 3, 6, 9, 12, 15)]
    values = (max(0.0, point - strike if right == "C" else strike - point) + extra for point in points)
    return " ".join(str(round(value, 2)) for value in values)
