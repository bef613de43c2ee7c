"""The tree behind the headroom of a generic lending account."""

from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.exact import in_exact_context
from marginbook.venues.contracts.explanation import shortened_half_up
from marginbook.venues.generic.lending import Lending, amount_of, exact_sums, price_of_asset

SOURCE = "generic/lending"


@in_exact_context
def explain(account: Account, market: Market, parameters: Lending, at: int) -> Node:
    """Headroom = Σ collateral · threshold − debt, down to amounts, prices and thresholds."""
    found = exact_sums(account, market, parameters)
    unit = parameters.currency
    supports = tuple(
        _support(account, held, market, parameters)
        for held in account.collateral
        if held.enabled and amount_of(held, account)
    )
    debts = tuple(_debt(account, owed, market, unit) for owed in account.debt if amount_of(owed, account))
    support = _node("support", found.support, unit, "sum over collateral", supports)
    debt = _node("debt_value", found.debt, unit, "sum over debts", debts)
    return _node("headroom", found.support - found.debt, unit, "support − debt_value", (support, debt))


def _support(account: Account, held: Collateral, market: Market, parameters: Lending) -> Node:
    asset = parameters.asset(held.asset)
    value = amount_of(held, account) * price_of_asset(market, held.asset)
    source = f"parameters.{held.asset}"
    if asset.share == 1:
        given = _node("minimum_collateral_ratio", asset.ratio, "ratio", "", (), source)
        formula = "amount · price / minimum_collateral_ratio"
    else:
        given = _node("liquidation_threshold", asset.share, "fraction", "", (), source)
        formula = "amount · price · liquidation_threshold"
    inputs = (*_amount_and_price(account, held, market, parameters.currency), given)
    return _node(f"support {held.asset}", asset.supported(value), parameters.currency, formula, inputs)


def _debt(account: Account, owed: Debt, market: Market, unit: str) -> Node:
    value = amount_of(owed, account) * price_of_asset(market, owed.asset)
    return _node(f"debt {owed.asset}", value, unit, "amount · price", _amount_and_price(account, owed, market, unit))


def _amount_and_price(account: Account, holding: Collateral | Debt, market: Market, unit: str) -> tuple[Node, Node]:
    name = holding.asset
    return (
        _node("amount", amount_of(holding, account), name, "", (), f"account {account.id}"),
        _node("price", price_of_asset(market, name), f"{unit} per {name}", "", (), f"generic:{name} oracle"),
    )


def _node(
    quantity: str, value: Decimal, unit: str, formula: str, inputs: tuple[Node, ...], source: str = SOURCE
) -> Node:
    return Node(
        quantity=quantity, value=shortened_half_up(value), unit=unit, formula=formula, source=source, inputs=inputs
    )
