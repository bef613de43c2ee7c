"""The tree behind the headroom of a generic lending account."""

from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.exact import ONE, in_exact_context
from marginbook.venues.generic.lending import Lending, amount_of, exact_sums, price_of_asset


@in_exact_context
def explain(account: Account, market: Market, parameters: Lending, at: int) -> Node:
    """Headroom = Σ collateral · threshold − debt, down to amounts, prices and thresholds."""
    found = exact_sums(account, market, parameters)
    unit = parameters.currency

    def value(holding: Collateral | Debt, what: str, factor: Decimal, inputs: tuple[Node, ...]) -> Node:
        price = price_of_asset(market, holding.asset)
        worth = amount_of(holding, account) * price
        amount = Node(
            quantity="amount", value=amount_of(holding, account), unit=holding.asset, formula="", source="account"
        )
        quote = Node(quantity="price", value=price, unit=f"{unit} per {holding.asset}", formula="", source="oracle")
        return Node(
            quantity=f"{what} {holding.asset}",
            value=worth * factor,
            unit=unit,
            formula="amount · price" + (" · liquidation_threshold" if inputs else ""),
            source="generic/lending",
            inputs=(amount, quote, *inputs),
        )

    collateral = []
    for held in account.collateral:
        if held.enabled and amount_of(held, account):
            threshold = parameters.asset(held.asset).supported(ONE)
            node = Node(
                quantity="liquidation_threshold",
                value=threshold,
                unit="fraction",
                formula="",
                source=f"parameters.{held.asset}",
            )
            collateral.append(value(held, "support", threshold, (node,)))
    debts = tuple(value(owed, "debt", ONE, ()) for owed in account.debt if amount_of(owed, account))
    return Node(
        quantity="headroom",
        value=found.support - found.debt,
        unit=unit,
        formula="support − debt_value",
        source="generic/lending",
        inputs=(
            Node(
                quantity="support",
                value=found.support,
                unit=unit,
                formula="sum over collateral",
                source="generic/lending",
                inputs=tuple(collateral),
            ),
            Node(
                quantity="debt_value",
                value=found.debt,
                unit=unit,
                formula="sum over debts",
                source="generic/lending",
                inputs=debts,
            ),
        ),
    )
