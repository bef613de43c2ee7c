"""Events of an account through the vault's own calls.

Supply and withdrawal of a collateral are in tokens; where it is stated in shares, they become shares as its vault does
it (deposits down, withdrawals up), and its totals move. Borrowing and withdrawing end in the status check,
whose time is kept where the vault has a cool-off. A liquidation states what was repaid, and the collateral that was
taken (the only one by default).
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, LendingAction
from marginbook.domain.market import Index, Market
from marginbook.exact import from_raw, in_exact_context, mul_div_ceil, mul_div_floor
from marginbook.venues.common.amounts import raw_amount
from marginbook.venues.common.lending_events import applied
from marginbook.venues.euler.holdings import (
    AMOUNT_BITS,
    ASSETS,
    CASH,
    LAST_CHECK,
    SHARES,
    VENUE,
    Holding,
    holding_named,
    loan_of,
    only_pool,
    quotes_of,
)
from marginbook.venues.euler.math import VIRTUAL_AMOUNT
from marginbook.venues.euler.parameters import Parameters
from marginbook.venues.euler.vault import (
    Loan,
    Revert,
    borrowed,
    check_redeemed,
    check_supply,
    liquidated,
    repaid,
    supplied,
    withdrawn,
)

ALL = Decimal("Infinity")


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account, and what the event moved in the vaults; BadInput `refused` with the contracts' error name."""
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
    h = holding_named(account, event.pool or only_pool(account, place), parameters)
    h = _with_empty(h, market, event, place)
    owes = h.debt is not None and bool(h.debt.amount or h.debt.scaled_raw)
    priced = event.kind in ("borrow", "liquidation") or (event.kind == "withdraw" and owes)
    loan = loan_of(account, h, market, at, quotes_of(h, market) if priced else {})
    try:
        if event.kind in ("supply", "withdraw"):
            after, market = _collateral_moved(h, loan, market, event, place)
        else:
            after = _debt_moved(h, loan, event, place)
            market = _market(market, h, after)
    except Revert as revert:
        raise BadInput("refused", place, revert.reason, "a call that the contracts accept") from None
    return _account(account, h, after), market


def _with_empty(h: Holding, market: Market, event: LendingAction, place: str) -> Holding:
    """The holding with what the event is about, empty where the account has none of it yet."""
    known = h.terms.collaterals if event.kind in ("supply", "withdraw") else {h.terms.asset: None}
    if event.asset not in known:
        raise BadInput("unknown_asset", place, event.asset, "one of " + ", ".join(known))
    if event.kind == "supply" and event.asset not in {c.asset for c in h.collateral}:
        in_shares = (VENUE, event.asset, SHARES) in market.state
        zero = Collateral(
            asset=event.asset,
            pool=h.name,
            amount=None if in_shares else Decimal(0),
            scaled_raw=0 if in_shares else None,
        )
        return replace(h, collateral=(*h.collateral, zero))
    if event.kind == "borrow" and h.debt is None:
        index = market.indices.get((VENUE, h.vault, "borrow"))
        if index is None:
            return replace(h, debt=Debt(asset=h.terms.asset, amount=Decimal(0), pool=h.name))
        return replace(h, debt=Debt(asset=h.terms.asset, scaled_raw=0, index_raw=index.value_raw, pool=h.name))
    return h


def _collateral_moved(h: Holding, loan: Loan, market: Market, event: LendingAction, place: str) -> tuple[Loan, Market]:
    name, supplies = event.asset, event.kind == "supply"
    if event.amount == ALL and not supplies:
        balance = loan.balances.get(name, 0)
        units = loan.units(name)
    else:
        units = balance = raw_amount(event.amount, h.terms.collaterals[name].decimals, place, AMOUNT_BITS)
    sign = 1 if supplies else -1
    if name in loan.totals:
        assets, shares = loan.totals[name]
        if event.amount != ALL:
            rounded = mul_div_floor if supplies else mul_div_ceil
            balance = rounded(units, shares + VIRTUAL_AMOUNT, assets + VIRTUAL_AMOUNT)
        (check_supply if supplies else check_redeemed)(units, balance)
        totals = (assets + sign * units, shares + sign * balance)
        loan = replace(loan, totals={**loan.totals, name: totals})
        keys = ((VENUE, name, ASSETS), (VENUE, name, SHARES))
        market = replace(market, state={**market.state, **dict(zip(keys, totals, strict=True))})
    if name not in loan.balances:  # held, but not enabled: nothing of the loan depends on it
        raise Revert("E_CollateralDisabled")
    return (supplied if supplies else withdrawn)(loan, name, balance), market


def _debt_moved(h: Holding, loan: Loan, event: LendingAction, place: str) -> Loan:
    amount = None if event.amount == ALL else raw_amount(event.amount, h.terms.decimals, place, AMOUNT_BITS)
    if event.kind == "repay":
        return repaid(loan, loan.debt if amount is None else amount)
    if event.kind == "borrow":
        if amount is None:
            raise BadInput("bad_value", place, event.amount, "an amount")
        return borrowed(loan, amount)
    name = event.collateral_asset
    if name is None:
        held = [known for known, balance in loan.balances.items() if balance]
        if len(held) != 1:
            raise BadInput("missing_value", f"{place}.collateral_asset", "nothing", "one of " + ", ".join(held))
        name = held[0]
    if not loan.is_liquidatable:
        raise Revert("account is healthy")
    return liquidated(loan, name, amount)[0]


def _account(account: Account, h: Holding, loan: Loan) -> Account:
    """The account with the loan's balances; what is empty goes."""
    collateral = [c for c in account.collateral if c.pool != h.name]
    for c in h.collateral:
        balance = loan.balances.get(c.asset)
        if balance is None:
            collateral.append(c)
        elif balance and c.amount is None:
            collateral.append(replace(c, scaled_raw=balance))
        elif balance:
            collateral.append(replace(c, amount=from_raw(balance, h.terms.collaterals[c.asset].decimals)))
    debt = [d for d in account.debt if d.pool != h.name]
    if loan.owed and h.debt is not None:
        details = dict(h.debt.details)
        if loan.last_check is not None and loan.terms.cool_off:
            details[LAST_CHECK] = str(loan.last_check)
        if h.debt.amount is None:
            new = replace(h.debt, scaled_raw=loan.owed, index_raw=loan.user_accumulator, details=details)
        else:
            new = replace(h.debt, amount=from_raw(loan.debt, h.terms.decimals), details=details)
        debt.append(new)
    return replace(account, collateral=tuple(collateral), debt=tuple(debt))


def _market(market: Market, h: Holding, loan: Loan) -> Market:
    """The market with the vault's accumulator stored as of now, and its cash, where it has them."""
    cash = (VENUE, h.vault, CASH)
    if loan.cash is not None and cash in market.state:
        market = replace(market, state={**market.state, cash: loan.cash})
    key = (VENUE, h.vault, "borrow")
    index = market.indices.get(key)
    if index is None or h.debt is None or h.debt.amount is not None:
        return market
    stored = Index(loan.accumulator, index.rate_raw, max(loan.time, index.time))
    return replace(market, indices={**market.indices, key: stored})
