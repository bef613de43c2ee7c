"""Subaccounts of dYdX v4 as the indexer prints them: one subaccount, or a parent with its children.

USDC of the indexer has the funding of now in it, so positions carry none. A child subaccount (number other than the
parent's) holds an isolated position: it becomes one with `isolated_wallet`. Source: dYdX indexer API, endpoints
`/v4/addresses/{address}/subaccountNumber/{n}` and `/parentSubaccountNumber/{n}`. Prices are not part of the answer, but
the unrealised profit of a position gives its oracle price, entry + profit / size, which has few decimals; where it has
not, the price comes from elsewhere.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.connectors.answers import VenueAccount, needed_table, one_of
from marginbook.connectors.values import join, read_decimal, read_not_negative, read_positive, read_text, shown
from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Quote, QuoteKey
from marginbook.exact import ZERO, divide, format_decimal, in_exact_context, round_half_up

RULES = "dydx/4"
VENUE = "dydx"
PRICE_PLACES = 12
"""Most decimals of an oracle price."""
PRICE_ERROR = Decimal("1e-15")
"""What the printed digits of entry and profit leave open of a price."""
USDC = "USDC"
_SIDES = {"LONG": 1, "SHORT": -1}


def is_subaccount(document: Any) -> bool:
    """Whether a parsed document is such an answer.

    >>> is_subaccount({"subaccount": {"openPerpetualPositions": {}, "assetPositions": {}}})
    True
    """
    row = document.get("subaccount") if isinstance(document, dict) else None
    return isinstance(row, dict) and ("openPerpetualPositions" in row or "childSubaccounts" in row)


def account_from_subaccount(document: Any, id: str, source: str = "subaccount") -> VenueAccount:
    """The account that an answer describes; BadInput names what is missing."""
    place = f"{source}:"
    if not is_subaccount(document):
        raise BadInput("unknown_format", place, shown(document), "a subaccount of the indexer")
    here = join(place, "subaccount")
    row = document["subaccount"]
    children = row.get("childSubaccounts")
    if children is None:
        usdc, positions = _subaccount(row, here)
        reported = {
            ours: read_decimal(row[theirs], join(here, theirs))
            for theirs, ours in (("equity", "margin_balance"), ("freeCollateral", "free_margin"))
            if row.get(theirs) is not None
        }
        return _answer(id, usdc, positions, reported, source)
    if not isinstance(children, list):
        raise BadInput("wrong_type", join(here, "childSubaccounts"), shown(children), "a list of subaccounts")
    parent, usdc, found = row.get("parentSubaccountNumber", 0), ZERO, list[Position]()
    for number, child in enumerate(children):
        inside = join(join(here, "childSubaccounts"), number)
        if not isinstance(child, dict):
            raise BadInput("wrong_type", inside, shown(child), "a subaccount")
        own, positions = _subaccount(child, inside)
        if child.get("subaccountNumber", parent) == parent:
            usdc += own
            found += positions
        elif len(positions) == 1:
            found.append(_isolated(positions[0], own))
        elif positions or own:
            raise BadInput("unsupported", inside, f"{len(positions)} positions", "one isolated position per child")
    return _answer(id, usdc, found, {}, source)


def _answer(
    id: str, usdc: Decimal, positions: list[Position], reported: dict[str, Decimal], source: str
) -> VenueAccount:
    account = Account(id=id, rules=RULES, wallet={USDC: usdc}, positions=tuple(positions), reported=reported)
    quotes: dict[QuoteKey, Quote] = {}
    warnings: list[str] = []
    for position in positions:
        if (price := oracle_price(position)) is None:
            warnings.append(f"{source}: no oracle price of {position.market}: its profit does not tell it")
        else:
            quotes[VENUE, position.market, "oracle"] = Quote(price, None, None, source, substituted=True)
            warnings.append(f"{source}: oracle price of {position.market} {price}, from its unrealised profit")
    return VenueAccount(account, quotes, None, tuple(warnings))


@in_exact_context
def oracle_price(position: Position) -> Decimal | None:
    """The price at which a position has its printed profit; None where none of few decimals gives it.

    >>> oracle_price(Position(market="ETH-USD", side="long", quantity=Decimal("0.001"), entry=Decimal("3894.7"),
    ...     reported={"unrealized_pnl": Decimal("-0.044675155")}))
    Decimal('3850.024845')
    """
    profit = position.reported.get("unrealized_pnl")
    if profit is None:
        return None
    size = position.sign * position.quantity
    price = round_half_up(position.entry + divide(profit, size), PRICE_PLACES)
    error = abs((price - position.entry) * size - profit)
    return Decimal(format_decimal(price)) if price > 0 and error <= position.quantity * PRICE_ERROR else None


def _isolated(position: Position, usdc: Decimal) -> Position:
    return replace(position, mode="isolated", isolated_wallet=usdc)


def _subaccount(row: dict[str, Any], place: str) -> tuple[Decimal, list[Position]]:
    """(USDC with its sign, open positions) of one subaccount."""
    assets, held = row.get("assetPositions") or {}, row.get("openPerpetualPositions") or {}
    if not isinstance(assets, dict) or not isinstance(held, dict):
        raise BadInput("wrong_type", place, shown(row), "assetPositions and openPerpetualPositions by name")
    usdc = ZERO
    for name, asset in assets.items():
        here = join(join(place, "assetPositions"), name)
        needed_table(asset, here)
        if name != USDC:
            raise BadInput("unsupported_collateral", here, name, USDC)
        usdc = read_not_negative(asset.get("size"), join(here, "size")) * _sign(asset, here)
    return usdc, [
        _position(name, position, join(join(place, "openPerpetualPositions"), name)) for name, position in held.items()
    ]


def _sign(row: dict[str, Any], place: str) -> int:
    return _SIDES[one_of(row.get("side"), _SIDES, join(place, "side"))]


def _position(name: str, row: dict[str, Any], place: str) -> Position:
    needed_table(row, place)
    reported = {}
    if row.get("unrealizedPnl") is not None:
        reported["unrealized_pnl"] = read_decimal(row["unrealizedPnl"], join(place, "unrealizedPnl"))
    return Position(
        market=read_text(name, place),
        side="long" if _sign(row, place) > 0 else "short",
        quantity=abs(read_decimal(row.get("size"), join(place, "size"))),  # the indexer prints a short's size negative
        entry=read_positive(row.get("entryPrice"), join(place, "entryPrice")),
        reported=reported,
    )
