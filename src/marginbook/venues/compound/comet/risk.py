"""Risk, quantities and explanation of an account, one pool per Comet, with interest accrued to the time asked for.

The contract accrues before it absorbs, and the views that only read look at the stored indices: `venue` has what those
say (`stored_headroom`).
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Index, Market
from marginbook.domain.node import Node
from marginbook.domain.risk import Quantities, Risk
from marginbook.exact import WAD, from_raw, in_exact_context, mul_div_floor
from marginbook.venues.common.views import lending_quantities
from marginbook.venues.compound.comet import collateral as rules
from marginbook.venues.compound.comet.collateral import debt_value, value_of, values_of
from marginbook.venues.compound.comet.holdings import Group, group_of, groups_of, pool_of
from marginbook.venues.compound.comet.parameters import Parameters
from marginbook.venues.compound.comet.state import INDEX_SCALE, Pool, balance_of
from marginbook.venues.compound.inputs import PRICE_DECIMALS, USER, VENUE

RISK_SCALE = PRICE_DECIMALS
RULES = "compound/3"


def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[int]]:
    """The seven sums in 10^-8 of each Comet's quote currency."""
    return {
        name: risk_of(pool_of(account, group, market, at)) for name, group in groups_of(account, parameters).items()
    }


def risk_of(pool: Pool) -> Risk[int]:
    """The seven sums of the Comet's one user."""
    values, debt, assets = values_of(pool, USER), debt_value(pool, USER), pool.config.assets
    return Risk(
        assets=sum(values.values()) + base_value(pool),
        liabilities=debt,
        margin_balance=sum(values.values()) - debt,
        support_initial=rules.support(values, assets, initial=True),
        demand_initial=debt,
        support=rules.support(values, assets, initial=False),
        demand=debt,
    )


def base_value(pool: Pool) -> int:
    """Value of supplied base, cut once: it secures nothing."""
    principal, price = max(pool.user(USER).principal, 0), pool.prices[pool.config.base]
    return mul_div_floor(principal * pool.supply_index, price, INDEX_SCALE * pool.config.scale)


def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """Whether `absorb` would be let through at `at`: Σ value · liquidate factor below the debt's value."""
    return rules.is_liquidatable(pool_of(account, group_of(account, pool, parameters), market, at), USER)


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of each pool, in the Comet's quote currency. The health factor, support / demand, is our view.

    `borrowable` is what the borrow factors leave, 0 where the debt would stay below the least borrow.
    """
    found = {}
    for name, group in groups_of(account, parameters).items():
        pool = pool_of(account, group, market, at)
        sums = risk_of(pool)
        stored = risk_of(pool_of(account, group, _unaccrued(market, group), at))
        found[name] = lending_quantities(
            sums,
            group.comet.quote,
            scale=RISK_SCALE,
            withdrawable=from_raw(withdrawable(pool), RISK_SCALE),
            borrowable=from_raw(borrowable(pool), RISK_SCALE),
            venue={"stored_headroom": from_raw(stored.support - stored.demand, RISK_SCALE)},
        )
    return found


def _unaccrued(market: Market, group: Group) -> Market:
    """The market with the Comet's indices as they were stored."""
    name = group.comet.name
    still: dict[tuple[str, str, str], Index] = {
        key: replace(index, rate_raw=0) for key, index in market.indices.items() if key[:2] == (VENUE, name)
    }
    return replace(market, indices={**market.indices, **still})


def borrowable(pool: Pool) -> int:
    """Value that may be borrowed on top [8 decimals]."""
    sums = risk_of(pool)
    room = max(sums.support_initial - sums.demand_initial, 0)
    least = value_of(pool.config.borrow_min, pool.prices[pool.config.base], pool.config.scale)
    return room if sums.demand_initial + room >= least else 0


def withdrawable(pool: Pool) -> int:
    """Largest value that may leave [8 decimals]: supplied base, then collateral by rising borrow factor."""
    sums, total = risk_of(pool), base_value(pool)
    values, assets = values_of(pool, USER), pool.config.assets
    if not sums.demand:
        return total + sum(values.values())
    room = max(sums.support_initial - sums.demand_initial, 0)
    if sums.support_initial < sums.demand_initial:
        return total
    for asset in sorted(values, key=lambda a: assets[a].borrow_factor):
        factor = assets[asset].borrow_factor
        taken = min(values[asset], mul_div_floor(room, WAD, factor)) if factor else values[asset]
        room -= min(room, -mul_div_floor(-taken, factor, WAD))
        total += taken
    return total


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """The tree behind the headroom: per Comet, collateral by liquidate factor against the debt."""
    pools = [
        _explained(name, group, pool_of(account, group, market, at), parameters.source)
        for name, group in groups_of(account, parameters).items()
    ]
    if len(pools) == 1:
        return replace(pools[0], quantity="headroom")
    return Node(
        quantity="headroom",
        value=sum((node.value for node in pools), Decimal(0)),
        unit=pools[0].unit if pools else "USD",
        formula=" + ".join(node.quantity for node in pools) or "no Comet",
        source=RULES,
        inputs=tuple(pools),
    )


def _explained(name: str, group: Group, pool: Pool, source: str) -> Node:
    unit, config, user = group.comet.quote, pool.config, pool.user(USER)
    supports = []
    for asset, value in values_of(pool, USER).items():
        row = config.assets[asset]
        raw = mul_div_floor(value, row.liquidate_factor, WAD)
        factor = from_raw(row.liquidate_factor, 18)
        inputs = (
            _leaf(f"balance of {asset}", from_raw(user.collateral[asset], row.decimals), asset, "supplied", RULES),
            _leaf(f"price of {asset}", from_raw(pool.prices[asset], RISK_SCALE), unit, "oracle", f"prices.{VENUE}"),
            _leaf(f"liquidate collateral factor of {asset}", factor, "fraction", "parameter", source),
        )
        supports.append(
            Node(
                quantity=f"support of {asset}",
                value=from_raw(raw, RISK_SCALE),
                unit=unit,
                formula="balance × price (to 8 decimals, down) × liquidate collateral factor (down)",
                source=RULES,
                inputs=inputs,
            )
        )
    debt, price = max(-balance_of(pool, USER), 0), from_raw(pool.prices[config.base], RISK_SCALE)
    owed = _leaf(f"owed {config.base}", from_raw(debt, config.decimals), config.base, "principal × borrow index", RULES)
    demand = Node(
        quantity="demand",
        value=from_raw(debt_value(pool, USER), RISK_SCALE),
        unit=unit,
        formula="owed × base price (to 8 decimals, toward zero)" if debt else "no debt",
        source=RULES,
        inputs=(owed, _leaf(f"price of {config.base}", price, unit, "oracle", f"prices.{VENUE}")) if debt else (),
    )
    support = Node(
        quantity="support",
        value=sum((node.value for node in supports), Decimal(0)),
        unit=unit,
        formula=" + ".join(node.quantity for node in supports) or "no collateral",
        source=RULES,
        inputs=tuple(supports),
    )
    return Node(
        quantity=f"headroom of {name}",
        value=support.value - demand.value,
        unit=unit,
        formula="support − demand; liquidatable below 0",
        source=RULES,
        inputs=(support, demand),
    )


def _leaf(quantity: str, value: Decimal, unit: str, formula: str, source: str) -> Node:
    return Node(quantity=quantity, value=value, unit=unit, formula=formula, source=source)
