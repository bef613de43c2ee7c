"""Liquidations of Aave v2 as a public table recorded them, with the precision that the table has left.

Source: TheRensselaerIDEA/IDEA-Blockchain, DefiResearch/Data/liquidations.csv at 55d5dac0 (no licence file; from the
Aave v2 subgraph): 11,497 calls of 17 December 2020 to 3 April 2022, both markets on Ethereum. Two formats:

    first part (until 27 July 2021)   amounts as integers of token units, exact; prices as doubles of wei
    second part                       amounts, prices [ETH] and values [USD] as doubles, an integer divided by 10^n

A double of the first kind is within half a unit in its last place of the integer, one of the second within one unit:
both are read as the range of integers within one unit. Arithmetic over ranges then decides "equal" exactly.
"""

import csv
import gzip
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import inf, nextafter
from pathlib import Path
from typing import Literal

from marginbook.domain.errors import BadInput
from marginbook.exact import WAD, in_exact_context

FILE = "aave_v2_liquidations_2020-12_2022-04_raw.csv.gz"
AMM = "0xacc030ef66f9dfeae9cbb0cd1b25654b82cfa8d5"
"""Address provider of the AMM market; the other one is the main market's."""
DECIMALS = {"USDC": 6, "USDT": 6, "WBTC": 8, "GUSD": 2, "AMPL": 9, "AmmUSDC": 6, "AmmUSDT": 6, "AmmWBTC": 8}
"""Of tokens that have not 18."""
ETHER = ("WETH", "AmmWETH")
AFTER_USDT = ("ENJ", "KNC", "ZRX")
"""Collaterals whose token addresses sort after that of USDT. The source filed the price of USDT as theirs, and, in the
first part, the price of such a collateral as that of USDT."""

IDENTITY = ("timestamp", "user", "collateralReserve", "principalReserve", "collateralAmount", "principalAmount")
"""Columns in which the lines of one call agree."""

Part = Literal["first", "second"]


@dataclass(frozen=True, slots=True)
class Range:
    """Integers from `least` to `most`."""

    least: int
    most: int

    def meets(self, least: int, most: int) -> bool:
        """Whether some integer from `least` to `most` is in the range.

        >>> Range(3, 5).meets(5, 9), Range(3, 5).meets(6, 9)
        (True, False)
        """
        return least <= self.most and self.least <= most


@dataclass(frozen=True, slots=True)
class Event:
    """One liquidation call, in token units; prices in wei of ETH per whole token."""

    part: Part
    time: int  # [µs UTC]
    network: str  # of the parameters: "ethereum", "ethereum_amm"
    user: str
    collateral: str
    debt: str
    seized: Range
    repaid: Range
    collateral_price: Range | None  # None where the source has none
    debt_price: Range | None
    values: tuple[Decimal, Decimal] | None  # [USD] (seized, repaid), second part only

    @property
    def units(self) -> tuple[int, int]:
        """Token units in one whole token of (collateral, debt)."""
        return 10 ** decimals(self.collateral), 10 ** decimals(self.debt)


def decimals(token: str) -> int:
    """Decimals of a token."""
    return DECIMALS.get(token, 18)


@in_exact_context
def within_one_place(text: str, places: int) -> Range:
    """Integers n for which n / 10^places is within one unit in the last place of the double that `text` names.

    >>> within_one_place("2598.419589", 6), within_one_place("1.0", 18)
    (Range(least=2598419589, most=2598419589), Range(least=999999999999999889, most=1000000000000000222))
    """
    value = float(text)
    low, high = (Decimal(nextafter(value, end)).scaleb(places) for end in (-inf, inf))
    return Range(int(low.to_integral_value(ROUND_CEILING)), int(high.to_integral_value(ROUND_FLOOR)))


def event(row: Mapping[str, str]) -> Event:
    """One line of the table."""
    collateral, debt = row["collateralReserve"], row["principalReserve"]
    second = bool(row["liquidator"])
    places = 18 if second else 0
    field = "priceUSDTCollateral" if collateral in AFTER_USDT and not second else "reservePriceETHCollateral"
    seized, repaid = row["collateralAmount"], row["principalAmount"]
    return Event(
        part="second" if second else "first",
        time=int(row["timestamp"]) * 10**6,
        network="ethereum_amm" if row["pool"] == AMM else "ethereum",
        user=row["user"],
        collateral=collateral,
        debt=debt,
        seized=within_one_place(seized, decimals(collateral)) if second else Range(int(seized), int(seized)),
        repaid=within_one_place(repaid, decimals(debt)) if second else Range(int(repaid), int(repaid)),
        collateral_price=_price(collateral, row[field], places),
        debt_price=_price(debt, row["reservePriceETHPrincipal"], places),
        values=(Decimal(row["amountUSDCollateral"]), Decimal(row["amountUSDPrincipal"])) if second else None,
    )


def _price(token: str, text: str, places: int) -> Range | None:
    if token in ETHER:
        return Range(WAD, WAD)
    return within_one_place(text, places) if text else None


def events(folder: Path) -> list[Event]:
    """All calls in order of time, one that is in the table twice once. BadInput without the table."""
    path = folder / FILE
    if not path.is_file():
        raise BadInput("missing_file", str(folder), FILE, "the table of liquidations")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return read(csv.DictReader(file))


def read(rows: Iterable[Mapping[str, str]]) -> list[Event]:
    """The same of rows."""
    distinct = {tuple(row[column] for column in IDENTITY): row for row in rows}
    return sorted(map(event, distinct.values()), key=lambda one: one.time)
