"""The model's side of every comparison of perps v2, with or without a chain."""

from decimal import Decimal

from marginbook.venues.synthetix.funding import unrecorded, velocity
from marginbook.venues.synthetix.margins import fill_price
from marginbook.venues.synthetix.market import funding_rate
from marginbook.venues.synthetix.v2.liquidation import displayed_price
from marginbook.venues.synthetix.v2.orders import order_fee, rates_of
from marginbook.venues.synthetix.v2.risk import figures, holdings
from marginbook.venues.synthetix.wad import mul, price_of, state_wad
from synthetix_bench.scene_2 import MARKETS, PAID, PARAMETERS, PROBES, RULES, USERS, Disagreement, World

LABELS_OF_MARKET = (
    "skew",
    "size",
    "funding time",
    "recorded rate",
    "rate",
    "velocity",
    "unrecorded",
    "recorded value",
    "price",
    "fill price of a purchase",
    "fill price of a sale",
    *(f"fee of a {side}, {kind}" for side in ("purchase", "sale") for kind in ("atomic", "delayed", "offchain")),
)
LABELS_OF_ACCOUNT = (
    "margin",
    "last price",
    "size",
    "funding value at the last change",
    "notional",
    "profit",
    "funding",
    "remaining margin",
    "accessible margin",
    "liquidation price",
    "liquidation fee",
    "liquidatable",
    "flagged",
    "liquidation margin",
    "leverage",
)
LABELS = [
    *(f"{name} {label}" for name in MARKETS for label in LABELS_OF_MARKET),
    *(f"{user} {name} {label}" for user in USERS for name in MARKETS for label in LABELS_OF_ACCOUNT),
    *(f"{name} sUSD" for name in (*USERS, *PAID)),
]


def numbers(w: World) -> list[int]:
    """Every number, in the order of `LABELS`."""
    found: list[int] = []
    for name in MARKETS:
        found += _of_market(w, name)
    for user in USERS:
        for name in MARKETS:
            found += _of_account(w, user, name)
    return found + [w.usd[name] for name in (*USERS, *PAID)]


def _of_market(w: World, name: str) -> list[int]:
    terms, market = PARAMETERS.terms_of(name), w.market
    skew, price = state_wad(market, name, "skew", 0), price_of(market, name)
    speed = velocity(skew, terms.skew_scale, terms.max_funding_velocity)
    last = state_wad(market, name, "funding_rate", 0)
    seconds = int(market.state["synthetix", name, "funding_time"])
    found = [skew, state_wad(market, name, "market_size"), seconds, last]
    found += [funding_rate(market, name, terms, w.at), speed, unrecorded(last, speed, w.time - seconds, price)]
    found += [state_wad(market, name, "funding_value", 0), price]
    fills = [fill_price(skew, terms.skew_scale, change, price) for change in (PROBES[name], -PROBES[name])]
    found += fills
    for change, filled in zip((PROBES[name], -PROBES[name]), fills, strict=True):
        for kind in ("atomic", "delayed", "offchain"):
            found.append(order_fee(rates_of(terms, market, name, kind), skew, change, filled))  # type: ignore[arg-type]
    return found


def _of_account(w: World, user: str, name: str) -> list[int]:
    account = w.account(user, name)
    shown = RULES.quantities(account, w.market, PARAMETERS, w.at)
    if not shown:
        idle = int(account.wallet.get("sUSD", Decimal(0)).scaleb(18))
        return [idle, 0, 0, 0, 0, 0, 0, idle, idle, 0, 0, 0, 0, 0, 0]
    ((pool, q),) = shown.items()
    (held,) = holdings(account, PARAMETERS)
    now = figures(held, w.market, PARAMETERS, w.at)
    venue = {key: int(value.scaleb(18)) for key, value in q.venue.items()}
    liquidatable = RULES.is_liquidatable(account, pool, w.market, PARAMETERS, w.at)
    (risk,) = RULES.risk(account, w.market, PARAMETERS, w.at).values()
    sums = (0 if held.flagged else now.margin, now.liquidation_margin + now.premium)
    if (risk.support, risk.demand) != sums:
        raise Disagreement(f"{risk} is not {sums}")
    signed = now.notional if held.size > 0 else -now.notional
    below = now.margin - now.premium <= now.liquidation_margin
    remaining = venue["remaining_margin"]
    return [
        held.margin,
        held.entry,
        held.size,
        held.funding,
        signed,
        now.pnl,
        now.funding,
        remaining,
        venue["accessible_margin"],
        displayed_price(held, w.market, PARAMETERS, w.at),
        venue["liquidation_fee"] if below else 0,
        int(liquidatable),
        int(held.flagged),
        venue["liquidation_margin"],
        leverage(signed, remaining),
    ]


def leverage(notional: int, margin: int) -> int:
    """Signed notional by what is left, 0 without any."""
    return 0 if not margin else (1 if notional > 0 else -1) * (abs(notional) * 10**18 // margin)


def near_border(w: World) -> int:
    """Open positions whose margin is within what three units of the price move, or a hundred units, of the border."""
    count = 0
    for account in w.accounts.values():
        for held in holdings(account, PARAMETERS):
            now = figures(held, w.market, PARAMETERS, w.at)
            away = abs(now.margin - now.premium - now.liquidation_margin)
            count += not held.flagged and away <= 100 + mul(abs(held.size), 3)
    return count
