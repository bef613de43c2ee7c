"""A margin account under Regulation T and FINRA Rule 4210 as a statement of one pool in USD.

    equity with loan value = cash + value of shares (short: negative) + loan value of long options beyond nine months
    keeping                = Σ maintenance of strategies (FINRA 4210), chosen so that it is least
    initial                = Σ the greater of Regulation T and maintenance, by strategies chosen likewise
    SMA                    = max(SMA so far, equity with loan value − Regulation T margin)
    buying power           = min(SMA / 50 %, (equity − keeping) / 25 %)

Options have no value in it: a long one is paid in full, a short one's price is part of its requirement.
`account_equity` is the account at market, options included. Shares bought by resting orders count in the initial margin
at their price, options at their premium.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import Quantities
from marginbook.exact import ONE, ZERO, divide, in_exact_context
from marginbook.venues.broker.instruments import instrument_of
from marginbook.venues.broker.parameters import ANY, Rates, Underlying
from marginbook.venues.broker.positions import Priced, Requirement, loan_of, priced, requirements
from marginbook.venues.common.fields import detail
from marginbook.venues.common.search import HeldSide
from marginbook.venues.common.views import down, up
from marginbook.venues.statements.functions import quantities_of
from marginbook.venues.statements.model import Line, Maker, Mover, Statement

POOL = "cross:USD"
TICK = Decimal("0.00000001")


def pools(account: Account, parameters: Rates) -> tuple[str, ...]:
    """One pool in USD."""
    return (POOL,)


def cash_of(account: Account) -> Decimal:
    """Cash, or the debit balance where negative [USD]."""
    others = [currency for currency, held in account.wallet.items() if held and currency != "USD"]
    if others:
        raise BadInput("unexpected_currency", f"account {account.id}.wallet", others[0], "USD")
    return account.wallet.get("USD", ZERO)


def support_lines(account: Account, found: Sequence[Priced], rates: Rates) -> list[Line]:
    """What makes up equity with loan value."""
    lines = [Line("cash", cash_of(account), f"account {account.id}")]
    for one in found:
        name, inputs = one.position.market, (("price", one.price, "USD"), ("quantity", one.position.quantity, ""))
        if not one.held.instrument.is_option:
            lines.append(Line(f"value of {name}", one.value, "± quantity · price", inputs))
        elif loan := loan_of(one, rates):
            amount = one.held.signed * loan
            lines.append(Line(f"loan value of {name}", amount, "25 % of a long option beyond nine months", inputs))
    if account.fixed is not None:
        lines.append(Line("fixed_support", account.fixed.support, "stated by the book"))
    return lines


def demand_lines(account: Account, found: Sequence[Requirement]) -> list[Line]:
    """What every strategy asks for."""
    lines = [
        Line(
            f"{one.name}: {', '.join(one.markets)}",
            one.amount,
            "units · requirement of one",
            (("units", one.units, ""),),
            one.bearer.market,
            one.bearer.side,
        )
        for one in found
    ]
    if account.fixed is not None:
        lines.append(Line("fixed_demand", account.fixed.demand, "stated by the book"))
    return lines


def with_unbacked_debit(support: list[Line], demand: list[Line]) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """The lines, where nothing is asked for but equity is negative: that debit is then what is asked for.

    A debit beside nothing, or beside options that are to be paid in full, is a call like any other.
    """
    owed = -sum((line.value for line in support), ZERO)
    if owed > 0 and not sum((line.value for line in demand), ZERO):
        support = [*support, Line("debit asked for", owed, "− equity")]
        demand = [*demand, Line("debit that nothing backs", owed, "− equity")]
    return tuple(support), tuple(demand)


def resting(account: Account, rates: Rates) -> Decimal:
    """What orders to buy would ask for [USD]: shares at the initial rate, options in full."""
    asked = ZERO
    for order in account.orders:
        if order.side == "buy" and not order.reduce_only:
            instrument = instrument_of(order.market, {})
            rate = ONE if instrument.is_option else rates.of(instrument.underlying).initial_long
            asked += order.quantity * instrument.multiplier * order.price * rate
    return asked


def totals(account: Account, found: Sequence[Priced]) -> dict[str, Any]:
    """What statements of all kinds of accounts share: owned, owed, cash, profit, gross value [USD]."""
    cash = cash_of(account)
    values = [one.value for one in found]
    paid = sum((one.held.signed * one.position.entry for one in found), ZERO)
    return {
        "assets": max(ZERO, cash) + sum((value for value in values if value > 0), ZERO),
        "liabilities": max(ZERO, -cash) - sum((value for value in values if value < 0), ZERO),
        "wallet": cash,
        "profit": sum(values, ZERO) - paid,
        "notional": sum((abs(value) for value in values), ZERO),
    }


def statement(account: Account, pool: str, market: Market, parameters: Rates) -> Statement:
    """Regulation T at the start, FINRA 4210 for keeping."""
    found = priced(account, market, parameters)
    started = requirements(found, market, parameters, initial=True)
    fixed = account.fixed.demand if account.fixed is not None else ZERO
    backing = support_lines(account, found, parameters)
    support, demand = with_unbacked_debit(
        backing, demand_lines(account, requirements(found, market, parameters, initial=False))
    )
    equity = sum((line.value for line in backing), ZERO)
    return Statement(
        currency="USD",
        support=support,
        demand=demand,
        balance=equity,
        support_initial=equity,
        initial=sum((one.amount for one in started), ZERO) + resting(account, parameters) + fixed,
        **totals(account, found),
    )


def statement_at_maintenance(account: Account, pool: str, market: Market, parameters: Rates) -> Statement:
    """FINRA 4210 for both, as a broker's system looks at an account during the day."""
    found = statement(account, pool, market, parameters)
    return replace(found, initial=found.demanded - owed_of(found) + resting(account, parameters))


