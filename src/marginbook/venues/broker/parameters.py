"""Dated rates of Regulation T, FINRA Rule 4210 and portfolio margin, by underlying, a book's own rows on them.

`$account` holds what concerns the account as a whole, `*` every underlying without a row of its own. A broker's house
margin is a row of the book: `[parameters.mine.TSLA] maintenance_long = "0.40"`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from marginbook.exact import ONE, in_exact_context
from marginbook.params.records import record_at, record_or_error
from marginbook.venues.common.fields import flag, fraction, not_negative, positive, read_row, whole

RECORD = "broker_us"
ACCOUNT = "$account"
ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Underlying:
    """Rates of one underlying. Fractions are of its market value unless said otherwise."""

    initial_long: Decimal  # Regulation T, 12 CFR 220.12(a)
    initial_short: Decimal  # 12 CFR 220.12(c): 150 %, of which 100 % are the proceeds
    maintenance_long: Decimal  # FINRA 4210(c)(1)
    maintenance_short: Decimal  # 4210(c)(3)
    short_border: Decimal  # [USD per share] from which on (c)(3) holds, below it (c)(2)
    short_least: Decimal  # [USD per share] at or above the border
    short_least_below: Decimal  # [USD per share] below it, where all of the value is asked for
    option_rate: Decimal  # of an uncovered option, less what it is out of the money
    option_floor: Decimal  # at least this share of the underlying (calls) or of the exercise price (puts)
    hedged_rate: Decimal  # of the exercise price, for stock hedged by a long option
    long_option_loan: Decimal  # share of a long option's value that counts beyond `long_option_months`
    long_option_months: int
    range_up: Decimal  # portfolio margin: farthest valuation point
    range_down: Decimal
    least_per_unit: Decimal  # [USD per option and unit of its multiplier]
    leverage: Decimal = ONE  # of a leveraged fund: option rates and maintenance are multiplied by it

    def short_maintenance(self, price: Decimal) -> Decimal:
        """Maintenance of one share sold short at `price`, beside its value [USD]."""
        if price >= self.short_border:
            return max(self.short_least, self.maintenance_short * self.leverage * price)
        return max(self.short_least_below, price)

    def long_maintenance(self, price: Decimal) -> Decimal:
        """Maintenance of one share held at `price` [USD]."""
        return min(ONE, self.maintenance_long * self.leverage) * price


UNDERLYING = {
    **dict.fromkeys((field.name for field in fields(Underlying)), not_negative),
    **dict.fromkeys(("initial_long", "maintenance_long", "range_down", "long_option_loan"), fraction),
    "long_option_months": whole,
    "leverage": positive,
}
WHOLE_ACCOUNT = {
    "minimum_equity": not_negative,
    "pattern_day_trader": flag,
    "day_trader_minimum": not_negative,
    "day_trading_multiple": not_negative,
    "spread_legs": whole,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """All rates at one time."""

    at: int  # [µs UTC]
    rows: Mapping[str, Underlying]
    minimum_equity: Decimal
    pattern_day_trader: bool
    day_trader_minimum: Decimal
    day_trading_multiple: Decimal
    spread_legs: int  # most option legs of a spread
    venue: str = "broker"
    price_kind: str = "mark"
    as_of: int | None = None
    warnings: tuple[str, ...] = ()

    def of(self, underlying: str) -> Underlying:
        """Rates of an underlying, else those of all."""
        return self.rows.get(underlying, self.rows[ANY])


@in_exact_context
def parameters(version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None) -> Rates:
    """The rates in force at `at`, a book's rows on them."""
    record = record_at(RECORD, at) or record_or_error(RECORD, at, f"broker/{version}")
    rows: dict[str, dict[str, Any]] = {}
    for source in (record.rows, overlay or {}):
        for name, row in source.items():
            known = WHOLE_ACCOUNT if name == ACCOUNT else UNDERLYING
            rows[name] = {**rows.get(name, {}), **read_row(row, known, f"parameters.{name}")}
    account = rows.pop(ACCOUNT)
    return Rates(
        at=at,
        rows={name: Underlying(**{**rows[ANY], **row}) for name, row in rows.items()},
        as_of=record.as_of,
        **account,
    )
