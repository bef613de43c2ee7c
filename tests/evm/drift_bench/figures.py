"""What the rule set and the SDK say of an account, and what the SDK does otherwise than the program."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from random import Random
from typing import Any
from unittest.mock import patch

from drift_bench.accounts import AT, BUFFER, MODULE, PERPS, SPOTS, Case, drawn
from marginbook.exact import div_trunc
from marginbook.venues.drift import margin, units, weights
from marginbook.venues.drift.account import book_of
from marginbook.venues.drift.margin import Calculation, Context, Filled

KINDS = {
    "initial": Context("initial"),
    "strict": Context("initial", strict=True),
    "maintenance": Context("maintenance"),
    "buffered": Context("maintenance", buffer=BUFFER),
}
Sums = dict[str, dict[str, list[int]]]


def case(random: Random) -> Case:
    """One account, often at the border of its liquidation."""
    found = drawn(random)
    return _at_the_border(found, random.choice((-2, -1, 0, 1, 2))) if random.random() < 0.4 else found


def _at_the_border(found: Case, off: int) -> Case:
    """The account with so much USDC that its collateral exceeds the requirement by `off` units, where that can be."""
    with as_the_sdk():
        collateral, needed = sums(found)["maintenance"].get("cross", [0, 0])
    held = [c for c in found.account.collateral if c.asset == SPOTS[0]]
    if found.asked["spots"][0]["price"] != 10**6 or not held or held[0].scaled_raw is None:
        return found
    scaled = (held[0].scaled_raw // 1_000 + needed - collateral + off) * 1_000
    if scaled <= 0:
        return found
    others = tuple(c for c in found.account.collateral if c is not held[0])
    rows = [
        row | {"scaledBalance": str(scaled)} if not row["marketIndex"] else row for row in found.asked["spotPositions"]
    ]
    return replace(
        found,
        asked=found.asked | {"spotPositions": rows},
        account=replace(found.account, collateral=(replace(held[0], scaled_raw=scaled), *others)),
    )


def is_liquidatable(found: Case) -> bool:
    """The rule set's decision on the cross account."""
    pools = MODULE.risk(found.account, found.market, found.parameters, AT)
    if "cross" not in pools:
        return False
    return bool(MODULE.is_liquidatable(found.account, "cross", found.market, found.parameters, AT))


def sums(found: Case) -> Sums:
    """Kind -> pool -> [collateral, requirement]; `buffered` also its buffer and the requirement with the buffer."""
    book = book_of(found.account, found.market, found.parameters)
    names = {f"isolated:{p.market}:{p.side}": str(PERPS.index(p.market)) for p in found.account.positions}
    answer: Sums = {}
    for kind, context in KINDS.items():
        if kind == "buffered" and not found.whole:
            continue
        pools = margin.calculate(book, found.market, found.parameters, context)
        pools.setdefault("cross", Calculation())
        answer[kind] = {names.get(pool, pool): _row(c, kind) for pool, c in pools.items()}
    return answer


def _row(found: Calculation, kind: str) -> list[int]:
    row = [found.total_collateral, found.requirement]
    return [*row, found.collateral_buffer, found.buffered_requirement] if kind == "buffered" else row


def shown(answer: dict[str, Any], whole: bool) -> Sums:
    """What the SDK answered, in the form of `sums`."""
    return {
        kind: {pool: [int(x) for x in row[: 4 if kind == "buffered" else 2]] for pool, row in pools.items()}
        for kind, pools in answer.items()
        if kind in KINDS and (whole or kind != "buffered")
    }


# What the SDK does otherwise than the program.


def _toward_zero(amount: int, decimals: int, price: int) -> int:
    return div_trunc(amount * price, 10**decimals)


_WORST = margin.worst_fill


def _revalued(spot: Any, context: Context, prices: Any) -> Filled:
    """The amount after the fill at its own strict price; bids where both sides are equal."""
    if not spot.bids and not spot.asks:
        return _WORST(spot, context, prices)
    asks, bids = (_WORST(_only(spot, side), context, prices) for side in ("asks", "bids"))
    chosen = asks if asks.free < bids.free else bids
    price = prices.strictly(spot.asset)
    value = units.strict_token_value(chosen.amount, spot.terms.decimals, price)
    return Filled(
        chosen.amount, chosen.orders_value, value, margin._weighted(spot, chosen.amount, value, context.kind, prices)
    )


def _only(spot: Any, side: str) -> Any:
    return replace(spot, **{"bids": 0, "asks": 0, side: getattr(spot, side)})


DEVIATIONS: dict[str, tuple[tuple[Any, str, Any], ...]] = {
    "debts toward zero": ((units, "token_value", _toward_zero), (margin, "token_value", _toward_zero)),
    "profit without its limit of 100": ((margin, "PROFIT_MOST", 2**63),),
    "size of a profit not in 10^-9": ((weights, "QUOTE_TO_BASE", 1),),
    "filled spot orders valued anew": ((margin, "worst_fill", _revalued),),
}


@contextmanager
def as_the_sdk(*but: str) -> Iterator[None]:
    """The rule set with what the SDK does otherwise than the program, `but` for some of it."""
    with ExitStack() as stack:
        for name, changes in DEVIATIONS.items():
            for owner, attribute, other in changes if name not in but else ():
                stack.enter_context(patch.object(owner, attribute, other))
        yield
