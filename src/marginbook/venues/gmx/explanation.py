"""The tree behind the headroom of a GMX v2 account."""

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.gmx.margin import check
from marginbook.venues.gmx.parameters import Parameters
from marginbook.venues.gmx.positions import USD_DECIMALS, Held, pnl_price, positions_of, token_price


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """Headroom = remaining collateral − largest minimum, per position, down to prices, fees and factors."""
    nodes = [_position(pool, held, market, parameters, at) for pool, held in positions_of(account, parameters).items()]
    if len(nodes) == 1:
        return nodes[0]
    total = sum((node.value for node in nodes), from_raw(0, USD_DECIMALS))
    return Node(
        quantity="headroom",
        value=total,
        unit="USD",
        formula="sum over positions",
        source=parameters.rules,
        inputs=tuple(nodes),
    )


def _position(pool: str, held: Held, market: Market, parameters: Parameters, at: int) -> Node:
    found, terms = check(held, market, at), held.terms
    price = token_price(held, held.token, market, "min")
    decimals = terms.decimals(held.token)
    from_account, from_parameters = "account", parameters.source
    kind = "min" if held.is_long else "max"

    def usd(quantity: str, raw: int, formula: str, source: str, *inputs: Node) -> Node:
        value = from_raw(raw, USD_DECIMALS)
        return Node(quantity=quantity, value=value, unit="USD", formula=formula, source=source, inputs=inputs)

    def given(quantity: str, raw: int, places: int, unit: str, source: str) -> Node:
        return Node(quantity=quantity, value=from_raw(raw, places), unit=unit, formula="", source=source)

    collateral = usd(
        "collateral_value",
        found.collateral,
        "collateral · price",
        parameters.rules,
        given("collateral", held.collateral, decimals, held.token, from_account),
        given("price", price, USD_DECIMALS - decimals, f"USD per {held.token}", f"gmx:{held.token} min"),
    )
    pnl = usd(
        "unrealized_pnl",
        found.pnl.capped,
        "size_in_tokens · price − size_in_usd, negated for shorts"
        + ("" if found.pnl.capped == found.pnl.uncapped else ", at most its share of what the pool may pay"),
        parameters.rules,
        given("size_in_tokens", held.size_tokens, terms.index_decimals, terms.index_token, from_account),
        given("price", pnl_price(held, market), USD_DECIMALS - terms.index_decimals, "USD", f"{held.market} {kind}"),
        usd("size_in_usd", held.size_usd, "", from_account),
    )
    fees = found.fees
    named = ("position", "discount", "borrowing", "funding")
    cost = usd(
        "fees",
        found.cost,
        "(position − discount + borrowing + funding) · price of the collateral",
        from_parameters,
        *(given(name, getattr(fees, name), decimals, held.token, from_parameters) for name in named),
    )
    support = usd(
        "margin_balance",
        found.remaining,
        "collateral_value + unrealized_pnl + price_impact − fees",
        parameters.rules,
        collateral,
        pnl,
        usd("price_impact", found.impact, "closing impact + pending impact, within its bounds", from_parameters),
        cost,
    )
    demand = usd(
        "maintenance_margin",
        found.demand,
        "max(min_collateral_usd, size_in_usd · min_collateral_factor_for_liquidation)",
        from_parameters,
        usd("min_collateral_usd", found.min_collateral, "", from_parameters),
        given(
            "min_collateral_factor_for_liquidation",
            terms.min_collateral_factor_for_liquidation,
            USD_DECIMALS,
            "fraction",
            from_parameters,
        ),
    )
    formula = "margin_balance − maintenance_margin"
    return usd(f"headroom {pool}", found.remaining - found.demand, formula, parameters.rules, support, demand)
