"""Risk and printed quantities of pools of contracts."""

from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import MarginRatio, Quantities, Risk
from marginbook.exact import ZERO, divide, in_exact_context, round_ceil, round_floor, round_half_up, round_trunc
from marginbook.venues.contracts.model import (
    ContractRules,
    Holding,
    OpenOrders,
    Pool,
    funding_due,
    initial_margin,
    pools,
    price_reader,
)

INFINITY = Decimal("Infinity")
INVERSE_PLACES = 80
NO_ORDERS = OpenOrders()


@dataclass(frozen=True, slots=True)
class Figures:
    """Exact figures of one pool [currency]."""

    wallet: Decimal
    profit: Decimal
    notional: Decimal
    initial: Decimal
    maintenance: Decimal
    fixed_support: Decimal
    fixed_demand: Decimal
    leverage_known: bool

    @property
    def balance(self) -> Decimal:
        """wallet + unrealised profit (+ what `fixed` adds)."""
        return self.wallet + self.profit + self.fixed_support

    @property
    def demand(self) -> Decimal:
        """maintenance (+ what `fixed` adds)."""
        return self.maintenance + self.fixed_demand


_kept: dict[int, tuple[Pool, Market, ContractRules, Figures]] = {}
KEPT_MOST = 16


def figures(pool: Pool, market: Market, parameters: ContractRules) -> Figures:
    """Profit, notional, initial and maintenance margin of a pool.

    Open orders of a market add to its position as max(|net + bids|, |net − asks|) / leverage. All three are frozen, and
    sums, quantities and decision are asked of the same ones in turn, so that the latest answers are kept by identity.
    """
    known = _kept.get(id(pool))
    if known is not None and known[0] is pool and known[1] is market and known[2] is parameters:
        return known[3]
    found = _figures(pool, market, parameters)
    if len(_kept) >= KEPT_MOST:
        _kept.clear()
    _kept[id(pool)] = (pool, market, parameters, found)
    return found


def _figures(pool: Pool, market: Market, parameters: ContractRules) -> Figures:
    price_of = price_reader(market, parameters)
    profit = notional = initial = maintenance = ZERO
    known = True
    orders = dict(pool.orders)
    for holding in pool.holdings:
        position = holding.position
        factor = holding.factor(price_of(position.market))
        exposure = holding.size * factor
        resting = _take_orders(orders, position.market, position.side)
        profit += holding.profit(factor) + funding_due(holding, market, parameters.venue)
        notional += exposure
        maintenance += holding.maintenance(factor)
        net = holding.initial_value(factor) * position.sign
        initial += holding.initial(max(abs(net + resting.bids), abs(net - resting.asks)))
        known &= position.leverage is not None or holding.terms.initial_rate is not None
    for (name, _), resting in orders.items():
        terms = pool.order_terms[name]
        initial += initial_margin(max(resting.bids, resting.asks), resting.leverage, terms)
        known &= resting.leverage is not None or terms.initial_rate is not None
    return Figures(pool.wallet, profit, notional, initial, maintenance, pool.fixed_support, pool.fixed_demand, known)


def _take_orders(orders: dict[tuple[str, str], OpenOrders], market: str, side: str) -> OpenOrders:
    return orders.pop((market, "both"), None) or orders.pop((market, side), None) or NO_ORDERS


@in_exact_context
def risk(account: Account, market: Market, parameters: ContractRules, at: int) -> dict[str, Risk[Decimal]]:
    """The seven sums of every pool [currency]: support = margin balance, demand = maintenance margin."""
    return {name: _risk(figures(pool, market, parameters)) for name, pool in pools(account, parameters).items()}


def _risk(found: Figures) -> Risk[Decimal]:
    balance = found.balance
    return Risk(balance, ZERO, balance, balance, found.initial, balance, found.demand)


def pool_named(account: Account, name: str, parameters: ContractRules) -> Pool:
    """One pool; BadInput `unknown_pool` listing the account's pools otherwise."""
    found = pools(account, parameters)
    if name not in found:
        raise BadInput("unknown_pool", f"account {account.id}", name, "one of " + ", ".join(found))
    return found[name]


@in_exact_context
def is_liquidatable(account: Account, pool: str, market: Market, parameters: ContractRules, at: int) -> bool:
    """demand > 0 and support < demand, or ≤ where the rule says so."""
    named = pool_named(account, pool, parameters)
    return is_breached(named, figures(named, market, parameters), parameters)


def is_breached(pool: Pool, found: Figures, parameters: ContractRules) -> bool:
    """`breached` for a pool's figures."""
    return breached(found.balance, found.demand, parameters.at_equality, pool.has_inverse)


def breached(support: Decimal, demand: Decimal, at_equality: bool, inverse: bool = False) -> bool:
    """The rule's own operator, and demand > 0. With inverse contracts the gap is compared at 80 decimals.

    Their 1 / price has 128 digits, so that a gap of exactly zero comes out as one below 10^-80.

    >>> breached(Decimal(5), Decimal(5), True), breached(Decimal(5), Decimal(5), False), breached(ZERO, ZERO, True)
    (True, False, False)
    """
    gap = support - demand
    if inverse:
        gap = round_half_up(gap, INVERSE_PLACES)
    return demand > 0 and (gap <= 0 if at_equality else gap < 0)


