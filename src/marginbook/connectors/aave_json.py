"""Aave user reserves: rows of the protocol's subgraph, or of `UiPoolDataProviderV3.getUserReservesData`.

Sources: schema v3 of aave/protocol-subgraphs (`UserReserve`, `Reserve`, `User.eModeCategoryId`) and
`IUiPoolDataProviderV3` of aave-dao/aave-v3-origin at fd1fbd91 (2026-06-19). The document:

    {"userReserves": [{"scaledATokenBalance", "usageAsCollateralEnabledOnUser", "scaledVariableDebt", "reserve": {…}}]}

with `reserve` in each row (`symbol`, `decimals`, `liquidityIndex`, `variableBorrowIndex`, `liquidityRate`,
`variableBorrowRate`, `lastUpdateTimestamp`, `underlyingAsset`), or rows with `underlyingAsset` and the reserves beside
them as `reserves` or `reservesData`. `userEmodeCategoryId` (or `user.eModeCategoryId.id`) is the category. Prices are
read from `priceInMarketReferenceCurrency` (or `price.priceInEth`), units of `marketReferenceCurrencyUnit` of
`baseCurrencyInfo` (or `price.oracle.baseCurrencyUnit`), which must be 10^8: USD. Optional: `rules`, `network`, `id`,
`address`, and `userAccountData`, what the pool's getUserAccountData printed, to reconcile with. Stable debt is refused:
no rule set has it. Without `rules` it is `aave/3.6`. Where reserves print `baseLTVasCollateral`,
`reserveLiquidationThreshold` and `reserveLiquidationBonus` [basis points], these are the account's parameters; those of
e-mode categories remain the shipped table's.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from marginbook.connectors.accounts import check_account
from marginbook.connectors.answers import VenueAccount, needed_table, tables
from marginbook.connectors.values import join, read_flag, read_integer, read_rules, read_text, shown
from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, IndexKey, Quote, QuoteKey
from marginbook.exact import format_decimal, from_raw
from marginbook.units import MICROSECONDS

RULES = "aave/3.6"
VENUE = "aave"
PRICE_DECIMALS = 8
PERCENT = 10_000
"""100 % in basis points."""
_RISK = {"baseLTVasCollateral": "ltv", "reserveLiquidationThreshold": "liquidation_threshold"}
_STABLE = ("principalStableDebt", "currentStableDebt")
_KNOWN = (
    *("userReserves", "reserves", "reservesData", "baseCurrencyInfo", "userEmodeCategoryId", "user"),
    *("rules", "network", "id", "address", "userAccountData"),
)
_ACCOUNT_DATA = {
    "totalCollateralBase": ("collateral_value", PRICE_DECIMALS),
    "totalDebtBase": ("debt_value", PRICE_DECIMALS),
    "availableBorrowsBase": ("borrowable", PRICE_DECIMALS),
    "healthFactor": ("health_factor", 18),
}
"""Name in getUserAccountData -> (our quantity, its decimals)."""


def is_user_reserves(document: Any) -> bool:
    """Whether a parsed document has user reserves.

    >>> is_user_reserves({"userReserves": []})
    True
    """
    return isinstance(document, dict) and isinstance(document.get("userReserves"), list)


def account_from_user_reserves(document: Any, id: str, place: str = "userReserves:") -> VenueAccount:
    """The account, its reserves' indices and, where they are printed, prices; BadInput names what is missing."""
    for key in needed_table(document, place):
        if key not in _KNOWN:
            raise BadInput("unknown_key", join(place, key), shown(key), "one of " + ", ".join(_KNOWN))
    known = dict(_reserves(document, place))
    unit = _unit(document, place)
    collateral, debt = list[Collateral](), list[Debt]()
    indices: dict[IndexKey, Index] = {}
    quotes: dict[QuoteKey, Quote] = {}
    overlay: dict[str, dict[str, Any]] = {}
    moments = set()
    for row, here in tables(document["userReserves"], join(place, "userReserves")):
        supplied = read_integer(row.get("scaledATokenBalance"), join(here, "scaledATokenBalance"))
        owed = read_integer(row.get("scaledVariableDebt"), join(here, "scaledVariableDebt"))
        for name in _STABLE:
            if name in row and read_integer(row[name], join(here, name)):
                raise BadInput("unsupported", join(here, name), shown(row[name]), "no stable debt")
        if not supplied and not owed:
            continue
        reserve, inside = _reserve_of(row, here, known)
        asset = read_text(reserve.get("symbol"), join(inside, "symbol"))
        if supplied:
            flag = read_flag(row.get("usageAsCollateralEnabledOnUser"), join(here, "usageAsCollateralEnabledOnUser"))
            collateral.append(Collateral(asset=asset, scaled_raw=supplied, enabled=flag))
        if owed:
            debt.append(Debt(asset=asset, scaled_raw=owed))
        at = read_integer(reserve.get("lastUpdateTimestamp"), join(inside, "lastUpdateTimestamp"))
        moments.add(at)
        for kind, index, rate in (
            ("supply", "liquidityIndex", "liquidityRate"),
            ("borrow", "variableBorrowIndex", "variableBorrowRate"),
        ):
            value = read_integer(reserve.get(index), join(inside, index))
            per_year = read_integer(reserve.get(rate), join(inside, rate))
            indices[VENUE, asset, kind] = Index(value, per_year, at)
        if terms := _terms(reserve, inside):
            overlay[asset] = terms
        if (price := _price(reserve, unit, inside)) is not None:
            quotes[VENUE, asset, "oracle"] = Quote(price, None, None, place.removesuffix(":"))
    rules = read_rules(document["rules"], join(place, "rules")) if "rules" in document else RULES
    if not rules.startswith("aave/3"):
        raise BadInput("unknown_choice", join(place, "rules"), rules, "a rule set of Aave v3, such as aave/3.6")
    warnings = [] if "rules" in document else [f"{join(place, 'rules')}: not stated, taken as {RULES}"]
    emode = _emode(document, place)
    if emode and overlay:
        warnings.append(f"{join(place, 'userEmodeCategoryId')}: the terms of category {emode} are the shipped table's")
    account = Account(
        id=read_text(document["id"], join(place, "id")) if "id" in document else id,
        rules=rules,
        collateral=tuple(collateral),
        debt=tuple(debt),
        emode=emode,
        parameters=f"{id}: reserves" if overlay else None,
        network=read_text(document["network"], join(place, "network")) if "network" in document else None,
        address=read_text(document["address"], join(place, "address")) if "address" in document else None,
        reported=_reported(document.get("userAccountData", {}), join(place, "userAccountData")),
    )
    check_account(account, place)
    as_of = max(moments) * MICROSECONDS if moments else None
    return VenueAccount(account, quotes, as_of, tuple(warnings), overlay, indices)


