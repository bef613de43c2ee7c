"""Events of an account through the contract's own calls.

In a market (`pool` of the event; the account's only one by default), supply and withdraw of the collateral asset are
collateral, of the loan asset lending. A repayment of Infinity is by shares: all of them. A liquidation with the loan
asset states what was repaid (its shares are taken as ⌊amount as shares⌋; where the collateral does not pay for those,
all of it was taken), one with the collateral asset and no other states what was seized, exactly.
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, LendingAction
from marginbook.domain.market import Index, Market
from marginbook.exact import RAY, from_raw, in_exact_context
from marginbook.venues.common.amounts import raw_amount
from marginbook.venues.common.lending_events import applied
from marginbook.venues.morpho import market as steps
from marginbook.venues.morpho.holdings import (
    BORROW_TOTALS,
    SUPPLY_TOTALS,
    USER,
    VENUE,
    Holding,
    isolated_of,
    knows_totals,
    only_pool,
    price_raw,
)
from marginbook.venues.morpho.market import Isolated, Position, Revert
from marginbook.venues.morpho.math import to_assets_down, to_assets_up, to_shares_down
from marginbook.venues.morpho.parameters import Parameters

ALL = Decimal("Infinity")


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account, and the market's totals where they are known; BadInput `refused` with the contract's own text."""
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
    h = _holding(account, market, event, parameters, place)
    priced = event.kind in ("borrow", "liquidation") or (event.kind == "withdraw" and event.asset == h.terms.collateral)
    needs = priced and (h.debt is not None or event.kind == "borrow")
    m = isolated_of(account, h, market, at, price_raw(market, h.name, h.terms) if needs else 0)
    try:
        after = _done(m, h, event, place)
    except Revert as revert:
        raise BadInput("refused", place, revert.reason, "a call that the contract accepts") from None
    return _account(account, h, after), _market(market, h, after)


def _holding(account: Account, market: Market, event: LendingAction, parameters: Parameters, place: str) -> Holding:
    """The account's holding in the event's market, with empty sides in shares where the market has totals."""
    name = event.pool or only_pool(account, place)
    terms = parameters.terms(name, f"{place}.pool")
    held = {c.asset: c for c in account.collateral if c.pool == name}
    debt = next((d for d in account.debt if d.pool == name), None)
    supply = held.get(terms.loan)
    other = debt or supply
    in_shares = knows_totals(market, name) if other is None else other.amount is None
    zero = {"scaled_raw": 0} if in_shares else {"amount": Decimal(0)}
    if event.asset == terms.loan and event.kind == "borrow" and debt is None:
        debt = Debt(asset=terms.loan, pool=name, **zero)
    if event.asset == terms.loan and event.kind == "supply" and supply is None:
        supply = Collateral(asset=terms.loan, pool=name, **zero)
    return Holding(name=name, terms=terms, collateral=held.get(terms.collateral), supply=supply, debt=debt)


def _done(m: Isolated, h: Holding, event: LendingAction, place: str) -> Isolated:
    """The market after the call that the event stands for."""
    terms, kind = h.terms, event.kind
    is_loan = event.asset == terms.loan
    if event.asset not in (terms.loan, terms.collateral) or (kind in ("borrow", "repay") and not is_loan):
        raise BadInput("unknown_asset", place, event.asset, f"an asset of {h.name} that this is done with")
    if event.amount == ALL and kind in ("withdraw", "repay", "liquidation"):
        return _all(m, kind, is_loan)
    amount = raw_amount(event.amount, terms.loan_decimals if is_loan else terms.collateral_decimals, place)
    match kind, is_loan:
        case "supply", True:
            return steps.supply(m, USER, assets=amount)[0]
        case "supply", False:
            return steps.supply_collateral(m, USER, amount)
        case "withdraw", True:
            return steps.withdraw(m, USER, assets=amount)[0]
        case "withdraw", False:
            return steps.withdraw_collateral(m, USER, amount)
        case "borrow", _:
            return steps.borrow(m, USER, assets=amount)[0]
        case "repay", _:
            return steps.repay(m, USER, assets=amount)[0]
        case _, True:
            return _repaying(m, amount)
    return steps.liquidate(m, USER, seized=amount)[0]


def _repaying(m: Isolated, amount: int) -> Isolated:
    """The liquidation that repaid `amount`: by its shares, or, where those ask for too much, by all the collateral."""
    position = m.position(USER)
    shares = to_shares_down(amount, m.totals.borrow_assets, m.totals.borrow_shares)
    try:
        return steps.liquidate(m, USER, shares=min(shares, position.borrow_shares))[0]
    except Revert:
        if not position.collateral:
            raise
        after, call = steps.liquidate(m, USER, seized=position.collateral)
        if call.repaid != amount:
            raise
        return after


def _all(m: Isolated, kind: str, is_loan: bool) -> Isolated:
    """Everything, by shares."""
    position = m.position(USER)
    if kind == "repay":
        return steps.repay(m, USER, shares=position.borrow_shares)[0]
    if kind == "withdraw" and is_loan:
        return steps.withdraw(m, USER, shares=position.supply_shares)[0]
    if kind == "withdraw":
        return steps.withdraw_collateral(m, USER, position.collateral)
    if is_loan:
        return steps.liquidate(m, USER, shares=position.borrow_shares)[0]
    return steps.liquidate(m, USER, seized=position.collateral)[0]


def _account(account: Account, h: Holding, m: Isolated) -> Account:
    """The account with the balances of the market; what is empty goes."""
    position, terms = m.position(USER), h.terms
    collateral = [c for c in account.collateral if c.pool != h.name]
    debt = [d for d in account.debt if d.pool != h.name]
    if position.collateral:
        held = h.collateral or Collateral(asset=terms.collateral, amount=Decimal(0), pool=h.name)
        in_tokens = held.amount is not None
        collateral.append(
            replace(held, amount=from_raw(position.collateral, terms.collateral_decimals))
            if in_tokens
            else replace(held, scaled_raw=position.collateral)
        )
    if position.supply_shares and h.supply is not None:
        in_tokens = h.supply.amount is not None
        worth = to_assets_down(position.supply_shares, m.totals.supply_assets, m.totals.supply_shares)
        collateral.append(
            replace(h.supply, amount=from_raw(worth, terms.loan_decimals))
            if in_tokens
            else replace(h.supply, scaled_raw=position.supply_shares)
        )
    if position.borrow_shares and h.debt is not None:
        debt.append(_debt(h.debt, position, m, terms.loan_decimals))
    return replace(account, collateral=tuple(collateral), debt=tuple(debt))


def _debt(debt: Debt, position: Position, m: Isolated, decimals: int) -> Debt:
    if debt.amount is None:
        return replace(debt, scaled_raw=position.borrow_shares)
    owed = to_assets_up(position.borrow_shares, m.totals.borrow_assets, m.totals.borrow_shares)
    return replace(debt, amount=from_raw(owed, decimals))


def _market(market: Market, h: Holding, m: Isolated) -> Market:
    """The market with the new totals, as of now; unchanged where they are not known."""
    if not m.knows_liquidity:
        return market
    t = m.totals
    values = (t.supply_assets, t.supply_shares, t.borrow_assets, t.borrow_shares)
    names = (*SUPPLY_TOTALS, *BORROW_TOTALS)
    state = {**market.state, **{(VENUE, h.name, name): value for name, value in zip(names, values, strict=True)}}
    key = (VENUE, h.name, "borrow")
    index = market.indices.get(key)
    if index is None:
        return replace(market, state=state)
    return replace(market, state=state, indices={**market.indices, key: Index(RAY, index.rate_raw, m.updated)})
