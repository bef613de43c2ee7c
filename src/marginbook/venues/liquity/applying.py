"""Events of an account through the contracts' own calls.

The contracts open a trove with collateral and a draw at once; here, ETH supplied to an account without debt waits, and
its first draw opens the trove with all of it. A repayment of Infinity closes the trove: all but the reserve is repaid,
the collateral goes back to the owner. A liquidation takes the whole trove (amount: its debt, or Infinity); one of less
than the debt is a redemption, as far as this trove is concerned: so much of the debt for collateral of the same value.
A surplus is the owner's to claim, outside the trove.
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, LendingAction
from marginbook.domain.market import Market
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.common.amounts import raw_amount
from marginbook.venues.common.lending_events import applied
from marginbook.venues.liquity.holdings import (
    ASSET,
    BASE_RATE,
    COUNT,
    DEBT,
    ERRORS,
    FEE_TIME,
    L_ETH,
    L_LUSD,
    POOL,
    POOL_TOTAL,
    STAKE,
    STAKES,
    TOTALS,
    USER,
    VENUE,
    WAD_DECIMALS,
    price_raw,
    state_of,
    system_of,
)
from marginbook.venues.liquity.liquidation import liquidated
from marginbook.venues.liquity.parameters import SYSTEM, Parameters
from marginbook.venues.liquity.redemption import redeemed
from marginbook.venues.liquity.revert import Revert
from marginbook.venues.liquity.system import NO_TROVE, UNDERFLOW, System, Trove, adjusted, closed, opened

ALL = Decimal("Infinity")


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account, and the system's figures where they are known; BadInput `refused` with the contracts' own text."""
    return applied(
        account, market, event, lambda action: _step(account, market, action, parameters, at), "an event of a trove"
    )


def _step(
    account: Account, market: Market, event: LendingAction, parameters: Parameters, at: int
) -> tuple[Account, Market]:
    place = f"account {account.id}.{event.kind}"
    asset = ASSET if event.kind in ("supply", "withdraw") else DEBT
    if event.asset != asset:
        raise BadInput("unknown_asset", place, event.asset, asset)
    if event.pool not in (None, POOL):
        raise BadInput("unknown_pool", f"{place}.pool", event.pool, POOL)
    s = system_of(account, market, parameters, at, 0)
    trove = s.troves.get(USER)
    owes = trove is not None and trove.debt > 0
    ends = event.kind == "liquidation" or (event.kind == "repay" and event.amount == ALL)
    if STAKE in account.details and not ends:
        _check_snapshots(market)
    amount = 0 if event.amount == ALL else raw_amount(event.amount, WAD_DECIMALS, place)
    try:
        if not owes and event.kind in ("supply", "withdraw"):
            after = _waiting(s, trove, event.kind, amount, event.amount == ALL)
        else:
            s = replace(s, price=price_raw(market))
            after = _done(s, trove, event, amount, owes)
    except Revert as revert:
        raise BadInput("refused", place, revert.reason, "a call that the contracts accept") from None
    return _account(account, after, _states_stake(account, market, owes)), _market(market, after)


def _states_stake(account: Account, market: Market, owes: bool) -> bool:
    """Whether the trove's stake is kept: it was stated, or the trove is new and the system's figures are there."""
    needed = (L_ETH, L_LUSD, *STAKES[1:])
    return STAKE in account.details or (not owes and all(state_of(market, name) is not None for name in needed))


def _check_snapshots(market: Market) -> None:
    """A trove that states its stake gets a new one from the system's snapshots."""
    for name in STAKES[1:]:
        if state_of(market, name) is None:
            expected = "an integer: the account states its stake"
            raise BadInput("missing_state", f"state.{VENUE}.{SYSTEM}.{name}", "nothing", expected)


