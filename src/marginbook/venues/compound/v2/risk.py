"""Risk, quantities and explanation of an account, on stored balances: what the comptroller sees now."""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.domain.risk import Quantities, Risk
from marginbook.exact import WAD, div_floor, from_raw, in_exact_context, mul_div_floor
from marginbook.venues.common.views import lending_quantities
from marginbook.venues.compound.inputs import PRICE_DECIMALS, USER, VENUE, price_raw
from marginbook.venues.compound.v2.holdings import POOL, pool_of
from marginbook.venues.compound.v2.interest import all_touched
from marginbook.venues.compound.v2.liquidity import liquidity, token_value, weight
from marginbook.venues.compound.v2.parameters import Parameters
from marginbook.venues.compound.v2.state import Pool, exchange_rate, owed, supplied

RISK_SCALE = 18


def value(pool: Pool, asset: str, units: int) -> int:
    """Value of token units [USD · 10^-18], rounded down."""
    return mul_div_floor(pool.prices[asset], units, WAD)


def worth(pool: Pool, asset: str) -> int:
    """Value of the supply [USD · 10^-18], cut once: its balance is not cut to whole token units."""
    rate = exchange_rate(pool.configs[asset], pool.markets[asset])
    return mul_div_floor(pool.prices[asset] * rate, pool.user(USER).position(asset).tokens, WAD * WAD)


def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[int]]:
    """The seven sums in 10^-18 USD; both pairs are equal where borrowing and liquidation share one factor."""
    return {POOL: risk_of(pool_of(account, market, parameters))}


def risk_of(pool: Pool) -> Risk[int]:
    """The seven sums of the pool's one user."""
    user, sums = pool.user(USER), liquidity(pool, USER, threshold=True)
    counted = sum(worth(pool, asset) for asset in user.entered)
    return Risk(
        assets=sum(worth(pool, asset) for asset in user.positions),
        liabilities=sums.borrows,
        margin_balance=counted - sums.borrows,
        support_initial=liquidity(pool, USER).collateral,
        demand_initial=sums.borrows,
        support=sums.collateral,
        demand=sums.borrows,
    )


def require_pool(account: Account, pool: str) -> None:
    """BadInput for any pool but the one there is."""
    if pool != POOL:
        raise BadInput("unknown_pool", f"account {account.id}", pool, POOL)


def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """Shortfall above 0: what is owed exceeds Σ supply · collateral factor."""
    require_pool(account, pool)
    return liquidity(pool_of(account, market, parameters), USER, threshold=True).shortfall > 0


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of the account [USD]. Compound prints `liquidity` and `shortfall`; the health factor is our view.

    `venue` has both as the contract shows them, and, where totals make a market whole, as they would be if every market
    were accrued to the chain's block.
    """
    pool = pool_of(account, market, parameters)
    sums = liquidity(pool, USER, threshold=True)
    shown = {"liquidity": from_raw(sums.liquidity, 18), "shortfall": from_raw(sums.shortfall, 18)}
    if any(m.cash is not None for m in pool.markets.values()):
        later = liquidity(all_touched(pool), USER, threshold=True)
        shown |= {
            "accrued_liquidity": from_raw(later.liquidity, 18),
            "accrued_shortfall": from_raw(later.shortfall, 18),
        }
    return {
        POOL: lending_quantities(
            risk_of(pool),
            "USD",
            scale=RISK_SCALE,
            withdrawable=from_raw(withdrawable(pool), 18),
            borrowable=from_raw(liquidity(pool, USER).liquidity, 18),
            venue=shown,
        )
    }


def withdrawable(pool: Pool) -> int:
    """Largest value of supplies that may leave [USD · 10^-18]: what does not count, then by rising factor.

    Each asset at most up to the market's cash, where that is known.
    """
    user, left, total = pool.user(USER), liquidity(pool, USER).liquidity, 0
    short = liquidity(pool, USER).shortfall > 0
    for asset in sorted(user.positions, key=lambda a: (a in user.entered, pool.configs[a].collateral_factor)):
        tokens, cash = user.position(asset).tokens, pool.markets[asset].cash
        held = supplied(pool, USER, asset)
        if asset in user.entered:
            each = token_value(pool, asset)
            most = div_floor((left + 1) * WAD - 1, each) if each else tokens
            taken = 0 if short else min(tokens, most)
            left -= mul_div_floor(each, taken, WAD)
            held = mul_div_floor(held, taken, tokens) if tokens else 0
        total += value(pool, asset, held if cash is None else min(held, cash))
    return total


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """The tree behind the headroom: supplies by collateral factor against debts."""
    pool = pool_of(account, market, parameters)
    user, place = pool.user(USER), f"account {account.id}"
    rules = f"compound/{pool.version.name}"
    named = "liquidation threshold" if pool.version.own_threshold else "collateral factor"
    supports, demands = [], []
    for asset in sorted(user.entered):
        decimals, position = pool.configs[asset].decimals, user.position(asset)
        priced = bool(position.tokens or position.principal)
        price = from_raw(price_raw(market, asset, place), PRICE_DECIMALS) if priced else Decimal(0)
        shown = _leaf(f"price of {asset}", price, "USD", "oracle", f"prices.{VENUE}")
        if position.tokens:
            balance = from_raw(supplied(pool, USER, asset), decimals)
            factor = from_raw(weight(pool.version, pool.configs[asset], threshold=True), 18)
            raw = mul_div_floor(token_value(pool, asset, threshold=True), position.tokens, WAD)
            supports.append(
                Node(
                    quantity=f"support of {asset}",
                    value=from_raw(raw, 18),
                    unit="USD",
                    formula="cTokens × (factor × exchange rate × price), each step rounded down",
                    source=rules,
                    inputs=(
                        _leaf(f"balance of {asset}", balance, asset, "cTokens × stored exchange rate", rules),
                        shown,
                        _leaf(f"{named} of {asset}", factor, "fraction", "parameter", parameters.source),
                    ),
                )
            )
        if position.principal:
            debt = owed(pool, USER, asset)
            demands.append(
                Node(
                    quantity=f"debt in {asset}",
                    value=from_raw(value(pool, asset, debt), 18),
                    unit="USD",
                    formula="owed × price, rounded down",
                    source=rules,
                    inputs=(
                        _leaf(
                            f"owed {asset}",
                            from_raw(debt, decimals),
                            asset,
                            "principal × stored index / own index",
                            rules,
                        ),
                        shown,
                    ),
                )
            )
    support = _sum("support", supports, "nothing counts as collateral", rules)
    demand = _sum("demand", demands, "no debt", rules)
    return Node(
        quantity="headroom",
        value=support.value - demand.value,
        unit="USD",
        formula="support − demand; liquidatable below 0",
        source=rules,
        inputs=(support, demand),
    )


def _sum(quantity: str, parts: list[Node], nothing: str, rules: str) -> Node:
    return Node(
        quantity=quantity,
        value=sum((node.value for node in parts), Decimal(0)),
        unit="USD",
        formula=" + ".join(node.quantity for node in parts) or nothing,
        source=rules,
        inputs=tuple(parts),
    )


def _leaf(quantity: str, value: Decimal, unit: str, formula: str, source: str) -> Node:
    return Node(quantity=quantity, value=value, unit=unit, formula=formula, source=source)
