"""Statements of BitMEX's pools: margin and profit against posMaint; prices exact and as printed."""

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice
from marginbook.exact import (
    ZERO,
    from_raw,
    in_exact_context,
)
from marginbook.venues.bitmex.margins import displayed_prices, margins, order_raw, profit_raw, value_raw
from marginbook.venues.bitmex.parameters import Bitmex
from marginbook.venues.contracts.model import Holding, funding_due, is_isolated, isolated_pool
from marginbook.venues.statements.functions import prices_of
from marginbook.venues.statements.model import Line, Maker, Mover, Statement, quoted
from marginbook.venues.statements.positions import cross_holdings, position_movers


def pool_of(account: Account, holding: Holding, parameters: Bitmex) -> str:
    """The pool that a position belongs to."""
    if is_isolated(account, holding.position):
        return isolated_pool(holding.position)
    return f"cross:{parameters.currency_of(holding.position.market)}"


def pools(account: Account, parameters: Bitmex) -> tuple[str, ...]:
    """The cross wallet and each isolated position."""
    currency = "XBT" if parameters.inverse else "USDT"
    found = [f"cross:{currency}"]
    for holding in cross_holdings(account, parameters, isolated_too=True):
        found.append(pool_of(account, holding, parameters))
    return tuple(dict.fromkeys(found))


def statement(account: Account, pool: str, market: Market, parameters: Bitmex) -> Statement:
    """Margin and requirement of one pool."""
    currency, places = ("XBT" if parameters.inverse else "USDT"), parameters.decimals
    isolated = not pool.startswith("cross:")
    wallet = ZERO if isolated else account.wallet.get(currency, ZERO)
    support = [] if isolated else [Line("wallet_balance", wallet, f"account {account.id}")]
    demand: list[Line] = []
    profit = notional = initial = ZERO
    for holding in cross_holdings(account, parameters, isolated_too=True):
        if pool_of(account, holding, parameters) != pool:
            continue
        position = holding.position
        mark = quoted(market, "bitmex", position.market, "mark")
        found = margins(holding, account, market, parameters)
        gained = from_raw(profit_raw(holding, mark, parameters), places) + funding_due(holding, market, "bitmex")
        profit += gained
        notional += from_raw(value_raw(position, mark, parameters), places)
        initial += from_raw(found.posted, places)
        name = f"{position.market} {position.side}"
        if isolated:
            wallet = from_raw(found.margin, places)
            support.append(Line(f"posMargin {name}", wallet, "posInit + posComm, or the isolated wallet"))
        inputs = (
            ("quantity", position.quantity, "contracts"),
            ("mark", mark, "price"),
            ("entry", position.entry, "price"),
        )
        support.append(Line(f"unrealized_pnl {name}", gained, "side · (value at mark − cost)", inputs))
        demand.append(
            Line(
                f"posMaint {name}",
                from_raw(found.maint, places),
                "cost · maintenance + posComm + cost · funding rate",
                (("cost", from_raw(found.cost, places), currency), ("posComm", from_raw(found.comm, places), currency)),
                position.market,
                position.side,
            )
        )
    if account.fixed is not None and not isolated:
        support.append(Line("fixed_support", account.fixed.support, "stated by the book"))
        demand.append(Line("fixed_demand", account.fixed.demand, "stated by the book"))
    if not isolated:
        for order in account.orders:
            if not order.reduce_only:
                initial += from_raw(order_raw(order, parameters), places)
    return Statement(
        currency=currency,
        support=tuple(support),
        demand=tuple(demand),
        initial=initial,
        wallet=wallet,
        profit=profit,
        notional=notional,
    )


def movers(account: Account, pool: str, parameters: Bitmex) -> tuple[Mover, ...]:
    """The pool's markets."""
    held = [
        holding.position
        for holding in cross_holdings(account, parameters, isolated_too=True)
        if pool_of(account, holding, parameters) == pool
    ]
    return tuple(position_movers(held, parameters))


def _with_displayed(maker: Maker, account: Account, market: Market, parameters: Bitmex) -> list[LiquidationPrice]:
    found = prices_of(maker, account, market, parameters)
    held = cross_holdings(account, parameters, isolated_too=True)
    alone = sum(not is_isolated(account, holding.position) for holding in held) == 1 and not account.orders
    for holding in held:
        position = holding.position
        shown = is_isolated(account, position) or (parameters.inverse and alone and account.fixed is None)
        price = displayed_prices(holding, account, market, parameters)[1] if shown and position.quantity else None
        if price is not None:
            found.append(
                LiquidationPrice(
                    pool=pool_of(account, holding, parameters),
                    market=position.market,
                    side=position.side,
                    price=price,
                    when="at_or_below" if position.side == "long" else "at_or_above",
                    source="venue_displayed",
                )
            )
    return found


LINEAR = Maker(rules="bitmex/linear", at_equality=True, pools=pools, statement=statement, movers=movers)
INVERSE = Maker(rules="bitmex/inverse", at_equality=True, pools=pools, statement=statement, movers=movers)


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Bitmex, at: int) -> list[LiquidationPrice]:
    """Exact prices, and what the venue prints for isolated positions and for an inverse one alone in the wallet."""
    return _with_displayed(INVERSE if parameters.inverse else LINEAR, account, market, parameters)
