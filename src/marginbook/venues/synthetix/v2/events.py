"""Perps v2: what fills, transfers and funding do.

Every fill brings the margin to the fill price (profit, funding, less the fee) and sets the last price to it. What is
left of a closed position stays in its market until withdrawn; here it goes to the wallet. Money moves between wallet
and a position's margin as a transfer from or to its pool, up to what is accessible.
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Event, Fill, IndexUpdate, PriceFrame, Transfer
from marginbook.domain.market import Index, Market
from marginbook.exact import ZERO, format_decimal, from_raw, in_exact_context, to_raw_floor
from marginbook.venues.synthetix.funding import funding_value
from marginbook.venues.synthetix.v2.parameters import Parameters
from marginbook.venues.synthetix.v2.risk import USD, figures, figures_at, holding_of, holdings, pool_of
from marginbook.venues.synthetix.wad import DECIMALS, wad


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account and market after `event`; BadInput where the venue refuses it."""
    match event:
        case Fill():
            return _fill(account, market, event, parameters, at), market
        case Transfer():
            return _transfer(account, market, event, parameters, at), market
        case AccountSnapshot():
            return event.account, market
        case IndexUpdate() if event.kind == "funding":
            index = Index(to_raw_floor(event.value, DECIMALS))
            return account, replace(market, indices={**market.indices, (event.venue, event.asset, "funding"): index})
        case PriceFrame():
            return account, market.with_prices(event.prices)
    raise BadInput("unsupported_event", f"account {account.id}", type(event).__name__, "a fill or a transfer")


def _fill(account: Account, market: Market, event: Fill, parameters: Parameters, at: int) -> Account:
    place = f"account {account.id}.fill {event.market}"
    if event.quantity <= 0 or event.price <= 0:
        raise BadInput("bad_fill", place, f"{event.quantity} at {event.price}", "a quantity and a price above 0")
    if event.position_side is not None:
        raise BadInput("unsupported_mode", place, event.position_side, "one-way")
    terms, price = parameters.terms_of(event.market), wad(event.price, f"{place}.price")
    funding = funding_value(market, event.market, terms.skew_scale, terms.max_funding_velocity, price, at)
    held = next((h for h in holdings(account, parameters) if h.market == event.market), None)
    change = wad(event.quantity, f"{place}.quantity") * (1 if event.side == "buy" else -1)
    if held is None:
        margin = wad(account.wallet.get(USD, ZERO), f"account {account.id}.wallet.{USD}")
        account = replace(account, wallet={**account.wallet, USD: ZERO})
    else:
        margin = figures_at(held, price, funding, parameters.system).margin
    others = tuple(position for position in account.positions if position.market != event.market)
    if event.kind == "liquidation":
        return replace(account, positions=others)
    margin -= wad(event.fee, f"{place}.fee")
    if margin < 0:
        raise BadInput("insufficient_margin", place, event.quantity, "a margin of at least 0 after the fill")
    size = (held.size if held else 0) + change
    if not size:
        left = account.wallet.get(USD, ZERO) + from_raw(margin, DECIMALS)
        return replace(account, positions=others, wallet={**account.wallet, USD: left})
    fresh = Position(
        market=event.market,
        side="long" if size > 0 else "short",
        quantity=from_raw(abs(size), DECIMALS),
        entry=event.price,
        mode="isolated",
        isolated_wallet=from_raw(margin, DECIMALS),
        funding_index_raw=-funding,
    )
    return replace(account, positions=(*others, fresh))


def _transfer(account: Account, market: Market, event: Transfer, parameters: Parameters, at: int) -> Account:
    place = f"account {account.id}.transfer"
    if event.asset != USD:
        raise BadInput("unknown_asset", place, event.asset, USD)
    if event.to_pool is None:
        return _moved(account, market, event.pool, event.amount, parameters, at)
    if event.amount < 0:
        raise BadInput("bad_transfer", place, event.amount, "an amount of at least 0")
    account = _moved(account, market, event.pool, -event.amount, parameters, at)
    return _moved(account, market, event.to_pool, event.amount, parameters, at)


def _moved(
    account: Account, market: Market, pool: str | None, amount: Decimal, parameters: Parameters, at: int
) -> Account:
    place = f"account {account.id}.transfer"
    if pool is None or pool in ("cross", f"cross:{USD}"):
        balance = account.wallet.get(USD, ZERO) + amount
        if balance < 0:
            raise BadInput("insufficient_balance", place, amount, f"at least -{account.wallet.get(USD, ZERO)}")
        return replace(account, wallet={**account.wallet, USD: balance})
    held = holding_of(account, pool, parameters)
    if held.flagged:
        raise BadInput("position_flagged", place, amount, "a position that is not flagged")
    if amount < 0:
        found = figures(held, market, parameters, at)
        free = from_raw(max(0, found.margin - found.inaccessible), DECIMALS)
        if -amount > free:
            raise BadInput("insufficient_margin", place, amount, f"at most {format_decimal(free)} {USD}")
    positions = tuple(
        replace(position, isolated_wallet=(position.isolated_wallet or ZERO) + amount)
        if pool_of(position) == pool
        else position
        for position in account.positions
    )
    return replace(account, positions=positions)
