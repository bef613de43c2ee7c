"""Accounts of exchanges from rows of positions and a balance, whichever venue printed them.

A venue's reader (`bybit_json`, `okx_json` …) turns one printed row into a `Held` and a printed balance into `Funds`;
`account_of` puts them together. A position margined from the cross wallet needs the balance; figures that the venue
printed are kept in `reported`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from marginbook.connectors.accounts import check_account
from marginbook.connectors.answers import VenueAccount
from marginbook.connectors.values import named, shown
from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Quote, QuoteKey

Unified = Mapping[str, Any]
"""ccxt's own fields of a position or a balance; empty for a row that came from the venue itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One printed position, and what its row says beside it."""

    position: Position
    rules: str
    currency: str  # that it settles in
    quotes: Mapping[QuoteKey, Decimal] = field(default_factory=dict)
    substituted: frozenset[QuoteKey] = frozenset()  # quotes that stand in for one that is not printed
    hedged: bool = False  # the venue keeps both sides of the market apart
    as_of: int | None = None  # of the row's prices [µs UTC]
    terms: Mapping[str, Any] = field(default_factory=dict)  # parameters of the market that the row prints
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """A printed balance: cross wallet by currency."""

    wallet: Mapping[str, Decimal]
    rules: str | None = None  # where the balance tells which account it is
    reported: Mapping[str, Decimal] = field(default_factory=dict)
    quotes: Mapping[QuoteKey, Decimal] = field(default_factory=dict)
    terms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    as_of: int | None = None
    warnings: tuple[str, ...] = ()


class Reader(Protocol):
    """What a venue's module defines."""

    RULES: tuple[str, ...]
    """Rule sets that its answers can be of."""

    def read_position(self, row: dict[str, Any], unified: Unified, place: str) -> Held | None:
        """A printed position; None where nothing is held. BadInput where it is of another product."""

    def read_funds(self, document: Any, held: Sequence[Held], place: str) -> Funds:
        """A printed balance, knowing the positions beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Answers about one account, as recognised."""

    id: str
    source: str
    as_of: int | None = None
    rules: str | None = None  # as the file states them
    rows: tuple[tuple[dict[str, Any], Unified, str], ...] = ()  # (the venue's row, ccxt's, place)
    balance: tuple[Any, str] | None = None
    overlay: Mapping[str, Any] = field(default_factory=dict)


def account_of(reader: Reader, given: Given) -> VenueAccount:
    """The account that the answers describe; BadInput names what is missing or of another product."""
    held = [found for row, unified, at in given.rows if (found := reader.read_position(row, unified, at)) is not None]
    funds = None if given.balance is None else reader.read_funds(given.balance[0], held, given.balance[1])
    rules = _rules(reader, given, held, funds)
    cross = [one for one in held if one.position.mode != "isolated"]
    if funds is None and (cross or not held):
        raise BadInput("missing_key", given.source, "no balance", "the account's balance beside the positions")
    times = (given.as_of, funds.as_of if funds else None, max((one.as_of for one in held if one.as_of), default=None))
    as_of = next((time for time in times if time is not None), None)
    quotes, warnings = _quotes(held, funds, as_of, given.source)
    overlay: dict[str, Any] = {one.position.market: dict(one.terms) for one in held if one.terms}
    for terms in (funds.terms if funds else {}), given.overlay:
        for market, entry in terms.items():
            overlay[market] = {**overlay.get(market, {}), **entry}
    account = Account(
        id=given.id,
        rules=rules,
        position_mode="hedge" if any(one.hedged for one in held) else "one-way",
        wallet=funds.wallet if funds else {},
        positions=tuple(one.position for one in held),
        parameters=f"{given.id}: {rules.partition('/')[0]}" if overlay else None,
        reported=funds.reported if funds else {},
    )
    check_account(account, f"{given.source}:")
    printed = [warning for one in held for warning in one.warnings] + list(funds.warnings if funds else ())
    return VenueAccount(account, quotes, as_of, (*printed, *warnings), overlay)


def _rules(reader: Reader, given: Given, held: Sequence[Held], funds: Funds | None) -> str:
    if given.rules is not None:
        if given.rules not in reader.RULES:
            raise BadInput("unknown_choice", given.source, shown(given.rules), " or ".join(reader.RULES))
        return given.rules
    if funds is not None and funds.rules is not None:
        return funds.rules
    found = tuple(dict.fromkeys(one.rules for one in held)) or reader.RULES[:1]
    if len(found) > 1:
        raise BadInput("ambiguous", given.source, named(found), "positions of one rule set per file")
    return found[0]


def _quotes(
    held: Sequence[Held], funds: Funds | None, as_of: int | None, source: str
) -> tuple[dict[QuoteKey, Quote], list[str]]:
    """The prices of all rows, the first of a kind standing; and what is odd about them."""
    quotes: dict[QuoteKey, Quote] = {}
    for one in held:
        for key, price in one.quotes.items():
            quotes.setdefault(key, Quote(price, as_of, None, source, substituted=key in one.substituted))
    for key, price in (funds.quotes if funds else {}).items():
        quotes.setdefault(key, Quote(price, as_of, None, source))
    warnings = [f"{source}: the prices carry no time"] if quotes and as_of is None else []
    return quotes, warnings
