"""Risk, quantities, liquidation price and explanation of every vault of an account.

    support = ink · spot     demand = art · rate     [rad = 10^-45 DAI]     unsafe: support < demand

Drawing DAI and freeing collateral ask for the same as staying, so that the initial sums equal the others.
"""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.domain.risk import LiquidationPrice, Quantities, Risk
from marginbook.exact import RAY, ZERO, div_ceil, div_floor, divide, from_raw, in_exact_context
from marginbook.venues.common.views import INFINITY, down, lending_quantities
from marginbook.venues.maker.holdings import DEBT, TOTAL_ART, VENUE, WAD_DECIMALS, Vault, prices_of, vault_of, vaults_of
from marginbook.venues.maker.parameters import RAD_DECIMALS, Parameters
from marginbook.venues.maker.vat import feed_price, is_unsafe, price_of_spot

RULES = "maker/dss"
RISK_SCALE = RAD_DECIMALS


def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[int]]:
    """The seven sums of every vault [rad]."""
    return {v.pool: _risk(v, market, parameters) for v in vaults_of(account, market, parameters, at)}


def _risk(v: Vault, market: Market, parameters: Parameters) -> Risk[int]:
    price, spot = prices_of(v, market, parameters)
    value, debt = v.urn.ink * feed_price(price, parameters.par), v.urn.art * v.rate
    support = v.urn.ink * spot
    return Risk(value, debt, value - debt, support, debt, support, debt)


def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """ink·spot < art·rate, with something owed. Whether auctions have room for it is the planner's question."""
    v = vault_of(account, pool, market, parameters, at)
    return is_unsafe(v.urn, v.rate, prices_of(v, market, parameters)[1])


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of every vault [DAI], 8 decimals toward danger.

    `borrowable` is the most that can be drawn, 0 where that would leave less than dust; `withdrawable` the value of the
    collateral that may leave. The venue's own ratio is `collateral_ratio`, unsafe below `mat`.
    """
    found = {}
    for v in vaults_of(account, market, parameters, at):
        price, spot = prices_of(v, market, parameters)
        sums = _risk(v, market, parameters)
        support, debt = from_raw(sums.support, RAD_DECIMALS), from_raw(sums.demand, RAD_DECIMALS)
        found[v.pool] = lending_quantities(
            sums,
            DEBT,
            scale=RISK_SCALE,
            health_factor=down(divide(support, debt)) if debt else INFINITY,
            withdrawable=from_raw(free_collateral(v, spot) * feed_price(price, parameters.par), RAD_DECIMALS),
            borrowable=from_raw(drawable(v, market, spot), WAD_DECIMALS),
        )
    return found


def free_collateral(v: Vault, spot: int) -> int:
    """Collateral [wad] that may leave while ink·spot ≥ art·rate; none of a vault whose debt has become dust."""
    debt = v.urn.art * v.rate
    if not debt:
        return v.urn.ink
    return max(v.urn.ink - div_ceil(debt, spot), 0) if spot and debt >= v.ilk.dust else 0


def drawable(v: Vault, market: Market, spot: int) -> int:
    """DAI [wad] that can be drawn: whole units of normalized debt up to the ceiling, enough of them to be no dust."""
    dart = div_floor(v.urn.ink * spot - v.urn.art * v.rate, v.rate)
    total = market.state.get((VENUE, v.ilk.name, TOTAL_ART))
    if v.ilk.line is not None and total is not None:
        dart = min(dart, div_floor(v.ilk.line, v.rate) - int(total))
    dart = max(dart, 0)
    return 0 if (v.urn.art + dart) * v.rate < v.ilk.dust else div_floor(dart * v.rate, RAY)


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """Per vault, the highest oracle price [18 decimals] at which it is unsafe: one below that of spot ⌈debt / ink⌉."""
    found = []
    for v in vaults_of(account, market, parameters, at):
        debt = v.urn.art * v.rate
        if not (debt and v.urn.ink):
            continue
        raw = price_of_spot(div_ceil(debt, v.urn.ink), parameters.par, v.ilk.mat) - 1
        if raw:
            found.append(
                LiquidationPrice(
                    pool=v.pool,
                    market=v.ilk.collateral,
                    side="collateral",
                    price=from_raw(raw, WAD_DECIMALS),
                    when="at_or_below",
                    source="exact",
                )
            )
    return found


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """The tree behind the headroom; of several vaults, the sum of their trees."""
    trees = [_tree(v, market, parameters) for v in vaults_of(account, market, parameters, at)]
    if len(trees) == 1:
        return trees[0]
    return Node(
        quantity="headroom",
        value=sum((tree.value for tree in trees), ZERO),
        unit=DEBT,
        formula="sum over vaults",
        source=RULES,
        inputs=tuple(trees),
    )


def _tree(v: Vault, market: Market, parameters: Parameters) -> Node:
    price, spot = prices_of(v, market, parameters)

    def node(quantity: str, value: Decimal, unit: str, formula: str, source: str, *inputs: Node) -> Node:
        return Node(quantity=quantity, value=value, unit=unit, formula=formula, source=source, inputs=inputs)

    asset = v.ilk.collateral
    per_unit = f"{DEBT} per {asset}"
    support = node(
        "support",
        from_raw(v.urn.ink * spot, RAD_DECIMALS),
        DEBT,
        "ink · spot",
        RULES,
        node("ink", from_raw(v.urn.ink, WAD_DECIMALS), asset, "as stated", "account"),
        node(
            "spot",
            from_raw(spot, 27),
            per_unit,
            "⌊⌊price / par⌋ / mat⌋",
            RULES,
            node("price", from_raw(price, WAD_DECIMALS), per_unit, "oracle", f"prices.{VENUE}.{asset}"),
            node("par", from_raw(parameters.par, 27), "1", "parameter", parameters.source),
            node("mat", from_raw(v.ilk.mat, 27), "1", "parameter", parameters.source),
        ),
    )
    debt = node(
        "debt",
        from_raw(v.urn.art * v.rate, RAD_DECIMALS),
        DEBT,
        "art · rate",
        RULES,
        node("art", from_raw(v.urn.art, WAD_DECIMALS), DEBT, "as stated", "account"),
        node("rate", from_raw(v.rate, 27), "1", "stored, or after a drip", f"indices.{VENUE}.{v.ilk.name}"),
    )
    formula, source = "support − debt; unsafe below 0", f"{RULES} {v.name}"
    return node("headroom", support.value - debt.value, DEBT, formula, source, support, debt)
