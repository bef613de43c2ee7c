"""What supplying, withdrawing, borrowing, repaying and being liquidated do to a generic lending account.

Amounts are taken as they are: interest is whatever the book's amounts include. What would leave more debt than the
borrow limit allows is refused.
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Event, LendingAction, PriceFrame, Setting, Transfer
from marginbook.domain.market import Market
from marginbook.exact import ZERO, in_exact_context
from marginbook.venues.generic.lending import Lending, exact_sums, seized_for


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Lending, at: int) -> tuple[Account, Market]:
    """The account and market after `event`; BadInput where it asks for more than there is or more than is allowed."""
    match event:
        case LendingAction():
            return _act(account, market, event, parameters), market
        case Transfer(to_pool=None) if event.amount >= 0:
            return _supplied(account, event.asset, event.amount), market
        case Transfer(to_pool=None):
            after = _withdrawn(account, event.asset, -event.amount)
            return (_within_limit(after, market, parameters) if event.kind == "withdrawal" else after), market
        case Setting(kind="collateral_enabled"):
            return _toggled(account, market, event, parameters), market
        case AccountSnapshot():
            return event.account, market
        case PriceFrame():
            return account, market.with_prices(event.prices)
    raise BadInput("unsupported_event", f"account {account.id}", type(event).__name__, "an event of a lending account")


def _act(account: Account, market: Market, event: LendingAction, parameters: Lending) -> Account:
    if event.amount <= 0:
        raise BadInput("bad_amount", f"account {account.id}.{event.kind}", event.amount, "above 0")
    if event.kind == "supply":
        return _supplied(account, event.asset, event.amount)
    if event.kind == "withdraw":
        return _within_limit(_withdrawn(account, event.asset, event.amount), market, parameters)
    if event.kind == "borrow":
        return _within_limit(_borrowed(account, event.asset, event.amount), market, parameters)
    if event.kind == "repay":
        return _repaid(account, event.asset, event.amount)
    return _liquidated(account, market, event, parameters)


def _held(account: Account, asset: str) -> Decimal:
    return sum((c.amount or ZERO for c in account.collateral if c.asset == asset), ZERO)


def _owed(account: Account, asset: str) -> Decimal:
    return sum((d.amount or ZERO for d in account.debt if d.asset == asset), ZERO)


def _with_collateral(account: Account, asset: str, amount: Decimal) -> Account:
    old = next((c for c in account.collateral if c.asset == asset), Collateral(asset=asset))
    others = tuple(c for c in account.collateral if c.asset != asset)
    return replace(account, collateral=(*others, replace(old, amount=amount)) if amount else others)


def _with_debt(account: Account, asset: str, amount: Decimal) -> Account:
    others = tuple(d for d in account.debt if d.asset != asset)
    return replace(account, debt=(*others, Debt(asset=asset, amount=amount)) if amount else others)


def _supplied(account: Account, asset: str, amount: Decimal) -> Account:
    return _with_collateral(account, asset, _held(account, asset) + amount)


def _withdrawn(account: Account, asset: str, amount: Decimal) -> Account:
    held = _held(account, asset)
    amount = held if amount.is_infinite() else amount
    if amount > held:
        raise BadInput("insufficient_balance", f"account {account.id}.{asset}", amount, f"at most {held}")
    return _with_collateral(account, asset, held - amount)


def _borrowed(account: Account, asset: str, amount: Decimal) -> Account:
    return _with_debt(account, asset, _owed(account, asset) + amount)


def _repaid(account: Account, asset: str, amount: Decimal) -> Account:
    owed = _owed(account, asset)
    amount = owed if amount.is_infinite() else amount
    if amount > owed:
        raise BadInput("repays_too_much", f"account {account.id}.{asset}", amount, f"at most {owed}")
    return _with_debt(account, asset, owed - amount)


def _within_limit(account: Account, market: Market, parameters: Lending) -> Account:
    if account.debt:
        found = exact_sums(account, market, parameters)
        if found.borrow_limit < found.debt:
            raise BadInput(
                "exceeds_borrow_limit", f"account {account.id}", found.debt, f"a debt of at most {found.borrow_limit}"
            )
    return account


def _toggled(account: Account, market: Market, event: Setting, parameters: Lending) -> Account:
    if event.value not in ("true", "false") or event.market is None:
        raise BadInput("bad_setting", f"account {account.id}.{event.kind}", event.value, "true or false, and an asset")
    collateral = tuple(
        replace(c, enabled=event.value == "true") if c.asset == event.market else c for c in account.collateral
    )
    after = replace(account, collateral=collateral)
    return after if event.value == "true" else _within_limit(after, market, parameters)


def _liquidated(account: Account, market: Market, event: LendingAction, parameters: Lending) -> Account:
    """Repay `amount` of a debt and take collateral worth that much and the bonus, rounded up at 18 decimals."""
    seized_asset = event.collateral_asset
    if seized_asset is None:
        raise BadInput("missing_collateral_asset", f"account {account.id}.liquidation", "nothing", "an asset")
    repaid = min(event.amount, _owed(account, event.asset))
    seized = seized_for(repaid, event.asset, seized_asset, market, parameters)
    return _repaid(_withdrawn(account, seized_asset, min(seized, _held(account, seized_asset))), event.asset, repaid)
