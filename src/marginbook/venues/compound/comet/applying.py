"""Events of an account through the contract's own steps."""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, LendingAction
from marginbook.domain.market import Index, Market
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.common.lending_events import applied
from marginbook.venues.compound.comet import actions
from marginbook.venues.compound.comet.absorption import absorb
from marginbook.venues.compound.comet.holdings import (
    PREFIX,
    RATE_TO_RAY,
    TO_RAY,
    TOTALS,
    Group,
    groups_of,
    pool_id,
    pool_of,
    whole_pool,
)
from marginbook.venues.compound.comet.interest import utilisation
from marginbook.venues.compound.comet.parameters import Parameters
from marginbook.venues.compound.comet.state import ALL, Pool, Revert
from marginbook.venues.compound.inputs import USER, VENUE, action_units

UNPRICED = ("supply", "repay")
"""Actions that the contract lets through without a look at the account."""


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account, and indices and totals of a Comet that is known whole, after `event`.

    A step that the contract would refuse is BadInput `refused` with the contract's error name. `borrow` and `repay` are
    of the base asset, `liquidation` absorbs the whole account. Deposits and withdrawals are supplies and withdrawals.
    """
    return applied(
        account,
        market,
        event,
        lambda action: _step(account, market, action, parameters, at),
        "an event of a Comet account",
    )


def _step(
    account: Account, market: Market, event: LendingAction, parameters: Parameters, at: int
) -> tuple[Account, Market]:
    place = f"account {account.id}.{event.kind}"
    comet = parameters.comet_of(account, event.pool.removeprefix(PREFIX) if event.pool else None, place)
    group = groups_of(account, parameters).get(pool_id(comet)) or Group(comet)
    config = comet.config
    if event.asset != config.base and (event.asset not in config.assets or event.kind in ("borrow", "repay")):
        raise BadInput("unknown_market", place, event.asset, f"an asset of {comet.name}; only {config.base} is lent")
    assets = (config.base, *config.assets)
    if event.kind in UNPRICED:
        before = pool_of(account, group, market, at, without_price=frozenset(assets))
    else:
        before = pool_of(account, group, market, at, more=(config.base,))
    whole = whole_pool(before, group, market)
    places = config.decimals if event.asset == config.base else config.assets[event.asset].decimals
    try:
        after = _acted(whole or before, event, places, place)
    except Revert as revert:
        raise BadInput("refused", place, revert.reason, "an action that the contract accepts") from None
    new = _account(account, market, group, before, after)
    return new, market if whole is None else _market(market, group, after)


def _acted(pool: Pool, event: LendingAction, places: int, place: str) -> Pool:
    base = event.asset == pool.config.base
    held = pool.user(USER).collateral.get(event.asset, 0)
    match event.kind:
        case "liquidation":
            return absorb(pool, USER)[0]
        case "supply" | "repay":
            amount = action_units(event, places, place, ALL)
            return actions.supply(pool, USER, event.asset, amount)
        case "withdraw" | "borrow":
            amount = action_units(event, places, place, ALL if base else held)
            return actions.withdraw(pool, USER, event.asset, amount)


def _account(account: Account, market: Market, group: Group, before: Pool, after: Pool) -> Account:
    """The account with the user's balances in this Comet."""
    name, config = group.comet.name, after.config
    old, user = before.user(USER), after.user(USER)
    supply = [c for c in account.collateral if c not in group.collateral]
    debt = [d for d in account.debt if d not in group.debt]
    for held in group.collateral:
        if held.asset == config.base:
            continue
        raw = user.collateral.get(held.asset, 0)
        if raw == old.collateral.get(held.asset, 0):
            supply.append(held)
        elif raw:
            supply.append(_with(held, raw, config.assets[held.asset].decimals))
    known = {held.asset for held in group.collateral}
    for asset, raw in user.collateral.items():
        if raw and asset not in known:
            supply.append(Collateral(asset=asset, amount=from_raw(raw, config.assets[asset].decimals), pool=name))
    base_supply = [c for c in group.collateral if c.asset == config.base]
    base_debt = [d for d in group.debt if d.asset == config.base]
    if user.principal > 0:
        template = base_supply[0] if base_supply else _new_supply(config.base, name, market)
        supply.append(_with(template, user.principal, config.decimals))
    elif user.principal < 0:
        owes = base_debt[0] if base_debt else _new_debt(config.base, name, market)
        if owes.amount is not None:
            debt.append(replace(owes, amount=from_raw(-user.principal, config.decimals)))
        else:
            debt.append(replace(owes, scaled_raw=-user.principal))
    return replace(account, collateral=tuple(supply), debt=tuple(debt))


def _with(held: Collateral, raw: int, decimals: int) -> Collateral:
    return replace(held, amount=from_raw(raw, decimals)) if held.amount is not None else replace(held, scaled_raw=raw)


def _new_supply(base: str, name: str, market: Market) -> Collateral:
    """Base is a principal where the market has the Comet's index, else a plain amount."""
    if (VENUE, name, "supply") in market.indices:
        return Collateral(asset=base, scaled_raw=0, pool=name)
    return Collateral(asset=base, amount=Decimal(0), pool=name)


def _new_debt(base: str, name: str, market: Market) -> Debt:
    if (VENUE, name, "borrow") in market.indices:
        return Debt(asset=base, scaled_raw=0, pool=name)
    return Debt(asset=base, amount=Decimal(0), pool=name)


def _market(market: Market, group: Group, after: Pool) -> Market:
    """Indices with the rates that now follow, and totals."""
    name, used = group.comet.name, utilisation(after)
    indices, state = dict(market.indices), dict(market.state)
    config = after.config
    curves = (("supply", after.supply_index, config.supply_curve), ("borrow", after.borrow_index, config.borrow_curve))
    for kind, index, curve in curves:
        rate = curve.rate(used) * RATE_TO_RAY if curve else 0
        indices[VENUE, name, kind] = Index(index * TO_RAY, rate, after.updated_at)
    totals = (after.cash or 0, after.supply_total, after.borrow_total)
    state |= {(VENUE, name, total): value for total, value in zip(TOTALS, totals, strict=True)}
    for asset, total in after.collateral_totals.items():
        key = (VENUE, f"{name}:{asset}", "total_raw")
        if key in state:
            state[key] = total
    return replace(market, indices=indices, state=state)
