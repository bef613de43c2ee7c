"""The answer of `marginbook cascade`: a shock, the rounds that follow, and the book before, shocked and after."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.market import Market
from marginbook.engine.answers import problem_json
from marginbook.exact import ONE, ZERO, format_decimal, in_exact_context, round_ceil, round_half_up
from marginbook.margin_calls.assets import underlying
from marginbook.simulate.exact_cascade import Round, Terms, Tick, rounds
from marginbook.simulate.holders import ParametersOf, holders_of
from marginbook.simulate.shocks import Shock, shocked
from marginbook.simulate.stress import Totals, common_currency, pool_states, side_of

PLACES = 8
MOVE_PLACES = 6
LARGEST = 20
"""Accounts that a round names: those of which most was closed."""


@in_exact_context
def cascade_of_book(
    accounts: Iterable[Account],
    market: Market,
    parameters_of: ParametersOf,
    shocks: Sequence[Shock | str],
    at: int,
    terms: Terms,
    *,
    only: bool = False,
    tick: Tick | None = None,
) -> dict[str, Any]:
    """`{"shocks", "rounds", "prices", "currency", "before", "shocked", "after", "stopped", "refused", "errors"}`.

    Sides are those of `stress --json`. Money is text, values in the currency of the sides, or USD; `prices` are those
    of everything that moved: before, after the shock, at the end. `stopped` is "settled" where no step was left to do,
    else "rounds".
    """
    problems: list[Problem] = []
    judged, before = _judged(accounts, market, parameters_of, at, problems)
    hit, _ = shocked(market, shocks, only=only)
    at_shock = _judged(judged, hit, parameters_of, at, problems)[1]
    holders = holders_of(judged, hit, parameters_of, at)
    found = rounds(holders, terms, at, tick)
    end = holders.market
    after = _judged(holders.accounts(), end, parameters_of, at, problems)[1]
    sides = {"before": (before, market), "shocked": (at_shock, hit), "after": (after, end)}
    currency = common_currency({c for totals, _ in sides.values() for c in totals.notional}, market, problems)
    told = {name: side_of(totals, currency, seen) for name, (totals, seen) in sides.items()}
    left = bool(holders.due())
    return answer_of(shocks, found, terms, (market, hit, end), told, currency, problems, left=left)


@in_exact_context
def answer_of(
    shocks: Sequence[Shock | str],
    found: Sequence[Round],
    terms: Terms,
    markets: tuple[Market, Market, Market],
    sides: Mapping[str, Any],
    currency: str | None,
    problems: Iterable[Problem],
    *,
    left: bool,
) -> dict[str, Any]:
    """The answer from its parts; `markets` and `sides` are before, at the shock and after, `left`: somebody is due."""
    before, hit, end = markets
    done = [row for row in found if row.steps]
    return {
        "shocks": [shock if isinstance(shock, str) else shock.text for shock in shocks],
        "currency": currency,
        "rounds": [
            _row(number, row, found[number - 2].ratios if number > 1 else {}) for number, row in enumerate(done, 1)
        ],
        "stopped": "rounds" if len(done) == terms.rounds_most and left else "settled",
        "prices": [
            {
                "venue": key[0],
                "market": key[1],
                "asset": underlying(key[1]),
                "kind": key[2],
                "before": _text(quote.price),
                "shocked": _text(hit.quotes[key].price),
                "after": _text(end.quotes[key].price),
            }
            for key, quote in sorted(before.quotes.items())
            if not quote.price == hit.quotes[key].price == end.quotes[key].price
        ],
        **sides,
        "bad_debt": _text(found[-1].bad_debt if found else ZERO),
        "refused": [
            {"account": name, "pool": pool, "reason": reason}
            for (name, pool), reason in sorted(found[-1].refused.items() if found else ())
        ],
        "errors": [problem_json(problem) for problem in problems],
    }


def _judged(
    accounts: Iterable[Account], market: Market, parameters_of: ParametersOf, at: int, problems: list[Problem]
) -> tuple[list[Account], Totals]:
    """The accounts whose rules accept them, and their totals."""
    totals, judged = Totals(), []
    for account in accounts:
        try:
            totals.add(pool_states(account, market, parameters_of(account), at))
            judged.append(account)
        except BadInput as bad:
            if bad.problem not in problems:
                problems.append(bad.problem)
    return judged, totals


def _row(number: int, done: Round, before: Mapping[str, Decimal]) -> dict[str, Any]:
    """One round; moves are fractions of the prices before the round, or before the cascade."""
    moves = {
        asset: {
            "round": format_decimal(round_half_up(ratio / before.get(asset, ONE) - ONE, MOVE_PLACES)),
            "cascade": format_decimal(round_half_up(ratio - ONE, MOVE_PLACES)),
        }
        for asset, ratio in done.ratios.items()
    }
    return {
        "round": number,
        "accounts": {venue: len(names) for venue, names in sorted(done.accounts.items())},
        "pools": dict(sorted(done.steps.items())),
        "closed": {venue: _text(value) for venue, value in sorted(done.closed.items())},
        "largest": _largest(done),
        "sold": {asset: _text(value) for asset, value in sorted(done.sold.items())},
        "moves": moves,
        "lost_to": {who: _text(value) for who, value in sorted(done.lost.items())},
        "fees": _by_venue(done.fees),
        "paid": _by_venue(done.paid),
        "shared": _by_venue(done.shared),
        "uncovered": _by_venue(done.uncovered),
        "funds": _by_venue(done.funds),
        "bad_debt": _text(done.bad_debt),
    }


def _largest(done: Round) -> list[dict[str, str]]:
    """The accounts of which the round closed most, at most `LARGEST`."""
    venue_of = {name: venue for venue, names in done.accounts.items() for name in names}
    first = sorted(done.closed_of.items(), key=lambda pair: (-pair[1], pair[0]))[:LARGEST]
    return [{"account": name, "venue": venue_of[name], "closed": _text(value)} for name, value in first]


def _by_venue(amounts: Mapping[tuple[str, str], Decimal]) -> dict[str, str]:
    return {f"{venue}:{currency}": _text(amount) for (venue, currency), amount in sorted(amounts.items())}


def _text(amount: Decimal) -> str:
    return format_decimal(round_ceil(amount, PLACES))
