"""Risk, quantities and explanation of an account."""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.domain.risk import MarginRatio, Quantities, Risk
from marginbook.exact import BASIS_POINTS, WAD, div_floor, divide, from_raw, in_exact_context, round_ceil, round_floor
from marginbook.venues.aave_v3.account_data import (
    AccountData,
    account_data,
    health_factor,
    owed,
    supplied,
    user_ltv,
    user_threshold,
)
from marginbook.venues.aave_v3.holdings import POOL, TOTALS, USER, pool_of
from marginbook.venues.aave_v3.parameters import Parameters
from marginbook.venues.aave_v3.state import NO_DEBT, Pool
from marginbook.venues.aave_v3.versions import Version

INFINITY = Decimal("Infinity")
DEFINITION = "health factor: collateral × liquidation threshold / debt"


def risk_scale(version: Version) -> int:
    """Decimals of the sums: the base currency's, and those of basis points."""
    return version.base_decimals + 4


def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[int]]:
    """The seven sums in 10^-12 USD (2: 10^-22 ETH).

    support = Σ collateral·threshold, support_initial = Σ collateral·LTV, both demands = debt; margin_balance =
    collateral that counts − debt; assets = every supply.
    """
    return {POOL: _risk(pool_of(account, market, parameters, at))}


def _risk(pool: Pool) -> Risk[int]:
    data = account_data(pool, USER)
    debt = data.debt * BASIS_POINTS
    return Risk(
        assets=supplied_value(pool) * BASIS_POINTS,
        liabilities=debt,
        margin_balance=data.collateral * BASIS_POINTS - debt,
        support_initial=data.ltv_sum,
        demand_initial=debt,
        support=data.threshold_sum,
        demand=debt,
    )


def supplied_value(pool: Pool) -> int:
    """Value of every supply, collateral or not [base currency]."""
    user = pool.user(USER)
    emode = pool.emode_of(user)
    return sum(
        pool.version.collateral_value(supplied(pool, USER, asset), pool.price(asset, emode), pool.configs[asset].unit)
        for asset, position in user.positions.items()
        if position.scaled_supply
    )


