"""Random accounts of the generic rule sets: linear and inverse contracts, thresholds, ratios, both operators."""

from decimal import Decimal
from random import Random
from typing import Any

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.market import Market, Quote
from marginbook.testing.vectors import Setting
from marginbook.venues.registry import rule_set

AT = 1_790_856_000_000_000  # 2026-10-01T12:00:00Z


def amount(random: Random, low: float, high: float, places: int = 8) -> Decimal:
    """A log-uniform amount with up to `places` decimals."""
    value = low * (high / low) ** random.random()
    return max(Decimal(1).scaleb(-places), Decimal(repr(value)).quantize(Decimal(1).scaleb(-places)))


def world(rules: str, random: Random) -> Setting:
    """An account of `generic/derivatives` or `generic/lending`."""
    return _derivatives(random) if rules == "generic/derivatives" else _lending(random)


def _setting(account: Account, prices: dict[str, Decimal], kind: str, overlay: dict[str, Any]) -> Setting:
    rules = rule_set(account.rules)
    market = Market(quotes={("generic", name, kind): Quote(price) for name, price in prices.items()})
    return Setting(account, market, rules.module.parameters(rules.version, AT, overlay), AT)


def _derivatives(random: Random) -> Setting:
    operator = random.choice(("<", "<="))
    prices, overlay, positions = {}, {}, []
    for name in random.sample(("A", "B", "C"), random.randint(1, 3)):
        price = amount(random, 0.01, 50_000, 4)
        leverage = random.choice((2, 5, 10, 25))
        inverse = random.random() < 0.25
        prices[name] = price
        overlay[name] = {
            "maintenance_rate": random.choice(("0.004", "0.01", "0.05")),
            "contract": "inverse" if inverse else "linear",
            "basis": "mark" if inverse else random.choice(("mark", "mark", "entry")),
            "operator": operator,
            "currency": "USD",
            "taker_fee": random.choice(("0", "0.0005")),
        }
        drift = Decimal(repr(1 + random.uniform(-1, 1) / leverage)).quantize(Decimal("0.0001"))
        size = amount(random, 10, 100_000, 2) if not inverse else amount(random, 10, 100, 0)
        side = random.choice(("long", "short"))
        positions.append(
            Position(
                market=name,
                side="long" if side == "long" else "short",
                quantity=size if inverse else max(Decimal("0.0001"), (size / price).quantize(Decimal("0.0001"))),
                entry=price * drift,
                leverage=Decimal(leverage),
            )
        )
    gross = sum(
        (p.quantity * (1 if overlay[p.market]["contract"] == "inverse" else p.entry) for p in positions), Decimal(0)
    )
    wallet = (gross * Decimal(repr(random.uniform(0.005, 0.3)))).quantize(Decimal("0.01"))
    account = Account(id="a", rules="generic/derivatives", wallet={"USD": wallet}, positions=tuple(positions))
    return _setting(account, prices, "mark", overlay)


def _lending(random: Random) -> Setting:
    operator = random.choice(("<", "<="))
    overlay: dict[str, Any] = {"*": {"liquidation_threshold": "0.8", "operator": operator}}
    collateral, limit = [], Decimal(0)
    prices = {"D": Decimal(1), "E": amount(random, 100, 5_000, 2)}
    for name in random.sample(("X", "Y", "Z"), random.randint(1, 3)):
        prices[name] = amount(random, 0.01, 50_000, 6)
        threshold = random.choice(("0.5", "0.77", "0.83"))
        overlay[name] = random.choice(
            (
                {"liquidation_threshold": threshold, "ltv": "0.5", "liquidation_bonus": "0.05", "operator": operator},
                {"minimum_collateral_ratio": "1.5", "operator": operator},
            )
        )
        held = amount(random, 0.01, 1_000, 8)
        collateral.append(Collateral(asset=name, amount=held, enabled=random.random() < 0.9))
        if collateral[-1].enabled:
            limit += held * prices[name] * (Decimal(threshold) if "ltv" in overlay[name] else Decimal("0.666667"))
    share = Decimal(repr(random.choice((random.uniform(0.1, 0.9), random.uniform(0.97, 1.03))))).quantize(
        Decimal("0.000001")
    )
    owed = (limit * share).quantize(Decimal("0.00000001"))
    asset = random.choice(("D", "E"))
    debt = (Debt(asset=asset, amount=(owed / prices[asset]).quantize(Decimal("0.00000001"))),)
    account = Account(id="a", rules="generic/lending", collateral=tuple(collateral), debt=debt)
    return _setting(account, prices, "oracle", overlay)
