"""Events of an account through the contracts' own calls.

Amounts of DAI become normalized debt as in the vault manager's proxies (makerdao/dss-proxy-actions, `_getDrawDart` and
`_getWipeDart`): a draw is rounded up, a repayment down, an infinite one is all of it. The rate is the one that all
answers use: after a drip where the fee is known, else as stored. (On chain a draw always drips first, a repayment never
does.) A liquidation of DAI states the debt that a bark took out of the vault (infinite: what a bark would take now);
the collateral follows from it.
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, LendingAction
from marginbook.domain.market import Index, Market
from marginbook.exact import RAY, div_ceil, from_raw, in_exact_context, mul_div_floor
from marginbook.units import seconds
from marginbook.venues.common.amounts import raw_amount
from marginbook.venues.common.lending_events import applied
from marginbook.venues.maker.holdings import (
    DEBT,
    TOTAL_ART,
    VENUE,
    WAD_DECIMALS,
    Vault,
    only_pool,
    price_raw,
    prices_of,
    vault_named,
)
from marginbook.venues.maker.parameters import Parameters
from marginbook.venues.maker.planning import liquidation
from marginbook.venues.maker.vat import Revert, Urn, drawn, frob, grabbed, is_unsafe, spot_of, wiped

ALL = Decimal("Infinity")


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account after `event`, and the rate after the drip that it caused; BadInput `refused` with the reason."""
    return applied(
        account, market, event, lambda action: _step(account, market, action, parameters, at), "an event of a vault"
    )


def _step(
    account: Account, market: Market, event: LendingAction, parameters: Parameters, at: int
) -> tuple[Account, Market]:
    place = f"account {account.id}.{event.kind}"
    v = vault_named(account, event.pool or only_pool(account, place), market, parameters, at)
    asset = v.ilk.collateral if event.kind in ("supply", "withdraw") else DEBT
    if event.asset != asset:
        raise BadInput("unknown_asset", place, event.asset, asset)
    if event.kind == "borrow" and v.debt is None:
        scaled = (VENUE, v.ilk.name, "borrow") in market.indices
        empty = Debt(asset=DEBT, pool=v.name, **({"scaled_raw": 0} if scaled else {"amount": Decimal(0)}))
        v = replace(v, debt=empty)
    try:
        urn = _done(v, event, market, parameters, at, place)
    except Revert as revert:
        raise BadInput("refused", place, revert.reason, "a call that the contracts accept") from None
    return _account(account, v, urn), _dripped(market, v, urn.art - v.urn.art, at)


def _done(v: Vault, event: LendingAction, market: Market, parameters: Parameters, at: int, place: str) -> Urn:
    """The vault after the call that the event stands for."""
    urn, rate, kind = v.urn, v.rate, event.kind
    everything = event.amount == ALL and kind in ("withdraw", "repay", "liquidation")
    amount = 0 if everything else raw_amount(event.amount, WAD_DECIMALS, place)
    if kind == "liquidation":
        return _liquidated(v, None if everything else amount, market, parameters, at)
    dink = {"supply": amount, "withdraw": -(urn.ink if everything else amount)}.get(kind, 0)
    dart = drawn(amount, rate) if kind == "borrow" else 0
    if kind == "repay":
        dart = -(urn.art if everything else wiped(amount, rate, urn.art))
    risky = dart > 0 or (dink < 0 and urn.art > 0)
    spot = spot_of(price_raw(market, v.ilk.collateral), parameters.par, v.ilk.mat) if risky else 0
    total = market.state.get((VENUE, v.ilk.name, TOTAL_ART))
    return frob(urn, v.ilk, rate, spot, dink, dart, None if total is None else int(total))


def _liquidated(v: Vault, amount: int | None, market: Market, parameters: Parameters, at: int) -> Urn:
    if amount is None:
        found = liquidation(v, market, parameters, at)[0]
        return grabbed(v.urn, found.dink, found.dart)
    if not is_unsafe(v.urn, v.rate, prices_of(v, market, parameters)[1]):
        raise Revert("Dog/not-unsafe")
    dart = min(div_ceil(amount * RAY, v.rate), v.urn.art)
    return grabbed(v.urn, mul_div_floor(v.urn.ink, dart, v.urn.art), dart)


def _account(account: Account, v: Vault, urn: Urn) -> Account:
    """The account with the vault's balances; what is empty goes."""
    collateral = [c for c in account.collateral if c.pool != v.name]
    debt = [d for d in account.debt if d.pool != v.name]
    if urn.ink:
        held = v.collateral or Collateral(asset=v.ilk.collateral, amount=Decimal(0), pool=v.name)
        if held.amount is None:
            collateral.append(replace(held, scaled_raw=urn.ink))
        else:
            collateral.append(replace(held, amount=from_raw(urn.ink, WAD_DECIMALS)))
    if urn.art and v.debt is not None:
        if v.debt.amount is None:
            debt.append(replace(v.debt, scaled_raw=urn.art))
        else:
            debt.append(replace(v.debt, amount=from_raw(urn.art, WAD_DECIMALS)))
    return replace(account, collateral=tuple(collateral), debt=tuple(debt))


def _dripped(market: Market, v: Vault, dart: int, at: int) -> Market:
    """The market with the vault type's rate as of now and its total debt, where it has them."""
    key, total = (VENUE, v.ilk.name, "borrow"), (VENUE, v.ilk.name, TOTAL_ART)
    index = market.indices.get(key)
    if dart and total in market.state:
        market = replace(market, state={**market.state, total: int(market.state[total]) + dart})
    if index is None or not index.rate_raw or v.debt is None or v.debt.amount is not None or v.debt.index_raw:
        return market
    stored = Index(v.rate, index.rate_raw, max(seconds(at), index.time))
    return replace(market, indices={**market.indices, key: stored})
