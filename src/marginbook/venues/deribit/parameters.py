"""Rates of Deribit's standard margin by family of instruments, and the settings of its portfolio margin."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, ZERO, in_exact_context
from marginbook.params.records import record_at, record_or_error
from marginbook.venues.brackets import flat_table
from marginbook.venues.common.fields import fraction, not_negative, positive, read_row, whole
from marginbook.venues.contracts.model import Terms
from marginbook.venues.contracts.overlay import ALL
from marginbook.venues.deribit.instruments import instrument

RECORD = "deribit"
FIELDS = {
    "initial": fraction,
    "maintenance": fraction,
    "per_coin": not_negative,
    "out_of_the_money": fraction,
    "least": fraction,
    "liquidation_fee": fraction,
    "tick": positive,
    "quantity_step": positive,
}
SETTINGS = "portfolio"
SETTING_FIELDS = {
    "price_range": fraction,
    "buckets": whole,
    "least_annualised_move": fraction,
    "annualised_move": fraction,
    "maintenance_factor": fraction,
    "delta_threshold": positive,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What a family of instruments is asked for.

    Futures: (initial | maintenance) + per_coin · size. Options sold: `out_of_the_money` (0.15) less the distance of the
    strike, at least `least` (0.10); `maintenance` 0.075.
    """

    initial: Decimal = ZERO
    maintenance: Decimal = ZERO
    per_coin: Decimal = ZERO  # [1 per coin of size]
    out_of_the_money: Decimal = ZERO
    least: Decimal = ZERO
    liquidation_fee: Decimal | None = None  # [fraction of the closed value]
    tick: Decimal | None = None
    quantity_step: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of portfolio margin."""

    price_range: Decimal  # [fraction] outermost bucket
    buckets: int  # on either side
    least_annualised_move: Decimal  # [fraction] floor of the roll shock
    annualised_move: Decimal  # [fraction per year]
    maintenance_factor: Decimal
    delta_threshold: Decimal  # [USD] total delta above which a delta shock is added


@dataclass(frozen=True, slots=True, kw_only=True)
class Deribit:
    """Parameters of both rule sets at one time."""

    rates: Mapping[str, Rates]
    settings: Settings | None  # None before portfolio margin was recorded
    at: int  # [µs UTC] for days to expiry
    venue: str = "deribit"
    price_kind: str = "mark"
    as_of: int | None = None
    warnings: tuple[str, ...] = ()

    def rates_of(self, market: str) -> Rates:
        """Rates of an instrument, its own or its family's; BadInput `no_parameters` where there are none."""
        family = instrument(market).family
        for name in (market, family, ALL):
            if name in self.rates:
                return self.rates[name]
        raise BadInput("no_parameters", f"parameters.{family}", "nothing", f"rates of {family} for deribit")

    def terms_of(self, market: str) -> Terms:
        """The instrument as a contract: an option is linear in its price."""
        what, rates = instrument(market), self.rates_of(market)
        return Terms(
            table=flat_table(rates.maintenance),
            currency=what.currency,
            inverse=what.quote is None and not what.is_option,
            liquidation_fee=rates.liquidation_fee,
            tick=rates.tick,
            quantity_step=rates.quantity_step or Decimal("0.00000001"),
            initial_rate=rates.initial or ONE,
        )

    def currency_of(self, market: str) -> str:
        """Settlement currency by the instrument's name."""
        return instrument(market).currency


@in_exact_context
def parameters(version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None) -> Deribit:
    """The table at `at`, a book's rows on it: by instrument, by family (`BTC-FUTURE`), `"*"`, or `portfolio`."""
    record = record_or_error(RECORD, at, f"deribit/{version}") if not overlay else record_at(RECORD, at)
    rows: dict[str, Mapping[str, Any]] = dict(record.rows) if record else {}
    for name, row in (overlay or {}).items():
        if not isinstance(row, Mapping):
            raise BadInput("bad_parameters", f"parameters.{name}", row, "a table of parameters")
        base = rows.get(name, {})
        if name not in rows and name not in (ALL, SETTINGS) and not name.endswith(("-OPTION", "-FUTURE", "-PERPETUAL")):
            base = rows.get(instrument(name).family, {})
        rows[name] = {**base, **row}
    settings = rows.pop(SETTINGS, None)
    if version == "portfolio" and (settings is None or set(settings) != set(SETTING_FIELDS)):
        raise BadInput("no_parameters", f"parameters.{SETTINGS}", settings or "nothing", ", ".join(SETTING_FIELDS))
    return Deribit(
        rates={name: Rates(**read_row(row, FIELDS, f"parameters.{name}")) for name, row in rows.items()},
        settings=Settings(**read_row(settings, SETTING_FIELDS, f"parameters.{SETTINGS}")) if settings else None,
        at=at,
        as_of=record.as_of if record else None,
    )
