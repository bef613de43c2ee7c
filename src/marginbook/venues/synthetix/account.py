"""Perps v3: an account's holdings as the contracts' integers, checked.

One cross margin account: snxUSD in the wallet, synths as collateral, a debt, one position per market. Details:

    account.debt                    snxUSD owed from realised losses; or a [[debt]] of snxUSD
    account.flagged                 "true": flagged for liquidation, its collateral seized
    position.interest_accrued       interest per dollar at the position's last change (default 0)
    position.funding_index_raw      funding index at the last change: the venue's value with the sign turned (default 0)
"""

from dataclasses import dataclass

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.exact import ZERO
from marginbook.venues.common.fields import detail
from marginbook.venues.synthetix.parameters import CollateralTerms, MarketTerms, Parameters
from marginbook.venues.synthetix.wad import entry_of, size_of, wad

USD = "snxUSD"
POOL = f"cross:{USD}"
ACCOUNT_DETAILS = ("debt", "flagged")
POSITION_DETAILS = ("interest_accrued",)


@dataclass(frozen=True, slots=True)
class Holding:
    """A position [wad]."""

    market: str
    size: int  # signed
    entry: int  # price of the last change
    funding: int  # funding value at the last change
    interest: int  # interest per dollar at the last change
    terms: MarketTerms


@dataclass(frozen=True, slots=True)
class Synth:
    """A synth held as collateral [wad]."""

    asset: str
    amount: int
    terms: CollateralTerms


@dataclass(frozen=True, slots=True)
class Book:
    """All that an account holds [wad]."""

    usd: int
    synths: tuple[Synth, ...]
    debt: int
    holdings: tuple[Holding, ...]
    flagged: bool
    fixed_support: int = 0
    fixed_demand: int = 0


def is_flagged(account: Account) -> bool:
    """Whether the account is flagged for liquidation.

    >>> is_flagged(Account(id="a", rules="synthetix/3", details={"flagged": "true"}))
    True
    """
    text = account.details.get("flagged", "false")
    if text not in ("true", "false"):
        raise BadInput("bad_detail", f"account {account.id}.details.flagged", text, "true or false")
    return text == "true"


def debt_of(account: Account) -> int:
    """What the account owes [wad]."""
    place = f"account {account.id}"
    total = wad(detail(account.details, "debt", place, ZERO), f"{place}.details.debt")
    for owed in account.debt:
        if owed.asset != USD or owed.amount is None:
            raise BadInput("bad_debt", f"{place}.debt", owed.asset, f"an amount of {USD}")
        total += wad(owed.amount, f"{place}.debt.{USD}")
    if total < 0:
        raise BadInput("negative_amount", f"{place}.details.debt", total, "at least 0")
    return total


def book_of(account: Account, parameters: Parameters) -> Book:
    """The account's holdings; BadInput for what the venue has not."""
    place = f"account {account.id}"
    odd = [asset for asset in account.wallet if asset != USD]
    if odd:
        raise BadInput("unknown_asset", f"{place}.wallet", odd[0], f"{USD}; synths are collateral")
    if account.mode == "isolated" or any(position.mode == "isolated" for position in account.positions):
        raise BadInput("unsupported_mode", place, "isolated", "cross margin")
    usd = wad(account.wallet.get(USD, ZERO), f"{place}.wallet.{USD}")
    if usd < 0:
        raise BadInput("negative_amount", f"{place}.wallet.{USD}", account.wallet[USD], "at least 0; losses are a debt")
    synths = []
    for held in account.collateral:
        if held.amount is None or held.amount < 0 or not held.enabled:
            raise BadInput("bad_collateral", f"{place}.collateral.{held.asset}", held.amount, "an amount that counts")
        amount = wad(held.amount, f"{place}.collateral.{held.asset}")
        if held.asset == USD:
            usd += amount
        elif amount:
            synths.append(Synth(held.asset, amount, parameters.collateral_of(held.asset)))
    names = [position.market for position in account.positions]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadInput("duplicate_position", f"{place}.position", twice, "one position per market")
    holdings = (_holding(account, position, parameters) for position in account.positions)
    fixed = account.fixed
    return Book(
        usd,
        tuple(synths),
        debt_of(account),
        tuple(holding for holding in holdings if holding.size),
        is_flagged(account),
        wad(fixed.support, f"{place}.fixed.support") if fixed else 0,
        wad(fixed.demand, f"{place}.fixed.demand") if fixed else 0,
    )


def _holding(account: Account, position: Position, parameters: Parameters) -> Holding:
    place = f"account {account.id}.position {position.market}"
    interest = detail(position.details, "interest_accrued", place, ZERO)
    return Holding(
        position.market,
        size_of(account.id, position),
        entry_of(account.id, position),
        -(position.funding_index_raw or 0),
        wad(interest, f"{place}.details.interest_accrued"),
        parameters.terms_of(position.market),
    )
