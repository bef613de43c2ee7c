"""Events of an account through the contracts' own steps."""

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
from marginbook.exact import RAY, in_exact_context, to_raw_exact
from marginbook.units import seconds
from marginbook.venues.aave_v3.holdings import (
    TOTALS,
    USER,
    accrued_index,
    amount_of,
    emode_of,
    in_range,
    pool_of,
    price_keys,
    price_raw,
    with_source_price,
)
from marginbook.venues.aave_v3.liquidation import liquidate
from marginbook.venues.aave_v3.parameters import Parameters
from marginbook.venues.aave_v3.state import ALL, Pool, Reserve, Revert, price_key
from marginbook.venues.aave_v3.steps import act
from marginbook.venues.aave_v3.versions import Version
from marginbook.venues.common.lending_events import applied

TRANSFERS = {"deposit": "supply", "withdrawal": "withdraw"}
NEEDS_NO_PRICE = ("supply", "repay")
TAKES_ALL = ("withdraw", "repay", "liquidation")
"""Kinds for which an infinite amount means all of it."""


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account, and the reserve's indices and totals where the market knows them, after `event`.

    A step that the contract would refuse is BadInput `refused` with the contract's error name. Deposits and
    withdrawals of an asset are supplies and withdrawals.
    """
    if isinstance(event, Setting) and event.kind in ("collateral_enabled", "emode"):
        return _set(account, market, event, parameters, at), market
    return applied(
        account,
        market,
        event,
        lambda action: _step(account, market, action, parameters, at),
        "an event of a lending account",
    )


def _step(
    account: Account, market: Market, event: LendingAction, parameters: Parameters, at: int
) -> tuple[Account, Market]:
    place = f"account {account.id}.{event.kind}"
    pool, whole = _pool(account, market, event, parameters, at)
    amount = _raw_amount(event, parameters, place)
    try:
        if event.kind != "liquidation":
            after = act(pool, event.kind, USER, event.asset, amount)
        elif event.collateral_asset is None:
            raise BadInput("missing_value", f"{place}.collateral_asset", "nothing", "the seized asset")
        else:
            pool = with_source_price(pool, market, place)
            after = _liquidate(pool, event.collateral_asset, event.asset, amount)
    except Revert as revert:
        raise BadInput("refused", place, revert.reason, "an action that the contract accepts") from None
    return _account(account, market, pool, after), _market(market, after, whole)


def _liquidate(pool: Pool, collateral: str, debt: str, repaid: int) -> Pool:
    """A call that repaid so much; where it took all collateral, more may have been offered than was taken."""
    try:
        return liquidate(pool, USER, collateral, debt, repaid)[0]
    except Revert as revert:
        if revert.reason != "MustNotLeaveDust":
            raise
        after, call = liquidate(pool, USER, collateral, debt, ALL)
        if call.repaid != repaid:
            raise
        return after


def _raw_amount(event: LendingAction, parameters: Parameters, place: str) -> int:
    if event.amount == Decimal("Infinity") and event.kind in TAKES_ALL:
        return ALL
    if not (event.amount.is_finite() and event.amount >= 0):
        raise BadInput("bad_value", place, event.amount, "an amount that is not negative")
    config = parameters.asset(event.asset, place)
    try:
        raw = to_raw_exact(event.amount, config.decimals)
    except ValueError:
        raise BadInput("too_many_decimals", place, event.amount, f"at most {config.decimals} decimals") from None
    return in_range(raw, place)


def _pool(
    account: Account, market: Market, event: LendingAction, parameters: Parameters, at: int
) -> tuple[Pool, frozenset[str]]:
    """The account's pool with the event's assets in it, and which reserves are whole: indices and totals known."""
    harmless = event.kind in NEEDS_NO_PRICE
    unpriced = frozenset(price_keys(account, parameters).values())
    pool = pool_of(account, market, parameters, at, unpriced if harmless else frozenset())
    emode = emode_of(account, parameters)
    for asset in (event.asset, event.collateral_asset):
        if asset is None:
            continue
        key = price_key(asset, emode)
        price = 0 if harmless else price_raw(market, pool.version, key, f"account {account.id}")
        pool = replace(pool, prices={**pool.prices, key: price})
        if asset not in pool.configs:
            config = parameters.asset(asset, f"account {account.id}.{event.kind}")
            pool = replace(pool, configs={**pool.configs, asset: config})
            pool = pool.with_reserve(asset, _new_reserve(asset, market, parameters, at))
    whole = set()
    for asset in {event.asset, event.collateral_asset} - {None}:
        assert asset is not None
        reserve = _whole_reserve(account, asset, market, parameters, at)
        if reserve is not None:
            pool = pool.with_reserve(asset, reserve)
            whole.add(asset)
    return pool, frozenset(whole)


def _new_reserve(asset: str, market: Market, parameters: Parameters, at: int) -> Reserve:
    """A reserve that the account has not touched yet, at the market's indices if it has them."""
    found = [market.indices.get((parameters.version.venue, asset, kind)) for kind in ("supply", "borrow")]
    supply, borrow = (
        accrued_index(index, kind, parameters.version, at) if index else RAY
        for index, kind in zip(found, ("supply", "borrow"), strict=True)
    )
    return Reserve(liquidity_index=supply, borrow_index=borrow, updated_at=seconds(at), cash=None)


