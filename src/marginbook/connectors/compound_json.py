"""Compound: accounts of v2 as its subgraph prints them, and users of a Comet (v3) as the contract prints them.

v2, by the schema and mappings of compound-finance/compound-v2-subgraph (`AccountCToken`, `Market`, `Comptroller`) and
getAccountSnapshot's meaning of the same numbers:

    {"account": {"id", "tokens": [{"cTokenBalance", "storedBorrowBalance", "accountBorrowIndex", "enteredMarket",
     "market": {"underlyingSymbol", "underlyingDecimals", "exchangeRate", "borrowIndex", "collateralFactor",
                "underlyingPriceUSD", "cash", "totalBorrows", "reserves", "totalSupply"}}]},
     "comptroller": {"closeFactor", "liquidationIncentive"}, "accountLiquidity": {"liquidity", "shortfall"}}

The mapping cuts the exchange rate at 18 decimals, 10 fewer than the contract has for a token of 18. So it is computed
from the market's totals, as the contract does; without them it is read where nothing was cut (up to 8 decimals), and
refused elsewhere. `closeFactor`, `liquidationIncentive` and what getAccountLiquidity printed (optional, to reconcile
with) are mantissas of 10^18. Factors become the account's parameters. Stored balances decide: nothing is accrued.

v3, by the ABI of compound-finance/comet at d5a30b0a (2026-05-29): `userBasic` (principal), `userCollateral` (balance
by asset) and `totalsBasic` (indices of 10^15, lastAccrualTime):

    {"comet": "cUSDCv3", "base": "USDC", "userBasic": {"principal": "-5…"}, "userCollateral": {"WETH": "1…"},
     "totalsBasic": {"baseSupplyIndex": …, "baseBorrowIndex": …, "lastAccrualTime": …}}

Rates are no part of it, so a Comet's indices stand as they were stored.
"""

from decimal import Decimal
from typing import Any

from marginbook.connectors.accounts import check_account
from marginbook.connectors.answers import VenueAccount, needed_number, needed_table, optional_number, tables
from marginbook.connectors.values import (
    join,
    read_flag,
    read_integer,
    read_not_negative,
    read_positive,
    read_signed_integer,
    read_text,
    shown,
)
from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, IndexKey, Quote, QuoteKey
from marginbook.exact import WAD, div_floor, format_decimal, from_raw, to_raw_exact, to_raw_floor
from marginbook.units import MICROSECONDS

VENUE = "compound"
TOKEN_DECIMALS = 8
INDEX_DECIMALS = 18
TO_RAY = 10**9
COMET_TO_RAY = 10**12
_TOTALS = ("cash", "totalBorrows", "reserves", "totalSupply")
_COMET = ("comet", "base", "userBasic", "userCollateral", "totalsBasic", "id")


def is_compound_account(document: Any) -> bool:
    """Whether a parsed document is an account of v2.

    >>> is_compound_account({"account": {"tokens": [{"cTokenBalance": "1"}]}})
    True
    """
    if not isinstance(document, dict):
        return False
    account = document.get("account", document)
    rows = account.get("tokens") if isinstance(account, dict) else None
    return isinstance(rows, list) and bool(rows) and isinstance(rows[0], dict) and "cTokenBalance" in rows[0]


