"""What happens to a Deribit account: as for contracts, but an option's premium is paid and received at once.

Equity counts an option at its whole value, so the wallet moves by −side · quantity · price with every fill of one.
"""

from dataclasses import replace
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.events import Event, Fill
from marginbook.domain.market import Market
from marginbook.exact import ZERO, in_exact_context
from marginbook.venues.deribit.instruments import instrument
from marginbook.venues.statements.positions import apply as apply_to_positions


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Any, at: int) -> tuple[Account, Market]:
    """The account after `event`; isolated margin is refused."""
    after, moved = apply_to_positions(account, market, event, parameters, at)
    if not isinstance(event, Fill) or not instrument(event.market).is_option:
        return after, moved
    currency = instrument(event.market).currency
    value = event.quantity * event.price
    paid = (value if event.side == "buy" else -value) + event.fee
    wallet = {**account.wallet, currency: account.wallet.get(currency, ZERO) - paid}
    return replace(after, wallet=wallet), moved
