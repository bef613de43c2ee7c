"""The winners of a market, read from the accounts of a book through their own rule sets.

A position's equity, maintenance margin and wallet are those of the pool that backs it: the pool whose sums change when
the position is left out. Only linear contracts counted in base units are taken: what a contract pays is seen from its
pool's unrealised profit at a higher mark, and one that pays otherwise (inverse, or counted in lots) is refused.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position, Side
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import Quantities
from marginbook.exact import ONE, ZERO, in_exact_context
from marginbook.liquidation.winners import Winner, profit
from marginbook.venues.registry import rule_set

NUDGE = Decimal("1.001")
"""The mark is raised by this to see what a contract pays."""
TOLERANCE = Decimal("0.000002")
"""How far, per unit of the notional and of the currency, a venue's rounding may move a profit."""


@in_exact_context
def winners_in(
    accounts: Iterable[Account], name: str, side: Side, market: Market, parameters_of: Callable[[Account], Any], at: int
) -> list[Winner]:
    """Every position of `side` in the market `name`, in the order of the accounts. BadInput as of the rule sets.

    A bankrupt account holds such positions too and is left out: it has no equity to give up.

    >>> from marginbook.domain.market import Quote
    >>> parameters = rule_set("binance/usdm").module.parameters("usdm", 1_790_812_800_000_000)
    >>> short = Position(market="BTCUSDT", side="short", quantity=Decimal(2), entry=Decimal(70000))
    >>> keen = Account(id="keen", rules="binance/usdm", wallet={"USDT": Decimal(15000)}, positions=(short,))
    >>> market = Market(quotes={("binance", "BTCUSDT", "mark"): Quote(Decimal(60000))})
    >>> [one] = winners_in([keen], "BTCUSDT", "short", market, lambda _: parameters, 1_790_812_800_000_000)
    >>> one.account, str(one.equity), str(one.wallet)
    ('keen', '35000.00000000', '15000.00000000')
    """
    found = []
    for account in accounts:
        for position in account.positions:
            if position.market == name and position.side == side and position.quantity > 0:
                parameters = parameters_of(account)
                winner = _winner(account, position, market, parameters, at)
                if winner.equity > 0:
                    found.append(winner)
    return found


def _winner(account: Account, position: Position, market: Market, parameters: Any, at: int) -> Winner:
    rules = rule_set(account.rules)
    mark = market.price(rules.venue, position.market, rules.price_kind)
    backing = _pool(account, position, market, parameters, at)
    winner = Winner(
        account=account.id,
        side=position.side,
        quantity=position.quantity,
        entry=position.entry,
        equity=_told(backing.margin_balance, account, "margin_balance"),
        maintenance=backing.maintenance_margin or ZERO,
        wallet=backing.wallet_balance,
    )
    key = rules.venue, position.market, rules.price_kind
    higher = mark * NUDGE
    others = tuple(held for held in account.positions if held is position or held.market != position.market)
    alone = replace(account, positions=others)  # the other leg of a hedge moves too
    gained = _profit(alone, position, market.with_prices({key: higher}), parameters, at)
    gained -= _profit(alone, position, market, parameters, at)
    linear = profit(winner, higher) - profit(winner, mark)
    if abs(gained - linear) > TOLERANCE * (ONE + position.quantity * mark):
        expected = f"a contract that pays quantity · (price − entry): {linear} for a mark of {higher}"
        raise BadInput("not_linear", f"account {account.id}, {position.market}", gained, expected)
    return winner


def _pool(account: Account, position: Position, market: Market, parameters: Any, at: int) -> Quantities:
    """The quantities of the pool that backs a position; orders aside, as theirs may lie in another."""
    module = rule_set(account.rules).module
    rest = tuple(other for other in account.positions if other is not position)
    whole = module.risk(replace(account, orders=()), market, parameters, at)
    without = module.risk(replace(account, orders=(), positions=rest), market, parameters, at)
    [pool] = [name for name, risk in whole.items() if without.get(name) != risk]
    return module.quantities(account, market, parameters, at)[pool]


def _profit(account: Account, position: Position, market: Market, parameters: Any, at: int) -> Decimal:
    return _told(_pool(account, position, market, parameters, at).unrealized_pnl, account, "unrealized_pnl")


def _told(number: Decimal | None, account: Account, name: str) -> Decimal:
    if number is None:
        raise BadInput("no_such_number", f"account {account.id}", account.rules, f"rules that have {name}")
    return number