def _whole_reserve(account: Account, asset: str, market: Market, parameters: Parameters, at: int) -> Reserve | None:
    """The stored reserve, if the market knows indices and totals and the account's balances are scaled by them."""
    venue = parameters.version.venue
    indices = [market.indices.get((venue, asset, kind)) for kind in ("supply", "borrow")]
    totals = [market.state.get((venue, asset, name)) for name in TOTALS]
    own = [(c.scaled_raw, c.index_raw) for c in account.collateral if c.asset == asset]
    own += [(d.scaled_raw, d.index_raw) for d in account.debt if d.asset == asset]
    plain = any(scaled is None or index is not None for scaled, index in own)
    supply, borrow = indices
    if supply is None or borrow is None or supply.time != borrow.time or None in totals or plain:
        return None
    cash, scaled_supply, scaled_debt, treasury, deficit = (int(total or 0) for total in totals)
    return Reserve(
        liquidity_index=supply.value_raw,
        borrow_index=borrow.value_raw,
        liquidity_rate=supply.rate_raw,
        borrow_rate=borrow.rate_raw,
        updated_at=min(supply.time, seconds(at)),
        scaled_supply=scaled_supply,
        scaled_debt=scaled_debt,
        cash=cash,
        accrued_to_treasury=treasury,
        deficit=deficit,
    )


def _account(account: Account, market: Market, before: Pool, after: Pool) -> Account:
    """The account with the balances and flags of the user."""
    old, user = before.user(USER), after.user(USER)
    supply = {c.asset: c for c in account.collateral}
    debt = {d.asset: d for d in account.debt}
    for asset, position in user.positions.items():
        was = old.position(asset)
        config = after.configs[asset]
        if position.scaled_supply != was.scaled_supply or position.collateral != was.collateral:
            held = supply.pop(asset, None) or _new_collateral(asset, market, after.version)
            enabled = (
                position.collateral if position.collateral != was.collateral or not was.scaled_supply else held.enabled
            )
            if position.scaled_supply and held.amount is not None:
                amount = amount_of(position.scaled_supply, config)
                supply[asset] = replace(held, amount=amount, enabled=enabled)
            elif position.scaled_supply:
                supply[asset] = replace(held, scaled_raw=position.scaled_supply, enabled=enabled)
        if position.scaled_debt != was.scaled_debt:
            owes = debt.pop(asset, None) or _new_debt(asset, market, after.version)
            if position.scaled_debt and owes.amount is not None:
                debt[asset] = replace(owes, amount=amount_of(position.scaled_debt, config))
            elif position.scaled_debt:
                debt[asset] = replace(owes, scaled_raw=position.scaled_debt)
    return replace(account, collateral=tuple(supply.values()), debt=tuple(debt.values()), emode=user.emode)


def _new_collateral(asset: str, market: Market, version: Version) -> Collateral:
    """A balance is scaled where the market has the index, else a plain amount."""
    if (version.venue, asset, "supply") in market.indices:
        return Collateral(asset=asset, scaled_raw=0)
    return Collateral(asset=asset, amount=Decimal(0))


def _new_debt(asset: str, market: Market, version: Version) -> Debt:
    if (version.venue, asset, "borrow") in market.indices:
        return Debt(asset=asset, scaled_raw=0)
    return Debt(asset=asset, amount=Decimal(0))


def _market(market: Market, after: Pool, whole: frozenset[str]) -> Market:
    if not whole:
        return market
    indices, state, venue = dict(market.indices), dict(market.state), after.version.venue
    for asset in whole:
        r = after.reserves[asset]
        indices[venue, asset, "supply"] = Index(r.liquidity_index, r.liquidity_rate, r.updated_at)
        indices[venue, asset, "borrow"] = Index(r.borrow_index, r.borrow_rate, r.updated_at)
        values = (r.cash or 0, r.scaled_supply, r.scaled_debt, r.accrued_to_treasury, r.deficit)
        state |= {(venue, asset, name): value for name, value in zip(TOTALS, values, strict=True)}
    return replace(market, indices=indices, state=state)


def _set(account: Account, market: Market, event: Setting, parameters: Parameters, at: int) -> Account:
    place = f"account {account.id}.{event.kind}"
    pool = pool_of(account, market, parameters, at)
    try:
        if event.kind == "emode":
            if not event.value.isdecimal():
                raise BadInput("bad_value", place, event.value, "a category number")
            after = act(pool, "emode", USER, "", int(event.value))
        else:
            if event.value not in ("true", "false"):
                raise BadInput("bad_value", place, event.value, "true or false")
            if event.market is None or event.market not in pool.configs:
                raise BadInput("unknown_market", place, event.market, "an asset that the account supplies")
            after = act(pool, "collateral", USER, event.market, event.value == "true")
    except Revert as revert:
        raise BadInput("refused", place, revert.reason, "an action that the contract accepts") from None
    return _account(account, market, pool, after)
