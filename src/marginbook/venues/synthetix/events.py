"""Perps v3: what fills, deposits, withdrawals and funding do to an account.

Every fill settles the whole old position at the fill price: profit, funding and interest less fees are charged, and the
position starts anew at the fill price. Funding accrues at the market's quote, which is the order's price before its
premium; a market that is known whole is written down anew (`market`), and liquidations count in its window (`windows`).
A charge below 0 comes out of the snxUSD first and becomes a debt beyond that; a charge above 0 pays the debt first.
Source: `PerpsAccount.sol` (charge), `AsyncOrderSettlementPythModule.sol`, `AsyncOrder.sol` at 23585f73 (2025-06-12).
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Event, Fill, IndexUpdate, LendingAction, PriceFrame, Transfer
from marginbook.domain.market import Index, Market
from marginbook.exact import ZERO, format_decimal, from_raw, in_exact_context, to_raw_floor
from marginbook.venues.synthetix.account import POOL, USD, book_of, debt_of, is_flagged
from marginbook.venues.synthetix.interest import interest_per_dollar
from marginbook.venues.synthetix.margins import collateral_value
from marginbook.venues.synthetix.market import funding_now, touched
from marginbook.venues.synthetix.parameters import Parameters
from marginbook.venues.synthetix.risk import figures, position_figures, withdrawable
from marginbook.venues.synthetix.wad import DECIMALS, price_of, wad
from marginbook.venues.synthetix.windows import counted


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Parameters, at: int) -> tuple[Account, Market]:
    """The account and market after `event`; BadInput where the venue refuses it."""
    match event:
        case Fill():
            return _fill(account, market, event, parameters, at)
        case Transfer():
            return _transfer(account, market, event, parameters, at), market
        case LendingAction() if event.kind == "repay" and event.asset == USD:
            return _repaid(account, event), market
        case AccountSnapshot():
            return event.account, market
        case IndexUpdate() if event.kind == "funding":
            index = Index(to_raw_floor(event.value, DECIMALS))
            return account, replace(market, indices={**market.indices, (event.venue, event.asset, "funding"): index})
        case PriceFrame():
            return account, market.with_prices(event.prices)
    raise BadInput("unsupported_event", f"account {account.id}", type(event).__name__, "a fill, transfer or repayment")


def with_debt(account: Account, debt: int) -> Account:
    """The account owing `debt` [wad]: among its debts where it has stated it there, else in its details."""
    amount = from_raw(debt, DECIMALS)
    if account.debt and "debt" not in account.details:
        return replace(account, debt=(Debt(asset=USD, amount=amount),) if debt else ())
    details = {name: text for name, text in account.details.items() if name != "debt"}
    if debt:
        details["debt"] = format_decimal(amount)
    return replace(account, details=details, debt=())


def charged(account: Account, amount: int) -> Account:
    """The account after a charge of `amount` [wad]: a credit above 0, a loss below.

    >>> after = charged(Account(id="a", rules="synthetix/3", wallet={USD: Decimal(10)}), -15 * 10**18)
    >>> after.wallet[USD], after.details["debt"]
    (Decimal('0E-18'), '5')
    """
    usd = wad(account.wallet.get(USD, ZERO), f"account {account.id}.wallet.{USD}")
    debt = debt_of(account)
    if amount > 0:
        paid = min(debt, amount)
        debt, usd = debt - paid, usd + amount - paid
    else:
        taken = min(usd, -amount)
        debt, usd = debt - amount - taken, usd - taken
    wallet = {**account.wallet, USD: from_raw(usd, DECIMALS)}
    return with_debt(replace(account, wallet=wallet), debt)


def _fill(account: Account, market: Market, event: Fill, parameters: Parameters, at: int) -> tuple[Account, Market]:
    place = f"account {account.id}.fill {event.market}"
    if event.quantity <= 0 or event.price <= 0:
        raise BadInput("bad_fill", place, f"{event.quantity} at {event.price}", "a quantity and a price above 0")
    if event.position_side is not None or event.mode == "isolated":
        raise BadInput("unsupported_mode", place, event.position_side or event.mode, "one-way, cross margin")
    terms = parameters.terms_of(event.market)
    price = wad(event.price, f"{place}.price")
    funding = funding_now(market, event.market, terms, at, price)
    interest = interest_per_dollar(market, at)
    held = next((h for h in book_of(account, parameters).holdings if h.market == event.market), None)
    change = wad(event.quantity, f"{place}.quantity") * (1 if event.side == "buy" else -1)
    if event.kind != "liquidation":
        pnl = position_figures(held, price, funding, interest).pnl if held else 0
        account = charged(account, pnl - wad(event.fee, f"{place}.fee"))
    before = held.size if held else 0
    size = before + change
    positions = tuple(position for position in account.positions if position.market != event.market)
    if size:
        fresh = Position(
            market=event.market,
            side="long" if size > 0 else "short",
            quantity=from_raw(abs(size), DECIMALS),
            entry=event.price,
            funding_index_raw=-funding,
            details={"interest_accrued": format_decimal(from_raw(interest, DECIMALS))} if interest else {},
        )
        positions = (*positions, fresh)
    account = replace(account, positions=positions)
    then = touched(market, event.market, terms, at, before, size)
    if event.kind != "liquidation":
        return account, then
    return seized(account), counted(then, event.market, terms, abs(change), at)


def seized(account: Account) -> Account:
    """The account after a call of `liquidate`: no collateral, no debt, flagged as long as it has positions."""
    details = {name: text for name, text in account.details.items() if name not in ("debt", "flagged")}
    if account.positions:
        details["flagged"] = "true"
    return replace(account, wallet={}, collateral=(), debt=(), details=details)


def _transfer(account: Account, market: Market, event: Transfer, parameters: Parameters, at: int) -> Account:
    place = f"account {account.id}.transfer"
    if event.to_pool is not None or event.pool not in (None, "cross", POOL):
        raise BadInput("unknown_pool", place, event.pool or event.to_pool, POOL)
    if is_flagged(account):
        raise BadInput("account_flagged", place, event.amount, "an account that is not flagged for liquidation")
    if event.kind not in ("deposit", "withdrawal"):
        if event.asset != USD:
            raise BadInput("unknown_asset", place, event.asset, USD)
        return charged(account, wad(event.amount, place))
    if event.amount < 0:
        _check_withdrawal(account, market, event, parameters, at)
    else:
        _check_deposit(account, event, parameters)
    if event.asset == USD:
        return replace(account, wallet={**account.wallet, USD: account.wallet.get(USD, ZERO) + event.amount})
    parameters.collateral_of(event.asset)
    amount = sum((held.amount or ZERO for held in account.collateral if held.asset == event.asset), event.amount)
    others = tuple(held for held in account.collateral if held.asset != event.asset)
    held = (Collateral(asset=event.asset, amount=amount),) if amount else ()
    return replace(account, collateral=(*others, *held))


def _check_deposit(account: Account, event: Transfer, parameters: Parameters) -> None:
    most = parameters.guards.max_collaterals
    held = {asset for asset, amount in account.wallet.items() if amount}
    held |= {held.asset for held in account.collateral if held.amount}
    if event.asset not in held and 0 < most <= len(held):
        place = f"account {account.id}.deposit {event.asset}"
        raise BadInput("too_many_collaterals", place, event.asset, f"one of {most} kinds: {', '.join(sorted(held))}")


def _check_withdrawal(account: Account, market: Market, event: Transfer, parameters: Parameters, at: int) -> None:
    place, wanted = f"account {account.id}.withdrawal {event.asset}", -event.amount
    has = account.wallet.get(USD, ZERO) if event.asset == USD else ZERO
    has = sum((held.amount or ZERO for held in account.collateral if held.asset == event.asset), has)
    if wanted > has:
        raise BadInput("insufficient_balance", place, wanted, f"at most {format_decimal(has)}")
    free = withdrawable(figures(book_of(account, parameters), market, parameters, at))
    value = wad(wanted, place)
    if event.asset != USD:
        terms = parameters.collateral_of(event.asset)
        value = collateral_value(terms, value, price_of(market, event.asset), False)
    if value > free or free < 0:
        most = format_decimal(from_raw(max(0, free), DECIMALS))
        raise BadInput("insufficient_margin", place, wanted, f"at most {most} {USD}")


def _repaid(account: Account, event: LendingAction) -> Account:
    place, debt = f"account {account.id}.repay", debt_of(account)
    if not debt:
        raise BadInput("no_debt", place, event.amount, "a debt")
    if event.amount <= 0:
        raise BadInput("bad_amount", place, event.amount, "above 0")
    amount = debt if event.amount == Decimal("Infinity") else wad(event.amount, place)
    return with_debt(account, debt - min(debt, amount))
