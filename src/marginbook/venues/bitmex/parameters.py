"""Rates of BitMEX's markets, and the ledger that each kind settles in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import ZERO, divide, from_raw, grid_ceil, in_exact_context
from marginbook.params.records import record_at, record_or_error
from marginbook.venues.brackets import flat_table
from marginbook.venues.common.fields import decimal, fraction, positive, read_row, word
from marginbook.venues.contracts.model import Terms
from marginbook.venues.contracts.overlay import ALL

RECORD = "bitmex"
FIELDS = {
    "maintenance": fraction,
    "initial": fraction,
    "taker_fee": fraction,
    "funding_rate": decimal,
    "tick": positive,
    "quantity_step": positive,
    "values_of": word("contract", "position"),
    "risk_limit": positive,
    "risk_step": positive,
}
SETTLED_IN = {"USDT": ("USDT", 6), "USD": ("XBT", 8)}
"""Ending of a market's name -> (settlement currency, decimals of its ledger)."""
LEDGERS = {"USDt": 6, "XBt": 8}
"""The venue's name of a ledger unit -> decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one market is asked for."""

    maintenance: Decimal
    taker_fee: Decimal = ZERO
    initial: Decimal | None = None  # without a leverage of the position
    funding_rate: Decimal = ZERO
    tick: Decimal | None = None
    quantity_step: Decimal = Decimal("0.00000001")
    values_of: str = "position"  # what has its value rounded to the ledger; an inverse "contract" is 1 USD
    risk_limit: Decimal | None = None  # [settlement currency] up to which the rates hold
    risk_step: Decimal | None = None  # [settlement currency]

    def at_limit(self, limit: Decimal) -> "Row":
        """Rates under a risk limit: each step above the base adds the base maintenance to both.

        >>> rates = {"maintenance": Decimal("0.005"), "initial": Decimal("0.01")}
        >>> row = Row(**rates, risk_limit=Decimal(200), risk_step=Decimal(150))
        >>> [(r.maintenance, r.initial) for r in (row.at_limit(Decimal(350)), row.at_limit(Decimal("350.1")))]
        [(Decimal('0.010'), Decimal('0.015')), (Decimal('0.015'), Decimal('0.020'))]
        """
        if self.risk_limit is None or self.risk_step is None or limit <= self.risk_limit:
            return self
        more = self.maintenance * divide(grid_ceil(limit - self.risk_limit, self.risk_step), self.risk_step)
        initial = None if self.initial is None else self.initial + more
        return replace(self, maintenance=self.maintenance + more, initial=initial)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bitmex:
    """Parameters of one kind of perpetuals."""

    inverse: bool
    rows: Mapping[str, Row]
    venue: str = "bitmex"
    price_kind: str = "mark"
    as_of: int | None = None
    warnings: tuple[str, ...] = ()

    @property
    def decimals(self) -> int:
        """Decimals of the ledger."""
        return 8 if self.inverse else 6

    def row(self, market: str) -> Row:
        """A market's row; BadInput where it has none or is of the other kind."""
        self.currency_of(market)
        found = self.rows.get(market, self.rows.get(ALL))
        if found is None:
            rules = "bitmex/inverse" if self.inverse else "bitmex/linear"
            raise BadInput("no_parameters", f"parameters.{market}", "nothing", f"maintenance of {market} for {rules}")
        return found

    def currency_of(self, market: str) -> str:
        """XBT for inverse contracts, USDT for linear ones."""
        ending = "USD" if self.inverse else "USDT"
        if not market.endswith(ending):
            raise BadInput("unknown_market", market, market, f"a market that ends in {ending}")
        return SETTLED_IN[ending][0]

    def terms_of(self, market: str) -> Terms:
        """The market as a contract, for fills."""
        row = self.row(market)
        return Terms(
            table=flat_table(row.maintenance),
            currency=self.currency_of(market),
            inverse=self.inverse,
            quantity_step=row.quantity_step,
            initial_rate=row.initial,
        )


def _parameters(version: str, at: int, overlay: Mapping[str, Any] | None, inverse: bool) -> Bitmex:
    record = record_at(RECORD, at) if overlay else record_or_error(RECORD, at, f"bitmex/{version}")
    rows: dict[str, Any] = {
        name: row for name, row in (record.rows if record else {}).items() if name.endswith("USD") == inverse
    }
    for name, row in (overlay or {}).items():
        rows[name] = {**rows.get(name, {}), **row} if isinstance(row, Mapping) else row
    found = {}
    for name, row in rows.items():
        values = read_row(row, FIELDS, f"parameters.{name}")
        if "maintenance" not in values:
            raise BadInput("no_parameters", f"parameters.{name}.maintenance", "nothing", "a fraction of the cost")
        found[name] = Row(**values)
    return Bitmex(inverse=inverse, rows=found, as_of=record.as_of if record else None)


@in_exact_context
def linear_parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Bitmex:
    """Rows of linear perpetuals at `at`, a book's own on them (`"*"`: every other market)."""
    return _parameters(version, at, overlay, False)


@in_exact_context
def inverse_parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Bitmex:
    """Rows of inverse perpetuals at `at`, a book's own on them (`"*"`: every other market)."""
    return _parameters(version, at, overlay, True)


def overlay_from_instruments(answer: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """An overlay from the venue's `GET /api/v1/instrument` answer.

    >>> row = {"symbol": "XBTUSD", "maintMargin": 0.005, "tickSize": 0.5, "settlCurrency": "XBt", "riskLimit": 10**10}
    >>> found = overlay_from_instruments([row])["XBTUSD"]
    >>> found["maintenance"], found["tick"], found["risk_limit"]
    (0.005, 0.5, Decimal('100.00000000'))
    """
    rates = (
        ("initMargin", "initial"),
        ("maintMargin", "maintenance"),
        ("takerFee", "taker_fee"),
        ("fundingRate", "funding_rate"),
        ("tickSize", "tick"),
    )
    limits = (("riskLimit", "risk_limit"), ("riskStep", "risk_step"))
    found: dict[str, dict[str, Any]] = {}
    for row in answer:
        found[row["symbol"]] = {ours: row[theirs] for theirs, ours in rates if row.get(theirs) is not None}
        decimals = LEDGERS.get(str(row.get("settlCurrency")))
        if decimals is not None:
            amounts = {ours: from_raw(int(row[theirs]), decimals) for theirs, ours in limits if row.get(theirs)}
            found[row["symbol"]] |= amounts
    return found