def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """Health factor, as the contract computes it, below 1."""
    return account_data(pool_of(account, market, parameters, at), USER).health_factor < WAD


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of the account. The health factor and `borrowable` are the contract's own digits.

    `withdrawable` is the largest value of supplies that may leave, asset by asset in the best order, while the
    health factor stays at 1 or above: supplies that are not collateral, then zero-LTV collateral first, then by rising
    threshold; each asset at most up to the reserve's cash where that is known. `venue` holds the contract's averages.
    """
    pool = pool_of(account, market, parameters, at)
    data, sums = account_data(pool, USER), _risk(pool)
    places, scale = pool.version.base_decimals, risk_scale(pool.version)
    margin_balance = from_raw(data.collateral - data.debt, places)
    headroom = round_floor(from_raw(sums.support - sums.demand, scale), places)
    free = round_floor(from_raw(sums.support_initial - sums.demand_initial, scale), places)
    health = health_decimal(data.health_factor)
    collateral, debt = from_raw(data.collateral, places), from_raw(data.debt, places)
    return {
        POOL: Quantities(
            currency=pool.version.base,
            collateral_value=collateral,
            debt_value=debt,
            margin_balance=margin_balance,
            account_equity=from_raw(supplied_value(pool) - data.debt, places),
            initial_margin=margin_balance - free,
            margin_used=margin_balance - free,
            maintenance_margin=margin_balance - headroom,
            free_margin=free,
            withdrawable=from_raw(withdrawable(pool, data, market), places),
            borrowable=from_raw(data.available_borrows, places),
            headroom=headroom,
            notional=collateral,
            effective_leverage=round_ceil(divide(collateral, margin_balance), 8) if margin_balance > 0 else None,
            health_factor=health,
            ltv=round_ceil(divide(debt, collateral), 8) if collateral else (INFINITY if debt else None),
            collateral_ratio=round_floor(divide(collateral, debt), 8) if debt else INFINITY,
            margin_ratio=MarginRatio(health, DEFINITION, "low"),
            venue={
                "ltv": from_raw(data.average_ltv, 4),
                "liquidation_threshold": from_raw(data.average_threshold, 4),
            },
        )
    }


def health_decimal(health: int) -> Decimal:
    """The health factor with its 18 decimals; infinite without debt."""
    return INFINITY if health == NO_DEBT else from_raw(health, 18)


def withdrawable(pool: Pool, data: AccountData, market: Market) -> int:
    """Largest value of supplies that may leave [base currency]; see `quantities`."""
    user = pool.user(USER)
    emode = pool.emode_of(user)
    free, collateral = 0, []
    for asset, position in user.positions.items():
        unit, price = pool.configs[asset].unit, pool.price(asset, emode)
        held = supplied(pool, USER, asset)
        cash = market.state.get((pool.version.venue, asset, TOTALS[0]))
        value = pool.version.collateral_value(held if cash is None else min(held, int(cash)), price, unit)
        if not position.collateral:
            free += value
            continue
        threshold = user_threshold(asset, pool.configs[asset], emode)
        ltv = user_ltv(pool.version, asset, pool.configs[asset], emode)
        leaves_first = ltv == 0 and not pool.version.checks_before_accrual
        # the share that cash keeps inside also keeps later assets from leaving, if its LTV is 0
        all_of_it = value == pool.version.collateral_value(held, price, unit)
        collateral.append((not leaves_first, threshold, value, all_of_it))
    left, thresholds = data.collateral, data.threshold_sum
    for may_wait, threshold, value, all_of_it in sorted(collateral):
        taken = _largest_taken(pool, left, thresholds, data.debt, threshold, value)
        free, left, thresholds = free + taken, left - taken, thresholds - taken * threshold
        if not may_wait and data.debt and not (taken == value and all_of_it):
            break
    return free


def _largest_taken(pool: Pool, collateral: int, thresholds: int, debt: int, threshold: int, value: int) -> int:
    """Largest part of `value`, of one asset, without which the health factor is still at least 1.

    2 works the threshold afterwards out of the truncated average before.
    """
    if pool.version.checks_before_accrual and collateral:
        thresholds = collateral * div_floor(thresholds, collateral)

    def healthy(taken: int) -> bool:
        return health_factor(pool.version, collateral - taken, thresholds - taken * threshold, debt) >= WAD

    if healthy(value):
        return value
    low, high = 0, value
    while high - low > 1:
        middle = (low + high) >> 1
        low, high = (middle, high) if healthy(middle) else (low, middle)
    return low if healthy(low) else 0


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """The tree behind the headroom: collateral by threshold against debt."""
    pool = pool_of(account, market, parameters, at)
    user = pool.user(USER)
    data, emode = account_data(pool, USER), pool.emode_of(user)
    version = parameters.version
    rules, base, places = f"aave/{version.name}", version.base, version.base_decimals
    supports, demands = [], []
    for asset, position in user.positions.items():
        unit, price = pool.configs[asset].unit, pool.price(asset, emode)
        shown_price = _leaf(f"price of {asset}", from_raw(price, places), base, "oracle", f"prices.{version.venue}")
        if position.collateral:
            balance = supplied(pool, USER, asset)
            threshold = from_raw(user_threshold(asset, pool.configs[asset], emode), 4)
            value = from_raw(pool.version.collateral_value(balance, price, unit), places)
            supports.append(
                Node(
                    quantity=f"support of {asset}",
                    value=value * threshold,
                    unit=base,
                    formula=f"balance × price (to {places} decimals, down) × liquidation threshold",
                    source=rules,
                    inputs=(
                        _leaf(
                            f"balance of {asset}",
                            from_raw(balance, pool.configs[asset].decimals),
                            asset,
                            "scaled balance × supply index",
                            rules,
                        ),
                        shown_price,
                        _leaf(
                            f"liquidation threshold of {asset}", threshold, "fraction", "parameter", parameters.source
                        ),
                    ),
                )
            )
        if position.borrowing:
            balance = owed(pool, USER, asset)
            demands.append(
                Node(
                    quantity=f"debt in {asset}",
                    value=from_raw(pool.version.debt_value(balance, price, unit), places),
                    unit=base,
                    formula=f"balance × price (to {places} decimals)",
                    source=rules,
                    inputs=(
                        _leaf(
                            f"owed {asset}",
                            from_raw(balance, pool.configs[asset].decimals),
                            asset,
                            "scaled debt × borrow index",
                            rules,
                        ),
                        shown_price,
                    ),
                )
            )
    support = Node(
        quantity="support",
        value=from_raw(data.threshold_sum, risk_scale(version)),
        unit=base,
        formula=" + ".join(node.quantity for node in supports) or "nothing counts as collateral",
        source=rules,
        inputs=tuple(supports),
    )
    demand = Node(
        quantity="demand",
        value=from_raw(data.debt, places),
        unit=base,
        formula=" + ".join(node.quantity for node in demands) or "no debt",
        source=rules,
        inputs=tuple(demands),
    )
    return Node(
        quantity="headroom",
        value=support.value - demand.value,
        unit=base,
        formula="support − demand; liquidatable when the health factor is below 1",
        source=rules,
        inputs=(
            support,
            demand,
            _leaf("health_factor", health_decimal(data.health_factor), "1", _health_formula(pool), rules),
        ),
    )


def _health_formula(pool: Pool) -> str:
    if pool.version.truncated_threshold:
        return "⌊collateral × average threshold⌉ / debt, the average cut to whole basis points"
    return "support / demand, cut to 18 decimals"


def _leaf(quantity: str, value: Decimal, unit: str, formula: str, source: str) -> Node:
    return Node(quantity=quantity, value=value, unit=unit, formula=formula, source=source)
