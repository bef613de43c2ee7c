"""Maker's price: the median of signed quotes, and the security module that holds it back for an hour.

    median   quorum `bar` (odd) of quotes, each younger than the last median, no signer twice;  val = quotes[bar >> 1]
    poke     from zzz + hop on:  cur ← nxt, nxt ← the median, zzz ← the time rounded down to a multiple of hop

A vault is judged by `cur`, so by a price one to two hours old, and everybody can read `nxt` before it counts: whoever
would be liquidated at `nxt` has until zzz + hop (`lead_time`, `forewarned`). Times are seconds UTC, prices wad.

Source: makerdao/median (median.sol) and the deployed OSM (osm.sol), read 2026-11. There, a poke whose source has no
value changes nothing; the first version of 2018 took the empty value over.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from marginbook.domain.errors import BadInput
from marginbook.exact import remainder_floor

HOUR = 3600


@dataclass(frozen=True, slots=True)
class SignedQuote:
    """What one feed signed."""

    signer: str
    price: int  # [wad]
    time: int  # [s UTC]


@dataclass(frozen=True, slots=True)
class Median:
    """The last median and when it was written; price 0: none yet."""

    price: int = 0  # [wad]
    time: int = 0  # [s UTC]


@dataclass(frozen=True, slots=True)
class Delayed:
    """The security module's storage. None: no value."""

    current: int | None  # [wad] `cur`, what vaults are judged by
    following: int | None  # [wad] `nxt`, what they will be judged by
    poked: int = 0  # [s UTC] `zzz`
    hop: int = HOUR  # [s]
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Forewarning:
    """An account that the price to come would make liquidatable, and the first second at which it can."""

    account: str
    price: int  # [wad]
    at: int  # [s UTC]


def written_median(last: Median, quotes: Sequence[SignedQuote], signers: Iterable[str], quorum: int, at: int) -> Median:
    """The median after `quotes` were sent at `at`; BadInput where the contract reverts.

    >>> quotes = [SignedQuote("b", 101, 60), SignedQuote("a", 100, 60), SignedQuote("c", 120, 60)]
    >>> written_median(Median(), quotes, "abc", 3, 65)
    Median(price=101, time=65)
    """
    if quorum < 1 or not quorum & 1:
        raise BadInput("bad_quorum", "quorum", quorum, "an odd number from 1 on")
    if len(quotes) != quorum:
        raise BadInput("no_quorum", "quotes", len(quotes), f"exactly {quorum} quotes")
    known, seen = set(signers), set[str]()
    for quote in quotes:
        if quote.signer not in known or quote.signer in seen:
            raise BadInput("unknown_signer", "quotes", quote.signer, "each signer of the list once")
        if quote.time <= last.time:
            raise BadInput("stale_quote", f"quotes.{quote.signer}", quote.time, f"a time after {last.time}")
        if quote.price < 0:
            raise BadInput("bad_price", f"quotes.{quote.signer}", quote.price, "not negative")
        seen.add(quote.signer)
    return Median(sorted(quote.price for quote in quotes)[quorum >> 1], at)


def started(price: int | None, at: int, hop: int = HOUR) -> Delayed:
    """A module that was just deployed on a source with this price.

    >>> started(100, 7250).poked
    7200
    """
    return Delayed(price, price, at - remainder_floor(at, hop) if price is not None else 0, hop)


def next_poke(module: Delayed) -> int:
    """The first second [s UTC] at which a poke is taken."""
    return module.poked + module.hop


def poked(module: Delayed, source: int | None, at: int) -> Delayed:
    """The module after a poke at `at`; BadInput before the hop has passed or while stopped.

    >>> module = poked(started(100, 3600), 90, 7250)
    >>> module.current, module.following, module.poked
    (100, 90, 7200)
    """
    if module.stopped:
        raise BadInput("oracle_stopped", "poke", at, "a module that is not stopped")
    if at < next_poke(module):
        raise BadInput("too_early", "poke", at, f"a time from {next_poke(module)} on")
    if source is None:
        return module
    return replace(module, current=module.following, following=source, poked=at - remainder_floor(at, module.hop))


def voided(module: Delayed) -> Delayed:
    """Both values dropped and the module stopped: nothing can be read, so nobody can be judged."""
    return replace(module, current=None, following=None, stopped=True)


def price_to_judge_by(module: Delayed) -> int:
    """The current value [wad]; BadInput `missing_price` without one."""
    if module.current is None:
        raise BadInput("missing_price", "oracle", "no current value", "a module that holds one")
    return module.current


def lead_time(module: Delayed, at: int) -> int | None:
    """Seconds from `at` until the following price can count, 0 if now; None where it is not known or will not come.

    >>> lead_time(Delayed(100, 90, 7200), 7250), lead_time(Delayed(100, 90, 7200, stopped=True), 7250)
    (3550, None)
    """
    if module.stopped or module.following is None:
        return None
    return max(0, next_poke(module) - at)


def forewarned(
    module: Delayed, accounts: Iterable[str], is_liquidatable: Callable[[str, int], bool], at: int
) -> list[Forewarning]:
    """Accounts that are sound at the current price and liquidatable at the following one.

    `is_liquidatable(account, price)` is the rule set's own decision with this price as its quote.

    >>> borders = {"a": 95, "b": 80}
    >>> forewarned(Delayed(100, 90, 7200), borders, lambda account, price: price < borders[account], 7250)
    [Forewarning(account='a', price=90, at=10800)]
    """
    lead = lead_time(module, at)
    if lead is None or module.following is None or module.current is None:
        return []
    now, later = module.current, module.following
    return [
        Forewarning(account, later, at + lead)
        for account in accounts
        if not is_liquidatable(account, now) and is_liquidatable(account, later)
    ]