@in_exact_context
def quantities(account: Account, market: Market, parameters: ContractRules, at: int) -> dict[str, Quantities]:
    """Every number of every pool, at 8 decimals.

    Rounding: cut off where the venue prints so, otherwise toward danger. Without a leverage, initial margin and what
    follows from it are left out.
    """
    return {
        name: _quantities(pool, figures(pool, market, parameters), market, parameters)
        for name, pool in pools(account, parameters).items()
    }


def _quantities(pool: Pool, found: Figures, market: Market, parameters: ContractRules) -> Quantities:
    good, bad = parameters.printing.good, parameters.printing.bad
    balance, demand = found.balance, found.demand
    free = balance - found.initial
    withdrawable = max(ZERO, found.wallet + min(ZERO, found.profit + found.fixed_support) - found.initial)
    known = found.leverage_known
    return Quantities(
        currency=pool.currency,
        wallet_balance=good(found.wallet),
        unrealized_pnl=good(found.profit + found.fixed_support),
        margin_balance=good(balance),
        account_equity=good(balance),
        initial_margin=bad(found.initial) if known else None,
        maintenance_margin=bad(demand),
        margin_used=bad(found.initial) if known else None,
        free_margin=_down(free) if known else None,
        withdrawable=_down(withdrawable) if known else None,
        headroom=_down(balance - demand),
        notional=bad(found.notional),
        effective_leverage=_up(divide(found.notional, balance)) if balance > 0 else None,
        margin_level=_down(divide(balance, found.initial)) if known and found.initial > 0 else None,
        margin_ratio=_margin_ratio(balance, demand, parameters),
        bankruptcy_price=bankruptcy_price(pool),
        venue=_venue_numbers(pool, found, parameters)
        | dict(parameters.extra(pool, market, parameters) if parameters.extra else {}),
    )


def _margin_ratio(balance: Decimal, demand: Decimal, parameters: ContractRules) -> MarginRatio:
    if parameters.printing.ratio == "demand / support":
        return MarginRatio(_ratio(balance, demand), "maintenance_margin / margin_balance", "high")
    value = _down(divide(balance, demand)) if demand > 0 else INFINITY
    return MarginRatio(value, "margin_balance / maintenance_margin", "low")


def _venue_numbers(pool: Pool, found: Figures, parameters: ContractRules) -> dict[str, Decimal]:
    """Where the venue's own print differs: it computes the shown profit from an entry price cut at some decimals.

    Binance, short 30 at 0.175896779661, mark 0.17876815: printed -0.08614140 (entry 0.17589677), not -0.08614111.
    """
    places, good = parameters.printing.entry_places, parameters.printing.good
    if places is None:
        return {}
    printed = found.profit
    for holding in pool.holdings:
        entry = holding.position.entry
        printed -= holding.slope * (round_trunc(entry, places) - entry)
    if printed == found.profit:
        return {}
    return {
        "unrealized_pnl": good(printed + found.fixed_support),
        "margin_balance": good(found.wallet + printed + found.fixed_support),
    }


def _ratio(balance: Decimal, demand: Decimal) -> Decimal:
    if demand <= 0:
        return ZERO
    return _up(divide(demand, balance)) if balance > 0 else INFINITY


@in_exact_context
def warnings(account: Account, market: Market, parameters: ContractRules, at: int) -> list[str]:
    """What the venue would not allow to be opened now, but keeps: a leverage or a notional beyond the brackets."""
    price_of = price_reader(market, parameters)
    found = []
    for pool in pools(account, parameters).values():
        for holding in pool.holdings:
            position, table = holding.position, holding.terms.table
            notional = holding.size * holding.factor(price_of(position.market))
            measured = holding.terms.tiers_by
            measure = notional if measured == "notional" else position.quantity
            row = table.bracket_of(measure) if measured == "notional" else table.bracket_up_to(measure)
            name = f"{position.market} {position.side}"
            if position.leverage is not None and row.max_leverage is not None and position.leverage > row.max_leverage:
                found.append(
                    f"{name}: leverage {position.leverage} is above {row.max_leverage}, the most at this notional"
                )
            if row.cap is not None and measure > row.cap:
                found.append(f"{name}: the {measured} is above the last bracket's cap of {row.cap}; its rate goes on")
    return found


def bankruptcy_price(pool: Pool) -> Decimal | None:
    """Price at which nothing is left, at 8 decimals toward danger; None unless the pool holds one position.

    long: entry − wallet / size (linear). Funding not yet settled is left out.

    >>> round_floor(Decimal("52500"), 8)
    Decimal('52500.00000000')
    """
    if len(pool.holdings) != 1 or not pool.holdings[0].size:
        return None
    holding = pool.holdings[0]
    factor = bankruptcy_factor(holding, pool.wallet + pool.fixed_support)
    if factor <= 0:
        return None
    price = holding.factor(factor)
    return _up(price) if holding.position.side == "long" else _down(price)


def bankruptcy_factor(holding: Holding, money: Decimal) -> Decimal:
    """Factor at which a position of a size above 0 has lost `money` [currency]."""
    return holding.entry_factor - divide(money, holding.slope)


def _down(value: Decimal) -> Decimal:
    return round_floor(value, 8)


def _up(value: Decimal) -> Decimal:
    return round_ceil(value, 8)