def account_from_tokens(document: Any, id: str, place: str = "account:") -> VenueAccount:
    """The account of v2 with indices, prices and factors; BadInput names what is missing."""
    whole, here = (document["account"], join(place, "account")) if "account" in document else (document, place)
    collateral, debt = list[Collateral](), list[Debt]()
    indices: dict[IndexKey, Index] = {}
    quotes: dict[QuoteKey, Quote] = {}
    overlay: dict[str, dict[str, Any]] = {}
    for row, at in tables(whole["tokens"], join(here, "tokens")):
        tokens = _raw(row, "cTokenBalance", TOKEN_DECIMALS, at)
        market, inside = needed_table(row.get("market"), join(at, "market")), join(at, "market")
        asset = read_text(market.get("underlyingSymbol"), join(inside, "underlyingSymbol"))
        decimals = read_integer(market.get("underlyingDecimals"), join(inside, "underlyingDecimals"), 36)
        owed = _raw(row, "storedBorrowBalance", decimals, at)
        if not tokens and not owed:
            continue
        if asset in overlay:
            raise BadInput("duplicate_asset", join(inside, "underlyingSymbol"), asset, "one market per asset")
        if tokens:
            entered = read_flag(row.get("enteredMarket"), join(at, "enteredMarket"))
            collateral.append(Collateral(asset=asset, scaled_raw=tokens, enabled=entered))
            rate = _exchange_rate(market, decimals, inside)
            indices[VENUE, asset, "supply"] = Index(rate * TO_RAY)
        if owed:
            own = _raw(row, "accountBorrowIndex", INDEX_DECIMALS, at)
            debt.append(Debt(asset=asset, scaled_raw=owed, details={"interest_index_raw": str(own)}))
            indices[VENUE, asset, "borrow"] = Index(_raw(market, "borrowIndex", INDEX_DECIMALS, inside) * TO_RAY)
        if optional_number(market, "underlyingPriceUSD", inside):
            price = read_positive(market["underlyingPriceUSD"], join(inside, "underlyingPriceUSD"))
            quotes[VENUE, asset, "oracle"] = Quote(price, None, None, place.removesuffix(":"))
        factor = needed_number(market, "collateralFactor", inside, "the collateral factor")
        overlay[asset] = {"decimals": decimals, "collateral_factor": format_decimal(factor)}
    overlay["comptroller"] = _comptroller(document, place)
    account = Account(
        id=id,
        rules="compound/2",
        collateral=tuple(collateral),
        debt=tuple(debt),
        parameters=f"{id}: compound",
        address=read_text(whole["id"], join(here, "id")) if "id" in whole else None,
        reported=_liquidity(document, place),
    )
    check_account(account, place)
    return VenueAccount(account, quotes, None, (), overlay, indices)


def _raw(row: dict[str, Any], name: str, decimals: int, place: str) -> int:
    """A decimal as the contract's integer; BadInput where it has more digits than that."""
    amount = read_not_negative(row.get(name), join(place, name))
    try:
        return to_raw_exact(amount, decimals)
    except ValueError:
        raise BadInput("too_many_decimals", join(place, name), amount, f"at most {decimals} decimals") from None


def _exchange_rate(market: dict[str, Any], decimals: int, place: str) -> int:
    """Underlying per cToken as the contract's mantissa of 10^(18 + decimals − 8)."""
    given = [name for name in _TOTALS if optional_number(market, name, place) is not None]
    places = INDEX_DECIMALS + decimals - TOKEN_DECIMALS
    if len(given) < len(_TOTALS) or not optional_number(market, "totalSupply", place):
        if places > INDEX_DECIMALS:
            expected = "cash, totalBorrows, reserves and totalSupply: the printed exchange rate is cut"
            raise BadInput("missing_key", place, ", ".join(given) or "nothing", expected)
        return _raw(market, "exchangeRate", places, place)
    cash, borrows, reserves = (_raw(market, name, decimals, place) for name in _TOTALS[:3])
    tokens = _raw(market, "totalSupply", TOKEN_DECIMALS, place)
    rate = div_floor((cash + borrows - reserves) * WAD, tokens)
    printed = optional_number(market, "exchangeRate", place)
    if printed is not None:
        cut = from_raw(rate, places)
        if to_raw_floor(cut, INDEX_DECIMALS) != to_raw_floor(printed, INDEX_DECIMALS):
            expected = f"what cash, borrows, reserves and supply give: {cut}"
            raise BadInput("inconsistent", join(place, "exchangeRate"), printed, expected)
    return rate


