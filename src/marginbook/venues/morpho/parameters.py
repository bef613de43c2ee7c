"""Terms of isolated markets: tokens, decimals, LLTV and fee, shipped or the book's own.

A market never changes its terms (the fee may be set by governance), so that a record is its creation. A book names a
market as it likes, `[parameters.<name>."wstETH/USDC-0.86"]`; the name alone says collateral, loan and LLTV where it is
written like this one, and what the table states goes before.

    collateral, loan            assets
    lltv                        fraction below 1
    collateral_decimals, loan_decimals   of the tokens; known ones need none
    fee                         share of the interest, at most 0.25
    id                          the market's, to tell it from others of its name
    correlated                  both sides follow one asset: zones by distance; default: LLTV of at least 0.9
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import WAD
from marginbook.params.records import record_at
from marginbook.units import format_time
from marginbook.venues.common.fields import Raw, Read, flag, read_row, rows_with, text, whole

RECORD = "morpho_ethereum"
CORRELATED_FROM = 9 * 10**17  # [wad] our judgement; nothing of the rules depends on it
FEE_MOST = 25 * 10**16
DECIMALS = {
    "USDC": 6,
    "USDT": 6,
    "PYUSD": 6,
    "WBTC": 8,
    "cbBTC": 8,
    "LBTC": 8,
    "EURC": 6,
    **dict.fromkeys(("WETH", "wstETH", "weETH", "ezETH", "rETH", "cbETH", "osETH", "DAI", "sDAI", "USDe", "sUSDe"), 18),
    **dict.fromkeys(("MKR", "tBTC", "USDS", "sUSDS", "USDA", "GHO", "RLUSD"), 18),
}
"""Decimals of tokens by symbol: those of the ERC-20 contracts on Ethereum."""
FIELDS: Mapping[str, Read] = {
    "collateral": text,
    "loan": text,
    "lltv": Raw(18),
    "collateral_decimals": whole,
    "loan_decimals": whole,
    "fee": Raw(18),
    "correlated": flag,
    "id": text,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a market was created with."""

    collateral: str
    loan: str
    lltv: int  # [wad]
    collateral_decimals: int
    loan_decimals: int
    fee: int = 0  # [wad]
    correlated: bool = False
    id: str = ""  # hash of the terms, oracle and rate model included

    @property
    def price_decimals(self) -> int:
        """Decimals of the oracle's price of one collateral token in loan tokens: 36 + loan − collateral."""
        return 36 + self.loan_decimals - self.collateral_decimals


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Terms by market name."""

    markets: Mapping[str, Terms]
    source: str
    as_of: int | None
    at: int
    warnings: tuple[str, ...] = ()

    def terms(self, name: str, place: str) -> Terms:
        """The market's terms; BadInput `no_parameters` for one that nobody described."""
        found = self.markets.get(name)
        if found is None:
            known = ", ".join(self.markets) or "none"
            expected = f'one of {known} at {format_time(self.at)}, or a table [parameters.<name>."{name}"]'
            raise BadInput("no_parameters", place, name, expected)
        return found


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """Markets created by `at` on Ethereum, and the book's own on top."""
    record = record_at(RECORD, at) if network in (None, "ethereum") else None
    rows = rows_with(record.rows if record else {}, overlay)
    return Parameters(
        markets={name: _terms(name, row) for name, row in rows.items()},
        source=record.source if record else "the book's own parameters",
        as_of=record.as_of if record else None,
        at=at,
    )


def _terms(name: str, row: Mapping[str, Any]) -> Terms:
    place = f"parameters.{name}"
    pair, _, lltv = name.rpartition("-")
    collateral, _, loan = pair.partition("/")
    stated = {"collateral": collateral, "loan": loan, "lltv": lltv} if collateral and loan and lltv else {}
    given = read_row({**stated, **row}, FIELDS, place)
    for key in ("collateral", "loan", "lltv"):
        if key not in given:
            raise BadInput(
                "missing_parameter", f"{place}.{key}", "nothing", f"a {key}, or a name such as WETH/USDC-0.86"
            )
    for side in ("collateral", "loan"):
        decimals = given.setdefault(f"{side}_decimals", DECIMALS.get(given[side]))
        if decimals is None or decimals > 36:
            raise BadInput(
                "missing_parameter", f"{place}.{side}_decimals", decimals, f"decimals of {given[side]}, to 36"
            )
    if given["lltv"] >= WAD:
        raise BadInput("bad_parameter", f"{place}.lltv", Decimal(given["lltv"]).scaleb(-18), "below 1")
    if given.get("fee", 0) > FEE_MOST:
        raise BadInput("bad_parameter", f"{place}.fee", Decimal(given["fee"]).scaleb(-18), "at most 0.25")
    if given["collateral"] == given["loan"]:
        raise BadInput("bad_parameter", f"{place}.loan", given["loan"], "another asset than the collateral")
    return Terms(**{"correlated": given["lltv"] >= CORRELATED_FROM, **given})
