"""Events of an account through the contracts' own steps."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import (
    Event,
    LendingAction,
    Setting,
)
from marginbook.domain.market import Index, Market
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.common.lending_events import applied
from marginbook.venues.compound.inputs import USER, VENUE, action_units
from marginbook.venues.compound.v2 import actions
from marginbook.venues.compound.v2.holdings import INTEREST_INDEX, POOL, TO_RAY, TOTALS, held_assets, pool_of
from marginbook.venues.compound.v2.liquidation import liquidate
from marginbook.venues.compound.v2.parameters import Parameters
from marginbook.venues.compound.v2.state import ALL, Pool, Revert, exchange_rate

UNPRICED = ("supply", "repay")
"""Actions that the contract lets through without a look at the account."""


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account, and indices and totals of the markets that are known whole, after `event`.

    A step that the contract would refuse is BadInput `refused` with the contract's error name. A withdrawal of infinity
    redeems every cToken. Deposits and withdrawals of an asset are supplies and withdrawals; `collateral_enabled` enters
    or leaves a market.
    """
    if isinstance(event, Setting) and event.kind == "collateral_enabled":
        return _set(account, market, event, parameters), market
    return applied(
        account,
        market,
        event,
        lambda action: _step(account, market, action, parameters),
        "an event of a lending account",
    )


def _step(account: Account, market: Market, event: LendingAction, parameters: Parameters) -> tuple[Account, Market]:
    place = f"account {account.id}.{event.kind}"
    if event.pool not in (None, POOL):
        raise BadInput("unknown_pool", place, event.pool, POOL)
    touched = (event.asset,) + ((event.collateral_asset,) if event.collateral_asset else ())
    unpriced = frozenset({*held_assets(account), *touched}) if event.kind in UNPRICED else frozenset()
    before = pool_of(account, market, parameters, touched, unpriced)
    amount = action_units(event, before.configs[event.asset].decimals, place, ALL)
    try:
        after = _acted(before, event, amount, place)
    except Revert as revert:
        raise BadInput("refused", place, revert.reason, "an action that the contract accepts") from None
    return _account(account, market, before, after), _market(market, before, after)


def _acted(pool: Pool, event: LendingAction, amount: int, place: str) -> Pool:
    match event.kind:
        case "supply":
            return actions.mint(pool, USER, event.asset, amount)
        case "withdraw" if amount == ALL:
            return actions.redeem(pool, USER, event.asset, pool.user(USER).position(event.asset).tokens)
        case "withdraw":
            return actions.redeem_underlying(pool, USER, event.asset, amount)
        case "borrow":
            return actions.borrow(pool, USER, event.asset, amount)
        case "repay":
            return actions.repay(pool, USER, event.asset, amount)
        case "liquidation":
            if event.collateral_asset is None:
                raise BadInput("missing_value", f"{place}.collateral_asset", "nothing", "the seized asset")
            return liquidate(pool, USER, event.collateral_asset, event.asset, amount)[0]


def _set(account: Account, market: Market, event: Setting, parameters: Parameters) -> Account:
    place = f"account {account.id}.{event.kind}"
    if event.value not in ("true", "false") or event.market is None:
        raise BadInput("bad_value", place, event.value, "true or false, for an asset")
    before = pool_of(account, market, parameters, (event.market,))
    act = actions.enter if event.value == "true" else actions.leave
    try:
        after = act(before, USER, event.market)
    except Revert as revert:
        raise BadInput("refused", place, revert.reason, "an action that the contract accepts") from None
    return _account(account, market, before, after)


def _account(account: Account, market: Market, before: Pool, after: Pool) -> Account:
    """The account with the user's balances and entered markets: one with nothing in it stays among the supplies."""
    old, user = before.user(USER), after.user(USER)
    supply = {c.asset: c for c in account.collateral}
    debt = {d.asset: d for d in account.debt}
    for asset in after.configs:
        position, was, decimals = user.position(asset), old.position(asset), after.configs[asset].decimals
        entered = asset in user.entered
        if position.tokens != was.tokens or entered != (asset in old.entered):
            held = supply.pop(asset, None) or _new_supply(asset, market.indices)
            held = replace(held, enabled=entered)
            if (position.tokens or entered) and held.amount is not None:
                supply[asset] = replace(held, amount=from_raw(position.tokens, decimals))
            elif position.tokens or entered:
                supply[asset] = replace(held, scaled_raw=position.tokens)
        if (position.principal, position.index) != (was.principal, was.index):
            owes = debt.pop(asset, None) or _new_debt(asset, market.indices)
            if position.principal and owes.amount is not None:
                debt[asset] = replace(owes, amount=from_raw(position.principal, decimals))
            elif position.principal:
                details = {**owes.details, INTEREST_INDEX: str(position.index)}
                debt[asset] = replace(owes, scaled_raw=position.principal, details=details)
    return replace(account, collateral=tuple(supply.values()), debt=tuple(debt.values()))


def _new_supply(asset: str, indices: Mapping[tuple[str, str, str], Index]) -> Collateral:
    """A supply is in cTokens where the market has the exchange rate, else a plain amount."""
    if (VENUE, asset, "supply") in indices:
        return Collateral(asset=asset, scaled_raw=0)
    return Collateral(asset=asset, amount=Decimal(0))


def _new_debt(asset: str, indices: Mapping[tuple[str, str, str], Index]) -> Debt:
    if (VENUE, asset, "borrow") in indices:
        return Debt(asset=asset, scaled_raw=0)
    return Debt(asset=asset, amount=Decimal(0))


def _market(market: Market, before: Pool, after: Pool) -> Market:
    """Indices and totals of the whole markets that the step touched."""
    indices, state = dict(market.indices), dict(market.state)
    for asset, m in after.markets.items():
        if m.cash is None or m == before.markets[asset]:
            continue
        for kind, raw in (("supply", exchange_rate(after.configs[asset], m)), ("borrow", m.index)):
            key = (VENUE, asset, kind)
            indices[key] = replace(indices[key], value_raw=raw * TO_RAY)
        values = (m.cash, m.borrows, m.reserves, m.supply, m.block)
        state |= {(VENUE, asset, name): value for name, value in zip(TOTALS, values, strict=True)}
    return market if state == market.state else replace(market, indices=indices, state=state)