def _waiting(s: System, trove: Trove | None, kind: str, amount: int, is_all: bool) -> System:
    """ETH of an account that owes nothing: not in a trove yet."""
    held = 0 if trove is None else trove.collateral
    left = held + amount if kind == "supply" else held - (held if is_all else amount)
    if left < 0:
        raise Revert(UNDERFLOW)
    return replace(s, troves={USER: Trove(collateral=left, debt=0)} if left else {})


def _done(s: System, trove: Trove | None, event: LendingAction, amount: int, owes: bool) -> System:
    """The system after the call that the event stands for."""
    if event.kind == "borrow" and not owes:
        held = 0 if trove is None else trove.collateral
        return opened(replace(s, troves={}), USER, held, amount)
    if trove is None or not owes:
        raise Revert(NO_TROVE)
    if event.amount == ALL and event.kind == "repay":
        return closed(s, USER)
    match event.kind:
        case "supply":
            return adjusted(s, USER, add=amount)
        case "withdraw":
            return adjusted(s, USER, take=s.whole(USER)[0] if event.amount == ALL else amount)
        case "borrow":
            return adjusted(s, USER, draw=amount)
        case "repay":
            return adjusted(s, USER, repay=amount)
    if event.amount != ALL and amount < s.whole(USER)[1]:
        return _redeemed(s, amount)
    if event.amount != ALL and amount != s.whole(USER)[1]:
        raise Revert("a liquidation takes the whole debt")
    return liquidated(s, USER)[0]


def _redeemed(s: System, amount: int) -> System:
    """The system after a redemption that this trove alone has met."""
    if amount > s.whole(USER)[1] - s.terms.gas_reserve:
        raise Revert("a redemption leaves the reserve")
    return redeemed(s, (USER,), amount)[0]


def _account(account: Account, s: System, states_stake: bool) -> Account:
    """The account with the trove's balances; what is empty goes."""
    trove = s.troves.get(USER)
    details = {name: text for name, text in account.details.items() if name not in (STAKE, L_ETH, L_LUSD)}
    if trove is None:
        return replace(account, collateral=(), debt=(), details=details)
    if states_stake and trove.debt:
        details |= {STAKE: str(trove.stake), L_ETH: str(trove.l_eth), L_LUSD: str(trove.l_lusd)}
    held = account.collateral[0] if account.collateral else Collateral(asset=ASSET, amount=Decimal(0))
    owed = account.debt[0] if account.debt else Debt(asset=DEBT, amount=Decimal(0))
    if held.amount is None:
        held = replace(held, scaled_raw=trove.collateral)
    else:
        held = replace(held, amount=from_raw(trove.collateral, WAD_DECIMALS))
    if owed.amount is None:
        owed = replace(owed, scaled_raw=trove.debt)
    else:
        owed = replace(owed, amount=from_raw(trove.debt, WAD_DECIMALS))
    collateral = (held,) if trove.collateral else ()
    debt = (owed,) if trove.debt else ()
    return replace(account, collateral=collateral, debt=debt, details=details)


def _market(market: Market, s: System) -> Market:
    """The market with the system's figures after the call, those that it had."""
    r = s.redistribution
    new = {
        TOTALS[0]: s.total_collateral,
        TOTALS[1]: s.total_debt,
        POOL_TOTAL: s.pool.total,
        COUNT: s.count,
        L_ETH: r.l_eth,
        L_LUSD: r.l_lusd,
        ERRORS[0]: r.eth_error,
        ERRORS[1]: r.lusd_error,
        STAKES[0]: r.total_stakes,
        STAKES[1]: r.stakes_snapshot,
        STAKES[2]: r.collateral_snapshot,
        BASE_RATE: s.base_rate,
        FEE_TIME: s.fee_time,
    }
    known = {(VENUE, SYSTEM, name): value for name, value in new.items() if value is not None}
    changed = {key: value for key, value in known.items() if key in market.state and market.state[key] != value}
    return replace(market, state={**market.state, **changed}) if changed else market
