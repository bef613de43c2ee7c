"""Which exchanges stay out of an index after they were outliers, and how they come back.

    for a time (BingX)      out for `ban`, then looked at again, and out once more if still an outlier; the last of
                            `strikes` bans in a row within `strike_window` stays until a person ends it
    until steady (BitMEX)   out until the price lay within `return_band` of the median of the others for `return_after`
                            without a break; it counts from the next index on

State is a plain mapping, carried by the caller: `banned` before an index, `index`, `after` behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from marginbook.exact import in_exact_context
from marginbook.oracle.index import Index, IndexRule, Source, median, refusal


@dataclass(frozen=True, slots=True)
class Ban:
    """Why one source is out. Times in µs UTC."""

    since: int  # the last strike
    strikes: tuple[int, ...] = ()
    steady_since: int | None = None
    by_hand: bool = False


Bans = Mapping[str, Ban]


def banned(bans: Bans, rule: IndexRule, at: int) -> dict[str, str]:
    """Sources that do not count at `at`, and why.

    >>> rule = IndexRule(outliers="exclude", ban=300_000_000)
    >>> banned({"A": Ban(0)}, rule, 299_999_999), banned({"A": Ban(0)}, rule, 300_000_000)
    ({'A': 'banned since 0'}, {})
    """
    found = {}
    for name, ban in bans.items():
        if ban.by_hand:
            found[name] = f"banned since {ban.strikes[0]} until a person ends it"
        elif rule.return_after is not None or (rule.ban is not None and at < ban.since + rule.ban):
            found[name] = f"banned since {ban.since}"
    return found


@in_exact_context
def after(bans: Bans, sources: Sequence[Source], found: Index, rule: IndexRule, at: int) -> dict[str, Ban]:
    """The bans that hold for the next index: the outliers of `found`, which was made at `at`, are out."""
    out = banned(bans, rule, at)
    kept = {name: ban for name, ban in bans.items() if name in out}
    if rule.ban is None and rule.strikes is None and rule.return_after is None:
        return kept
    for source in sources:
        if found.part(source.name).verdict == "excluded" and not refusal(source, rule, at, out):
            kept[source.name] = _struck(bans.get(source.name), rule, at)
    if rule.return_after is None or rule.return_band is None:
        return kept
    active = [source for source in sources if source.name not in kept and not refusal(source, rule, at, {})]
    others = [source.price for source in active if source.price is not None]
    middle = median(others) if others else found.price
    return {
        name: ban
        for name, old in kept.items()
        if (ban := _watched(old, _price(sources, name), middle, rule, at)) is not None
    }


def _struck(old: Ban | None, rule: IndexRule, at: int) -> Ban:
    strikes = (*(old.strikes if old else ()), at)
    if rule.strike_window is not None:
        strikes = tuple(time for time in strikes if at - time <= rule.strike_window)
    return Ban(at, strikes, by_hand=rule.strikes is not None and len(strikes) >= rule.strikes)


def _price(sources: Sequence[Source], name: str) -> Decimal | None:
    return next((source.price for source in sources if source.name == name), None)


def _watched(ban: Ban, price: Decimal | None, middle: Decimal | None, rule: IndexRule, at: int) -> Ban | None:
    """The ban with its steady time; None where it ends."""
    assert rule.return_band is not None
    assert rule.return_after is not None
    if price is None or middle is None or abs(price - middle) > rule.return_band * middle:
        return replace(ban, steady_since=None)
    if ban.steady_since is None:
        return replace(ban, steady_since=at)
    return None if at - ban.steady_since >= rule.return_after else ban
