"""Sales of other collateral of Perpetual Protocol v2 accounts that owe too much of the settlement token.

    may be sold      account value < ⌊Σ |position value| · (mm ratio + buffer)⌋, not floored at 6 decimals
                     or debt > ⌊counted collateral · debt ratio⌋, or ⌊debt⌋ > debt threshold
    debt             what settlement balance + unrealised PnL is below 0
    most repaid      ⌊⌊max(debt, ⌊debt value · im ratio⌋) · sale ratio⌋ / (1 − fund share)⌋; of dust, without the ratio
    most sold        ⌈most repaid / (price · (1 − discount))⌉ at the token's decimals, or all of it for what it is worth

The liquidator pays ⌊ ⌋ at 6 decimals and gets the tokens; ⌊paid · fund share⌋ goes to the insurance fund, the rest to
the account's balance; then bad debt is settled. Governance sets the terms: a book states them, or nothing is sold.
Source: perpetual-protocol/perp-curie-contract `Vault.liquidateCollateral`, `CollateralManager`, commit d520bd8e2c42
(2024-09-11).
"""

from dataclasses import dataclass, replace

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import div_floor, from_raw, in_exact_context, mul_div_floor, to_raw_floor
from marginbook.venues.perp.collateral import amount_for
from marginbook.venues.perp.model import (
    DECIMALS,
    RATIO,
    Figures,
    Parameters,
    SaleTerms,
    figures,
    price_of,
    settlement_balance,
    value_for,
)


@dataclass(frozen=True, slots=True)
class Sale:
    """So many tokens for so much of the settlement token, each in its own units."""

    tokens: int
    paid: int
    to_fund: int = 0


def terms_of(parameters: Parameters) -> SaleTerms:
    """BadInput `no_parameters` where the book states none."""
    if parameters.sales is None:
        raise BadInput("no_parameters", 'parameters."*"', "nothing", "the terms of collateral sales")
    return parameters.sales


def debt_of(found: Figures) -> int:
    """What is owed of the settlement token [10^-18]."""
    return max(0, -(found.settlement + found.unrealized))


def may_be_sold(account: Account, market: Market, parameters: Parameters) -> bool:
    """Whether a liquidator may buy the account's other collateral."""
    if not any(held.amount for held in account.collateral):
        return False
    terms, found = terms_of(parameters), figures(account, market, parameters)
    debt = debt_of(found)
    return (
        found.total_collateral + found.unrealized < found.requirement(parameters.mm_ratio + terms.mm_ratio_buffer)
        or debt > mul_div_floor(found.collateral, terms.debt_ratio, RATIO)
        or div_floor(debt, found.step) > terms.debt_threshold
    )


def most_sold(account: Account, asset: str, market: Market, parameters: Parameters) -> Sale:
    """The most that may be sold of an asset, were it sold now."""
    terms, token, found = terms_of(parameters), parameters.collateral(asset), figures(account, market, parameters)
    owed = max(debt_of(found), mul_div_floor(found.debt, parameters.im_ratio, RATIO))
    part = mul_div_floor(owed, terms.sale_ratio, RATIO) if owed > terms.dust_value * found.step else owed
    repaid = mul_div_floor(part, RATIO, RATIO - terms.fund_share)
    price = discounted(asset, market, parameters)
    tokens = amount_for(repaid, price, token.price_decimals, token.decimals)
    held = next((one.amount for one in account.collateral if one.asset == asset), None)
    balance = to_raw_floor(held, token.decimals) if held else 0
    if tokens > balance:
        tokens, repaid = balance, value_for(balance, price, token)
    return Sale(tokens, div_floor(repaid, found.step))


def discounted(asset: str, market: Market, parameters: Parameters) -> int:
    """Price to the liquidator [units of the feed]."""
    token = parameters.collateral(asset)
    if token.discount_ratio is None:
        raise BadInput("no_parameters", f"parameters.{asset}.discount_ratio", "nothing", "the liquidator's discount")
    return mul_div_floor(price_of(market, asset, token.price_decimals), RATIO - token.discount_ratio, RATIO)


def sale_of(
    account: Account,
    asset: str,
    market: Market,
    parameters: Parameters,
    *,
    tokens: int | None = None,
    paid: int | None = None,
) -> Sale:
    """A sale of so many tokens, or for so much [units of either]; of all that may be sold where neither is named.

    BadInput `not_liquidatable`, or `too_much` beyond the most.
    """
    place = f"account {account.id}.{asset}"
    if not may_be_sold(account, market, parameters):
        raise BadInput("not_liquidatable", place, "an account that owes little", "one whose collateral may be sold")
    most = most_sold(account, asset, market, parameters)
    terms, token = terms_of(parameters), parameters.collateral(asset)
    step = 10 ** (DECIMALS - parameters.settlement_decimals)
    if (tokens or 0) > most.tokens or (paid or 0) > most.paid:
        raise BadInput("too_much", place, paid if tokens is None else tokens, f"at most {most.tokens} for {most.paid}")
    price = discounted(asset, market, parameters)
    if paid is not None and paid != most.paid:
        sold = Sale(amount_for(paid * step, price, token.price_decimals, token.decimals), paid)
    elif tokens is not None and tokens != most.tokens:
        sold = Sale(tokens, div_floor(value_for(tokens, price, token), step))
    else:
        sold = most
    return replace(sold, to_fund=mul_div_floor(sold.paid, terms.fund_share, RATIO))


def sold(account: Account, asset: str, sale: Sale, parameters: Parameters) -> Account:
    """The account after a sale."""
    token, decimals = parameters.collateral(asset), parameters.settlement_decimals
    units = div_floor(settlement_balance(account, parameters), 10 ** (DECIMALS - decimals)) + sale.paid - sale.to_fund
    kept = []
    for held in account.collateral:
        amount = held.amount
        if held.asset == asset and amount is not None:
            amount = from_raw(to_raw_floor(amount, token.decimals) - sale.tokens, token.decimals)
        if amount:
            kept.append(replace(held, amount=amount))
    wallet = {**account.wallet, parameters.settlement: from_raw(units, decimals)}
    return replace(account, collateral=tuple(kept), wallet=wallet)


@in_exact_context
def plan_sale(account: Account, pool: str, asset: str, market: Market, parameters: Parameters) -> Plan:
    """All that may be sold of an asset now, as a plan of paying `close_most` of the settlement token."""
    if not may_be_sold(account, market, parameters):
        return Plan(pool=pool, market="", reason="no collateral may be sold")
    sale, decimals = sale_of(account, asset, market, parameters), parameters.settlement_decimals
    paid, to_fund = from_raw(sale.paid, decimals), from_raw(sale.to_fund, decimals)
    tokens = from_raw(sale.tokens, parameters.collateral(asset).decimals)
    flows = [
        Flow("account", asset, -tokens),
        Flow("liquidator", asset, tokens),
        Flow("account", parameters.settlement, paid - to_fund),
        Flow("insurance", parameters.settlement, to_fund),
        Flow("liquidator", parameters.settlement, -paid),
    ]
    return Plan(
        pool=pool,
        market=parameters.settlement,
        collateral=asset,
        close_most=paid,
        seized=tokens,
        fee=to_fund,
        flows=tuple(flow for flow in flows if flow.amount),
    )
