"""What an account may take out of Perpetual Protocol v2, token by token.

    free of USDC      ⌊min(free collateral, settlement balance)⌋ at 6 decimals
    free of a token   min(⌊⌈free collateral / price⌉ at its decimals · 1e6 / collateral ratio⌋, balance)

Nothing where settlement balance + unrealised PnL is negative. A withdrawal settles funding first; one of USDC also
moves the owed PnL into the balance, floored at 6 decimals, what is below lost. Source: perpetual-protocol/
perp-curie-contract `Vault.getFreeCollateralByToken`, `_settleAndDecreaseBalance`, commit d520bd8e2c42 (2024-09-11).
"""

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.exact import div_floor, mul_div_ceil, mul_div_floor, to_raw_floor
from marginbook.venues.perp.model import DECIMALS, RATIO, Figures, Parameters, figures, price_of


def free_of(account: Account, asset: str, market: Market, parameters: Parameters) -> int:
    """What may be withdrawn of an asset [its own units]."""
    found = figures(account, market, parameters)
    free = free_collateral(found, parameters.im_ratio)
    if asset == parameters.settlement:
        return div_floor(max(0, min(free, found.settlement)), found.step)
    terms = parameters.collateral(asset)
    held = next((one.amount for one in account.collateral if one.asset == asset), None)
    if not free or not held:
        return 0
    amount = amount_for(free, price_of(market, asset, terms.price_decimals), terms.price_decimals, terms.decimals)
    most = mul_div_floor(amount, RATIO, terms.collateral_ratio) if terms.collateral_ratio else 0
    return min(most, to_raw_floor(held, terms.decimals))


def free_collateral(found: Figures, ratio: int) -> int:
    """Free collateral [10^-18] of which something may leave: none where debts exceed the settlement token."""
    support, demand = found.free(ratio)
    return max(0, support - demand) if found.settlement + found.unrealized >= 0 else 0


def amount_for(value: int, price: int, price_decimals: int, decimals: int) -> int:
    """Units of a token that are worth `value` [10^-18]: rounded up at 18 decimals or more, then cut to its own.

    >>> amount_for(10**18, 3 * 10**8, 8, 18), amount_for(10**18, 3 * 10**8, 8, 6)
    (333333333333333334, 333333)
    """
    if decimals > DECIMALS:
        return mul_div_ceil(value * 10 ** (decimals - DECIMALS), 10**price_decimals, price)
    return div_floor(mul_div_ceil(value, 10**price_decimals, price), 10 ** (DECIMALS - decimals))
