"""What happens to an account: as for contracts, with the venue's own margin of isolated positions."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.events import Event, Fill
from marginbook.domain.market import Market
from marginbook.exact import (
    ZERO,
    from_raw,
    in_exact_context,
)
from marginbook.venues.bitmex.margins import margins
from marginbook.venues.bitmex.parameters import Bitmex
from marginbook.venues.contracts.events import apply as apply_to_contracts
from marginbook.venues.contracts.model import Holding, is_isolated


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Any, at: int) -> tuple[Account, Market]:
    """As for all contracts, but an isolated position that opens or grows sets posInit + posComm aside."""
    after, moved = apply_to_contracts(account, market, event, parameters, at)
    if not isinstance(event, Fill):
        return after, moved
    new = next((p for p in after.positions if p.market == event.market), None)
    old = next((p for p in account.positions if p.market == event.market), None)
    if new is None or new.isolated_wallet is None or not is_isolated(after, new):
        return after, moved
    owned = _posted(after, new, market, parameters)
    if old is not None and old.side == new.side:
        if old.quantity >= new.quantity:
            return after, moved
        owned += (old.isolated_wallet or ZERO) - _posted(account, old, market, parameters)
    currency = parameters.currency_of(event.market)
    wallet = {**after.wallet, currency: after.wallet.get(currency, ZERO) + new.isolated_wallet - owned}
    positions = tuple(replace(p, isolated_wallet=owned) if p is new else p for p in after.positions)
    return replace(after, wallet=wallet, positions=positions), moved


def _posted(account: Account, position: Position, market: Market, parameters: Bitmex) -> Decimal:
    """posInit + posComm of a position that nothing was added to."""
    found = margins(Holding(position, parameters.terms_of(position.market)), account, market, parameters)
    return from_raw(found.posted, parameters.decimals)