def _comptroller(document: dict[str, Any], place: str) -> dict[str, str]:
    """Close factor and incentive, in human units."""
    here = join(place, "comptroller")
    found = document.get("comptroller")
    if found is None and isinstance(document.get("comptrollers"), list) and len(document["comptrollers"]) == 1:
        found, here = document["comptrollers"][0], join(place, "comptrollers[0]")
    if found is None:
        raise BadInput("missing_key", here, "nothing", "the comptroller's closeFactor and liquidationIncentive")
    row = needed_table(found, here)
    names = (("closeFactor", "close_factor"), ("liquidationIncentive", "liquidation_incentive"))
    return {
        ours: format_decimal(from_raw(read_integer(row.get(theirs), join(here, theirs)), INDEX_DECIMALS))
        for theirs, ours in names
    }


def _liquidity(document: dict[str, Any], place: str) -> dict[str, Decimal]:
    """Liquidity less shortfall, where the document has them."""
    if "accountLiquidity" not in document:
        return {}
    here = join(place, "accountLiquidity")
    row = needed_table(document["accountLiquidity"], here)
    liquidity, shortfall = (read_integer(row.get(name), join(here, name)) for name in ("liquidity", "shortfall"))
    return {"free_margin": from_raw(liquidity - shortfall, INDEX_DECIMALS)}


def is_comet_user(document: Any) -> bool:
    """Whether a parsed document is a user of a Comet.

    >>> is_comet_user({"userBasic": {}, "userCollateral": {}})
    True
    """
    return isinstance(document, dict) and "userBasic" in document and "userCollateral" in document


def account_from_comet(document: Any, id: str, place: str = "comet:") -> VenueAccount:
    """The account of v3 with the indices of its Comet; BadInput names what is missing."""
    for key in document:
        if key not in _COMET:
            raise BadInput("unknown_key", join(place, key), shown(key), "one of " + ", ".join(_COMET))
    comet = read_text(document.get("comet"), join(place, "comet"))
    base = read_text(document.get("base"), join(place, "base"))
    here = join(place, "userBasic")
    basic = needed_table(document["userBasic"], here)
    principal = read_signed_integer(basic.get("principal"), join(here, "principal"))
    held = [
        Collateral(asset=asset, scaled_raw=amount, pool=comet)
        for asset, amount in _collateral(document["userCollateral"], join(place, "userCollateral"))
        if amount
    ]
    if principal > 0:
        held.append(Collateral(asset=base, scaled_raw=principal, pool=comet))
    owed = (Debt(asset=base, scaled_raw=-principal, pool=comet),) if principal < 0 else ()
    there = join(place, "totalsBasic")
    totals = needed_table(document.get("totalsBasic"), there)
    at = read_integer(totals.get("lastAccrualTime"), join(there, "lastAccrualTime"), 2**40 - 1)
    indices: dict[IndexKey, Index] = {}
    for kind, name in (("supply", "baseSupplyIndex"), ("borrow", "baseBorrowIndex")):
        raw = read_integer(totals.get(name), join(there, name))
        indices[VENUE, comet, kind] = Index(raw * COMET_TO_RAY, 0, at)
    account = Account(
        id=read_text(document["id"], join(place, "id")) if "id" in document else id,
        rules="compound/3",
        collateral=tuple(held),
        debt=owed,
        details={"comet": comet},
    )
    check_account(account, place)
    warnings = (f"{there}: no rates, so that the indices stand as they were stored",)
    return VenueAccount(account, {}, at * MICROSECONDS, warnings, indices=indices)


def _collateral(value: Any, place: str) -> list[tuple[str, int]]:
    """(asset, token units): a number or `{"balance": …}` by asset, or a list of rows with `asset` and `balance`."""
    if isinstance(value, list):
        rows = [(read_text(row.get("asset"), join(at, "asset")), row, at) for row, at in tables(value, place)]
    else:
        rows = [(name, item, join(place, name)) for name, item in needed_table(value, place).items()]
    found = []
    for asset, item, at in rows:
        amount, where = (item.get("balance"), join(at, "balance")) if isinstance(item, dict) else (item, at)
        found.append((asset, read_integer(amount, where)))
    return found