def owed_of(found: Statement) -> Decimal:
    """Debit that nothing backs, which is no margin [USD]."""
    return found.supported - (found.supported if found.balance is None else found.balance)


def movers(account: Account, pool: str, parameters: Rates) -> tuple[Mover, ...]:
    """Every security held, and every underlying of an option held."""
    found: dict[str, Mover] = {}
    for position in account.positions:
        if not position.quantity:
            continue
        instrument = instrument_of(position.market, position.details)
        sides: tuple[HeldSide, HeldSide] = (position.side, position.side)
        optioned = any(
            instrument_of(other.market, other.details).underlying == position.market
            for other in account.positions
            if other is not position and other.quantity
        )
        if optioned:
            sides = ("both", "both")
        found[position.market] = _mover(position.market, position.entry, sides, parameters)
        if instrument.is_option and instrument.underlying not in found:
            found[instrument.underlying] = _mover(
                instrument.underlying, instrument.strike, ("both", "both"), parameters
            )
    return tuple(found.values())


def _mover(name: str, anchor: Decimal, sides: tuple[HeldSide, HeldSide], rates: Rates) -> Mover:
    return Mover(name, ((rates.venue, name, rates.price_kind),), TICK, anchor, sides)


REG_T = Maker(rules="broker/reg-t", at_equality=False, pools=pools, statement=statement, movers=movers)
FINRA_4210 = Maker(
    rules="broker/finra-4210", at_equality=False, pools=pools, statement=statement_at_maintenance, movers=movers
)


def is_pattern_day_trader(account: Account, rates: Rates) -> bool:
    """Whether the provisions for pattern day traders hold: by date, or while the broker still phases them out."""
    marked = account.details.get("day_trader", "no")
    if marked not in ("yes", "no", "phase-in"):
        raise BadInput("bad_detail", f"account {account.id}.details.day_trader", marked, "yes, no or phase-in")
    return marked == "phase-in" or (marked == "yes" and rates.pattern_day_trader)


def minimum_equity(account: Account, rates: Rates) -> Decimal:
    """Equity that a margin account must have for new transactions [USD]: 4210(b)."""
    return rates.day_trader_minimum if is_pattern_day_trader(account, rates) else rates.minimum_equity


def day_trading_power(account: Account, rates: Rates) -> Decimal | None:
    """4 · (equity − maintenance margin) at the close before [USD]; None where the provisions do not hold."""
    if not is_pattern_day_trader(account, rates):
        return None
    place = f"account {account.id}"
    if "equity_at_close" not in account.details:
        return None
    equity = detail(account.details, "equity_at_close", place)
    kept = detail(account.details, "maintenance_at_close", place)
    if equity < rates.day_trader_minimum:
        return ZERO
    return max(ZERO, rates.day_trading_multiple * (equity - kept))


def buying_power(special: Decimal, spare: Decimal, rates: Underlying) -> Decimal | None:
    """Shares that may be bought [USD] with an SMA and equity `spare` beyond maintenance; None: no bound."""
    to_open = max(rates.initial_long, rates.maintenance_long)
    if not to_open:
        return None
    power = divide(max(ZERO, special), to_open)
    if rates.maintenance_long:
        power = min(power, divide(max(ZERO, spare), rates.maintenance_long))
    return power


def quantities_by(maker: Maker) -> Any:
    """`quantities` of a rule set of margin accounts."""

    @in_exact_context
    def quantities(account: Account, market: Market, parameters: Rates, at: int) -> dict[str, Quantities]:
        """Every number of the account, with SMA and buying power among the venue's own."""
        found = maker.statement(account, POOL, market, parameters)
        base = quantities_of(found)
        owed = owed_of(found)
        equity, kept = found.supported - owed, found.demanded - owed
        asked = statement(account, POOL, market, parameters).initial
        special = equity - asked
        if "sma" in account.details:
            special = max(special, detail(account.details, "sma", f"account {account.id}"))
        least = minimum_equity(account, parameters)
        cash = found.wallet or ZERO
        power = buying_power(special, equity - kept, parameters.rows[ANY])
        if power is not None and equity < least:
            power = max(ZERO, min(power, cash))
        borrows = cash < 0 or any(one.side == "short" and one.quantity for one in account.positions)
        kept_whole = equity - (max(kept, least) if borrows else kept)
        if not borrows:
            kept_whole = min(kept_whole, max(cash, equity - max(kept, least)))
        venue = {
            "stock_value": down(sum((line.value for line in found.support if line.name.startswith("value of")), ZERO)),
            "regt_margin": up(asked),
            "sma": down(special),
            "minimum_equity": least,
            "minimum_equity_shortfall": up(max(ZERO, least - equity)) if found.notional else ZERO,
        }
        if power is not None:
            venue["buying_power"] = down(power)
        if (trading := day_trading_power(account, parameters)) is not None:
            venue["day_trading_buying_power"] = down(trading)
        free = max(special, equity - found.initial)
        withdrawable = down(max(ZERO, min(free, kept_whole)))
        return {POOL: replace(base, withdrawable=withdrawable, venue=venue)}

    return quantities
