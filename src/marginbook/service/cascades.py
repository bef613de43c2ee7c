"""A cascade over a whole book: who is due is the fast book's to say, each liquidation is the exact functions'.

Rounds are those of `simulate.exact_cascade`, so every liquidation is exact. Totals of zones before, at the shock and
after are the kernel's for books that are not small, as elsewhere on the page: to the cent, a loan counted by its debt,
with empty `by_currency`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.book.book import Book
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.market import Market
from marginbook.domain.zones import Zone
from marginbook.engine.answers import problem_json
from marginbook.exact import format_decimal, in_exact_context
from marginbook.service.provider import CascadeQuery, Json
from marginbook.service.sweeps import money, side, sweep
from marginbook.simulate import impact
from marginbook.simulate.cascade_answer import answer_of, cascade_of_book
from marginbook.simulate.closing import Step
from marginbook.simulate.exact_cascade import Carry, FundKey, Planner, Terms, rounds
from marginbook.simulate.holders import SMALL, BookHolders
from marginbook.simulate.impact import Impact
from marginbook.simulate.impact_text import DEFAULT, asset_and_rest, parse_impact, parse_levels
from marginbook.simulate.shocks import Shock, shocked
from marginbook.simulate.stress import REPORTING, ZONES
from marginbook.simulate.whole_waterfalls import with_waterfalls

Tell = Callable[[int, int, int], None]
"""(number of the round, pools planned and carried out in it, of how many)."""


def terms_of(query: CascadeQuery) -> Terms:
    """How markets react, from the texts of a query; BadInput for those that say nothing.

    >>> curves, funds = ("linear:depth=5e6", "ETH=1%:1e6"), {"a+b:USDT": Decimal(9)}
    >>> terms = terms_of(CascadeQuery(shocks=(), impact=curves, funds=funds))
    >>> float(terms.of("BTC")(5e6)), float(terms.of("ETH")(1e6)), dict(terms.fund_of)
    (0.99, 0.99, {'a': 'a+b', 'b': 'a+b'})
    """
    general, curves = parse_impact(DEFAULT), dict[str, Impact]()
    for text in query.impact:
        asset, curve = asset_and_rest(text)
        found = impact.book(parse_levels(curve)) if "%" in curve else parse_impact(curve)
        if asset is None:
            general = found
        else:
            curves[asset] = found
    funds: dict[FundKey, Decimal] = {}
    for place, amount in query.funds.items():
        venue, _, currency = place.partition(":")
        if not (venue and currency) or amount < 0:
            raise BadInput("bad_fund", f"funds.{place}", amount, "venue:currency and an amount of 0 or more")
        funds[venue, currency] = amount
    terms = Terms(
        impact=general,
        impacts=curves,
        funds=funds,
        fund_of={venue: name for name, _ in funds for venue in name.split("+")},
        execution=query.execution,
        rounds_most=query.rounds,
    )
    return with_waterfalls(terms) if query.waterfall else terms


@in_exact_context
def shocks_of(query: CascadeQuery) -> list[Shock]:
    """The shocks as `cascade --shock` names them.

    >>> [shock.text for shock in shocks_of(CascadeQuery(shocks=(("ETH", Decimal("-0.3")), ("BTC", Decimal("0.05")))))]
    ['ETH=-30%', 'BTC=+5%']
    """
    return [
        Shock(target=asset, move=move, text=f"{asset}={'' if move < 0 else '+'}{format_decimal(move * 100)}%")
        for asset, move in query.shocks
    ]


def cascade_answer(
    book: Book, query: CascadeQuery, problems: Sequence[Problem], tell: Tell, small: int = SMALL
) -> Json:
    """The answer of `cascade --json` for a book, which ends where the cascade does.

    `problems` are those of accounts that are not in the book. Books of up to `small` accounts are judged exactly.
    """
    terms, shocks = terms_of(query), shocks_of(query)
    if len(book) <= small:
        accounts = [book.account(name) for name in book.ids()]
        answer = cascade_of_book(
            accounts,
            book.market,
            book.parameters,
            shocks,
            book.at,
            terms,
            only=query.only,
            tick=lambda number, _: tell(number + 1, 0, 0),
        )
        answer["errors"] = [*map(problem_json, problems), *answer["errors"]]
    else:
        answer = _by_kernel(book, query, terms, shocks, problems, tell)
    return answer | {"warnings": []}


@in_exact_context
def _by_kernel(
    book: Book, query: CascadeQuery, terms: Terms, shocks: list[Shock], problems: Sequence[Problem], tell: Tell
) -> Json:
    before, first = book.market, _side(book)
    hit, moved = shocked(before, shocks, only=query.only)
    holders = BookHolders(book)
    holders.move({(m.venue, m.market, m.kind): m.after for m in moved})
    second = _side(book)
    counted = _Counted(holders, terms, tell)
    found = rounds(holders, counted.terms, book.at, counted.next_round)
    left = bool(holders.due())
    sides = {"before": first, "shocked": second, "after": _side(book)}
    return answer_of(shocks, found, terms, (before, hit, book.market), sides, REPORTING, problems, left=left)


def _side(book: Book) -> Json:
    """Totals at the book's prices, in the shape of `stress --json`."""
    swept = sweep(book, {})
    figures = side(swept)
    short = (swept.zones >= Zone.LIQUIDATION) & (swept.equity < 0)
    return {
        "counts": {zone.label: figures["counts"][zone.label] for zone in ZONES},
        "notional": {zone.label: format_decimal(figures["notional"][zone.label]) for zone in ZONES},
        "bad_debt": format_decimal(money(max(0.0, -float(swept.equity[short].sum())))),
        "by_currency": {},
    }


class _Counted:
    """Terms that tell how far a round has come: every due pool is planned, then carried out."""

    def __init__(self, holders: BookHolders, terms: Terms, tell: Tell) -> None:
        self._holders, self._tell = holders, tell
        self._round, self._done, self._of = 1, 0, 0
        self.terms = replace(terms, planner=self._planning(terms.planner), carry=self._carrying(terms.carry))

    def next_round(self, number: int, _: int | None) -> None:
        """Round `number` has ended."""
        self._round, self._done, self._of = number + 1, 0, 0

    def _planning(self, planner: Planner) -> Planner:
        def plan(account: Account, pool: str, market: Market, parameters: Any, at: int) -> Step | str:
            if not self._of:
                self._of = 2 * len(self._holders.due())
            self._count()
            return planner(account, pool, market, parameters, at)

        return plan

    def _carrying(self, carry: Carry) -> Carry:
        def carried(
            step: Step,
            account: Account,
            market: Market,
            parameters: Any,
            at: int,
            price: Decimal | None,
            fund: Mapping[str, Decimal],
        ) -> Any:
            self._count()
            return carry(step, account, market, parameters, at, price, fund)

        return carried

    def _count(self) -> None:
        self._done += 1
        self._tell(self._round, self._done, self._of)
