"""Risk, printed numbers, decision and liquidation prices of Perpetual Protocol v2 accounts."""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice, MarginRatio, Quantities, Risk
from marginbook.exact import divide, from_raw, in_exact_context
from marginbook.venues.common.search import searched_prices
from marginbook.venues.common.views import INFINITY, derivative_quantities, down
from marginbook.venues.perp.collateral import free_of
from marginbook.venues.perp.model import DECIMALS, VENUE, Figures, Parameters, figures, has_orders, positions_of
from marginbook.venues.perp.sales import may_be_sold

DEFAULT_TICK = Decimal("0.00000001")


def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[int]]:
    """The seven sums [10^-18 USDC]: support = account value, demand = Σ |position value| · mm ratio."""
    return {parameters.pool: _risk(figures(account, market, parameters), parameters)}


def _risk(found: Figures, parameters: Parameters) -> Risk[int]:
    value = found.value
    support_initial, demand_initial = found.free(parameters.im_ratio)
    demand = found.requirement(parameters.mm_ratio)
    return Risk(value, 0, value, support_initial, demand_initial, value, demand)


def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """account value < requirement, where there is one."""
    known_pool(account, pool, parameters)
    found = figures(account, market, parameters)
    return found.value < found.requirement(parameters.mm_ratio) > 0


def known_pool(account: Account, pool: str, parameters: Parameters) -> None:
    """BadInput `unknown_pool` for any but the only one."""
    if pool != parameters.pool:
        raise BadInput("unknown_pool", f"account {account.id}", pool, parameters.pool)


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of the account [USDC], 8 decimals toward danger.

    `withdrawable` is the settlement token's: its balance, at most the free collateral, nothing where debts exceed it.
    """
    found = figures(account, market, parameters)
    support, demand = found.free(parameters.im_ratio)
    free = free_of(account, parameters.settlement, market, parameters) * found.step
    ratio = INFINITY
    if found.absolute:
        ratio = down(divide(Decimal(found.value), Decimal(found.absolute)))
    return {
        parameters.pool: derivative_quantities(
            _risk(found, parameters),
            parameters.settlement,
            scale=DECIMALS,
            wallet_balance=_money(found.settlement),
            collateral_value=_money(found.total_collateral),
            unrealized_pnl=_money(found.unrealized),
            notional=_money(found.absolute),
            withdrawable=_money(free),
            margin_ratio=MarginRatio(ratio, "account value / sum of |position value|", "low"),
            venue={"free_collateral": down(_money(max(0, support - demand)))},
        )
    }


def _money(raw: int) -> Decimal:
    return from_raw(raw, DECIMALS)


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """Per market and collateral, the price at which the check turns, all else fixed; by exact bisection."""
    found: list[LiquidationPrice] = []
    entries = {held.market: held.position.entry for held in positions_of(account) if held.size}
    collaterals = [held.asset for held in account.collateral if held.enabled and held.amount]
    for name in dict.fromkeys([*entries, *collaterals]):
        key = (VENUE, name, "oracle")
        known = market.quotes.get(key)
        if known is None and name not in entries:
            continue
        found += searched_prices(
            market,
            lambda moved: is_liquidatable(account, parameters.pool, moved, parameters, at),
            pool=parameters.pool,
            name=name,
            keys=[key],
            tick=parameters.ticks.get(name, DEFAULT_TICK),
            anchor=known.price if known is not None else entries[name],
            sides=("long", "short") if name in entries else ("collateral", "debt"),
        )
    return found


def warnings(account: Account, market: Market, parameters: Parameters, at: int) -> list[str]:
    """What the venue would do first."""
    found = []
    if has_orders(account):
        found.append("open orders must be cancelled before a liquidation; the liquidity behind them counts as stated")
    if parameters.sales is not None and may_be_sold(account, market, parameters):
        found.append("a liquidator may buy the account's other collateral")
    return found