def _reported(value: Any, place: str) -> dict[str, Decimal]:
    """What getUserAccountData printed, but for the health factor of an account without debt."""
    row = needed_table(value, place)
    found = {}
    for theirs, (ours, decimals) in _ACCOUNT_DATA.items():
        if row.get(theirs) is not None and (raw := read_integer(row[theirs], join(place, theirs))) < 2**255:
            found[ours] = from_raw(raw, decimals)
    return found


def _reserves(document: dict[str, Any], place: str) -> Iterator[tuple[str, tuple[dict[str, Any], str]]]:
    """Reserves that stand beside the rows, by the address of the asset in lower case."""
    for key in ("reserves", "reservesData"):
        if key in document:
            for row, here in tables(document[key], join(place, key)):
                yield read_text(row.get("underlyingAsset"), join(here, "underlyingAsset")).lower(), (row, here)


def _reserve_of(
    row: dict[str, Any], place: str, known: dict[str, tuple[dict[str, Any], str]]
) -> tuple[dict[str, Any], str]:
    if "reserve" in row:
        return needed_table(row["reserve"], join(place, "reserve")), join(place, "reserve")
    address = read_text(row.get("underlyingAsset"), join(place, "underlyingAsset"))
    if address.lower() not in known:
        raise BadInput("missing_key", join(place, "underlyingAsset"), address, "its row among the reserves")
    return known[address.lower()]


def _unit(document: dict[str, Any], place: str) -> int | None:
    """What a price of 1 is in the document's base currency, where it says so."""
    if "baseCurrencyInfo" not in document:
        return None
    here = join(place, "baseCurrencyInfo")
    info = needed_table(document["baseCurrencyInfo"], here)
    return read_integer(info.get("marketReferenceCurrencyUnit"), join(here, "marketReferenceCurrencyUnit"))


def _price(reserve: dict[str, Any], unit: int | None, place: str) -> Decimal | None:
    """The oracle's price in USD; None where the reserve prints none, or none with a unit."""
    name = "priceInMarketReferenceCurrency"
    raw, here = reserve.get(name), join(place, name)
    if raw is None and isinstance(reserve.get("price"), dict):
        price = reserve["price"]
        oracle = price.get("oracle")
        raw, here = price.get("priceInEth"), join(join(place, "price"), "priceInEth")
        if isinstance(oracle, dict) and oracle.get("baseCurrencyUnit") is not None:
            unit = read_integer(oracle["baseCurrencyUnit"], join(join(place, "price"), "oracle.baseCurrencyUnit"))
    if raw is None or unit is None:
        return None
    if unit != 10**PRICE_DECIMALS:
        raise BadInput("unsupported", here, f"a unit of {unit}", "prices in USD with 8 decimals")
    value = read_integer(raw, here)
    if not value:
        raise BadInput("not_positive", here, shown(raw), "a price above 0")
    return from_raw(value, PRICE_DECIMALS)


def _terms(reserve: dict[str, Any], place: str) -> dict[str, Any]:
    """Risk parameters of a reserve, where it prints them all; a bonus of 0 stands beside a threshold of 0."""
    if any(reserve.get(name) is None for name in (*_RISK, "reserveLiquidationBonus")):
        return {}
    found: dict[str, Any] = {"decimals": read_integer(reserve.get("decimals"), join(place, "decimals"), 36)}
    for theirs, ours in _RISK.items():
        found[ours] = format_decimal(from_raw(read_integer(reserve[theirs], join(place, theirs), PERCENT), 4))
    here = join(place, "reserveLiquidationBonus")
    factor = read_integer(reserve["reserveLiquidationBonus"], here, 2 * PERCENT)
    if factor and factor < PERCENT:
        raise BadInput("out_of_range", here, factor, f"0, or at least {PERCENT}: 10500 for a bonus of 5 %")
    return {**found, "liquidation_bonus": format_decimal(from_raw(max(factor - PERCENT, 0), 4))}


def _emode(document: dict[str, Any], place: str) -> int:
    """The account's e-mode category, 0 where it has none."""
    if document.get("userEmodeCategoryId") is not None:
        return read_integer(document["userEmodeCategoryId"], join(place, "userEmodeCategoryId"), 255)
    user = document.get("user")
    if not isinstance(user, dict) or user.get("eModeCategoryId") is None:
        return 0
    here = join(join(place, "user"), "eModeCategoryId")
    category = user["eModeCategoryId"]
    return read_integer(category.get("id") if isinstance(category, dict) else category, here, 255)
