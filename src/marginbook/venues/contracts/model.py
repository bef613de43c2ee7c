"""Pools of linear and inverse contracts: what the exchanges and `generic/derivatives` share.

Everything is a function of one factor f per market: the price (linear) or its inverse (inverse contracts):

    profit       = slope · (f − f_entry),   slope = side · size (linear) or −side · size (inverse)
    notional     = size · f
    maintenance  = table(notional at mark, or at entry) + fee to close
    fee to close = fee_to_close · notional, or a constant: a rate on the value at entry or at bankruptcy (`ClosingFee`)
    initial      = notional (at mark, or at entry) / leverage, plus the fee to close where the venue adds it

Linear contracts are exact in `Decimal`; 1 / price of an inverse one carries 128 digits. How a venue prints its numbers
and its liquidation price is `ContractRules.printing` and `displayed`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from typing import Literal

from marginbook.domain.account import Account, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import ONE, ZERO, divide, from_raw, round_ceil, round_floor, round_trunc
from marginbook.venues.brackets import BracketTable, flat_table

FUNDING_DECIMALS = 18
"""Scale of a cumulative funding index [quote per base]."""


RATE_PLACES = 8
"""Decimals at which some venues round a rate up before they multiply."""
Basis = Literal["mark", "entry"]
NO_TABLE = flat_table(ONE)
"""Stands in terms that know a venue's conventions only, until a table is given."""
flat_of = cache(flat_table)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingFee:
    """A fee to close that does not move with the price: a taker fee on the value at which nothing would be left.

        by leverage   entry value · up8(rate · (1 − s / leverage)),   s = +1 where a fall of the factor hurts, else −1
        by wallet     rate · bankruptcy value, the value at which the pool's own money is gone after the fee:
                      (entry value − s · wallet) / (1 − s · rate),   at least 0

    The two are one where the wallet is the initial margin: entry value / leverage + fee.
    """

    rate: Decimal
    cross: Literal["none", "leverage", "wallet"]
    isolated: Literal["none", "leverage", "wallet"]
    in_initial: bool = False  # part of the initial margin as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the venue asks of one market."""

    table: BracketTable
    tiers_by: Literal["notional", "quantity"] = "notional"  # quantity: the rate of the tier holds at every price
    steps: bool = False  # the rate of the tier holds for the whole position: no maintenance amounts
    currency: str | None = None  # settlement; None: the account's only wallet currency
    inverse: bool = False
    basis: Basis = "mark"  # of the maintenance margin
    initial_basis: Basis = "mark"  # of the initial margin
    initial_basis_isolated: Basis = "mark"  # of that of an isolated position
    rounds_leverage: bool = False  # 1 / leverage is rounded up at 8 decimals before it is multiplied
    closing: ClosingFee | None = None  # a constant fee to close; beside `fee_to_close`
    initial_rate: Decimal | None = None  # where a position has no leverage of its own
    fee_to_close: Decimal = ZERO  # [fraction of notional] demanded on top of maintenance
    liquidation_fee: Decimal | None = None  # [fraction of notional]
    tick: Decimal | None = None  # [quote per base]
    quantity_step: Decimal = Decimal("0.00000001")  # [base units or contracts]
    contract_size: Decimal = ONE  # [base units, or quote units of an inverse contract]


@dataclass(frozen=True, slots=True)
class Printing:
    """How the numbers of a pool are rounded."""

    cuts: bool = False  # toward zero, as the venue prints; otherwise ours: toward danger
    places: int = 8
    entry_places: int | None = None  # the printed profit is computed from an entry price cut so
    ratio: Literal["demand / support", "support / demand"] = "demand / support"

    def good(self, value: Decimal) -> Decimal:
        """What backs an account."""
        return round_trunc(value, self.places) if self.cuts else round_floor(value, self.places)

    def bad(self, value: Decimal) -> Decimal:
        """What is asked of it."""
        return round_trunc(value, self.places) if self.cuts else round_ceil(value, self.places)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a venue may look at to print the liquidation price of one market in a pool."""

    pool: "Pool"
    own: tuple["Holding", ...]  # the market's positions
    root: Decimal  # price at which support = demand, before any grid
    when: Literal["at_or_below", "at_or_above"]
    price: Decimal | None  # the market's present price, where there is one
    room: Decimal | None  # support − demand at the present price [currency]
    funding: Decimal = ZERO  # funding of the market's positions that is not in the wallet yet [currency]

    @property
    def isolated(self) -> bool:
        """Whether the pool is one isolated position."""
        return self.pool.name.startswith("isolated:")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRules:
    """Parameters of a rule set of contracts at one time.

    A book keeps accounts under a `Contracts` in columns, with requirements that move with the price only; accounts
    under other `ContractRules` take part as objects, by their own `lower`.
    """

    rules: str
    venue: str
    price_kind: str
    at_equality: bool  # liquidatable at support = demand
    terms: Mapping[str, Terms]
    currency_of: Callable[[str], str | None]  # settlement currency from the market's name
    source: str
    printing: Printing = Printing()
    displayed: Callable[[Shown], Decimal | None] | None = None  # the venue's own print of a liquidation price
    extra: Callable[["Pool", Market, "ContractRules"], Mapping[str, Decimal]] | None = None  # its other numbers
    default: Terms | None = None  # for every market that `terms` does not name
    default_of: Callable[[str], Terms] | None = None  # the same where it depends on the market's name
    as_of: int | None = None  # [µs UTC]
    warnings: tuple[str, ...] = ()

    def terms_of(self, market: str) -> Terms:
        """The market's terms; BadInput `no_parameters` where there are none, never the lowest tier."""
        found = self.terms.get(market, self.default)
        if found is None and self.default_of is not None:
            found = self.default_of(market)
        if found is None:
            raise BadInput(
                "no_parameters", f"parameters.{market}", "nothing", f"parameters of {market} for {self.rules}"
            )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Contracts(ContractRules):
    """Rules whose requirement is a function of the price alone: maintenance at mark, fees at mark."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A position with its terms. `own_wallet` is the margin of an isolated one, else the cross money that backs it."""

    position: Position
    terms: Terms
    isolated: bool = False
    own_wallet: Decimal = ZERO  # [currency]

    @property
    def size(self) -> Decimal:
        """Base units (linear) or quote units (inverse)."""
        return self.position.quantity * self.terms.contract_size

    @property
    def table(self) -> BracketTable:
        """Requirement as a function of the notional: the terms' table, or its one row for this quantity."""
        table = self.terms.table
        if self.terms.tiers_by == "notional":
            return table
        return flat_of(table.bracket_up_to(self.position.quantity).rate)

    @property
    def slope(self) -> Decimal:
        """Profit per unit of factor."""
        sign = -self.position.sign if self.terms.inverse else self.position.sign
        return self.size if sign > 0 else -self.size

    def factor(self, price: Decimal) -> Decimal:
        """The price, or its inverse for inverse contracts."""
        return divide(ONE, price) if self.terms.inverse else price

    @property
    def entry_factor(self) -> Decimal:
        """The factor at the entry price."""
        return self.factor(self.position.entry)

    def profit(self, factor: Decimal) -> Decimal:
        """Unrealised profit [currency] at `factor`, funding not included."""
        return self.slope * (factor - self.entry_factor)

    @property
    def closing_fee(self) -> Decimal:
        """The constant part of the fee to close [currency], by `ClosingFee`; 0 without one or without its inputs."""
        fee = self.terms.closing
        how = "none" if fee is None else fee.isolated if self.isolated else fee.cross
        if fee is None or how == "none":
            return ZERO
        value, sign = self.size * self.entry_factor, ONE if self.slope > 0 else -ONE
        if how == "leverage":
            return self.fee_by_leverage
        return fee.rate * max(ZERO, divide(value - sign * self.own_wallet, ONE - sign * fee.rate))

    @property
    def fee_by_leverage(self) -> Decimal:
        """Fee [currency] at the bankruptcy price of a position whose money is its initial margin; 0 without a fee."""
        fee = self.terms.closing
        if fee is None:
            return ZERO
        share = inverse_leverage(self.position.leverage, self.terms)
        rate = round_ceil(fee.rate * (ONE - (share if self.slope > 0 else -share)), RATE_PLACES)
        return self.size * self.entry_factor * rate

    @property
    def fixed_demand(self) -> Decimal:
        """What of the maintenance margin does not move with the price [currency]."""
        at_entry = self.table.maintenance(self.size * self.entry_factor) if self.terms.basis == "entry" else ZERO
        return at_entry + self.closing_fee

    def maintenance(self, factor: Decimal) -> Decimal:
        """Maintenance margin [currency] at `factor`: by the bracket of the notional, plus the fee to close."""
        terms, notional = self.terms, self.size * factor
        required = terms.fee_to_close * notional
        if terms.basis == "mark":
            required += self.table.maintenance(notional)
        return required if terms.basis == "mark" and terms.closing is None else required + self.fixed_demand

    @property
    def initial_basis(self) -> Basis:
        """Which price the initial margin goes by."""
        return self.terms.initial_basis_isolated if self.isolated else self.terms.initial_basis

    def initial_value(self, factor: Decimal) -> Decimal:
        """The value that the initial margin is a fraction of: notional at `factor`, or at entry [currency]."""
        return self.size * (factor if self.initial_basis == "mark" else self.entry_factor)

    def initial(self, exposure: Decimal) -> Decimal:
        """Initial margin [currency] of an exposure: exposure / leverage, plus the fee to close where it is part."""
        fee = self.terms.closing
        return initial_margin(exposure, self.position.leverage, self.terms) + (
            self.fee_by_leverage if fee is not None and fee.in_initial else ZERO
        )


def inverse_leverage(leverage: Decimal | None, terms: Terms) -> Decimal:
    """1 / leverage exactly (128 digits); without a leverage, the initial rate or what the first bracket allows."""
    if leverage is not None:
        return divide(ONE, leverage)
    if terms.initial_rate is not None:
        return terms.initial_rate
    most = terms.table.rows[0].max_leverage
    return divide(ONE, most) if most is not None else ONE


def initial_margin(exposure: Decimal, leverage: Decimal | None, terms: Terms) -> Decimal:
    """exposure / leverage; without a leverage, by the terms' rate, or by the most that the first bracket allows."""
    if terms.rounds_leverage:
        return exposure * round_ceil(inverse_leverage(leverage, terms), RATE_PLACES)
    if leverage is not None:
        return divide(exposure, leverage)
    if terms.initial_rate is not None:
        return exposure * terms.initial_rate
    most = terms.table.rows[0].max_leverage
    return divide(exposure, most) if most is not None else exposure


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """What resting orders of one market (hedge mode: of one leg) may add to an exposure."""

    bids: Decimal = ZERO  # [currency]
    asks: Decimal = ZERO  # [currency]
    leverage: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """The cross account of one currency, or one isolated position."""

    name: str
    currency: str
    wallet: Decimal  # [currency]
    holdings: tuple[Holding, ...] = ()
    orders: Mapping[tuple[str, str], OpenOrders] = field(default_factory=dict)  # by (market, leg)
    order_terms: Mapping[str, Terms] = field(default_factory=dict)
    fixed_support: Decimal = ZERO  # [currency]
    fixed_demand: Decimal = ZERO  # [currency]

    @property
    def has_inverse(self) -> bool:
        """Whether any position is an inverse contract."""
        return any(holding.terms.inverse for holding in self.holdings)


def is_isolated(account: Account, position: Position) -> bool:
    """Whether the position owns its margin."""
    return (position.mode or account.mode) == "isolated"


def isolated_pool(position: Position) -> str:
    """Pool id of an isolated position: `isolated:BTCUSDT:long`."""
    return f"isolated:{position.market}:{position.side}"


def currency_of(account: Account, market: str, parameters: ContractRules) -> str:
    """Settlement currency: the terms', else the market name's, else the account's only wallet currency."""
    found = parameters.terms_of(market).currency or parameters.currency_of(market)
    if found is None and len(account.wallet) == 1:
        found = next(iter(account.wallet))
    if found is None:
        raise BadInput("unknown_currency", f"parameters.{market}.currency", "nothing", "the settlement currency")
    return found


def leg_of(account: Account, side: str) -> str:
    """Orders net per market in one-way mode, per leg in hedge mode."""
    return side if account.position_mode == "hedge" else "both"


_NOTHING: tuple[object, object, Mapping[str, "Pool"]] = (None, None, {})
_latest = _NOTHING


def pools(account: Account, parameters: ContractRules) -> Mapping[str, Pool]:
    """The account's pools: one per currency for cross margin, then one per isolated position.

    The functions of a rule set are asked one after the other about the same account, so the latest answer is kept; an
    account is frozen, and its identity is enough.
    """
    global _latest
    owner, terms, found = _latest
    if owner is not account or terms is not parameters:
        found = _pools(account, parameters)
        _latest = (account, parameters, found)
    return found


def _pools(account: Account, parameters: ContractRules) -> dict[str, Pool]:
    cross: dict[str, list[Holding]] = {currency: [] for currency in account.wallet}
    isolated: dict[str, Pool] = {}
    seen: set[tuple[str, str]] = set()
    for index, position in enumerate(account.positions):
        holding = _holding(account, position, index, parameters)
        key = (position.market, leg_of(account, position.side))
        if key in seen:
            raise BadInput(
                "duplicate_position",
                f"account {account.id}.position[{index}]",
                f"a second position in {position.market}",
                "one position per market (hedge mode: per side)",
            )
        seen.add(key)
        currency = currency_of(account, position.market, parameters)
        if not is_isolated(account, position):
            backing = account.wallet.get(currency, ZERO) + (account.fixed.support if account.fixed else ZERO)
            cross.setdefault(currency, []).append(replace(holding, own_wallet=backing))
            continue
        if position.isolated_wallet is None:
            raise BadInput(
                "missing_isolated_wallet",
                f"account {account.id}.position[{index}].isolated_wallet",
                "nothing",
                "the margin that the isolated position owns",
            )
        name = isolated_pool(position)
        alone = replace(holding, isolated=True, own_wallet=position.isolated_wallet)
        isolated[name] = Pool(name, currency, position.isolated_wallet, (alone,))
    orders = open_orders(account, parameters)
    for currency in orders:
        cross.setdefault(currency, [])
    support, demand = _fixed(account, list(cross))
    result = {}
    for currency, holdings in cross.items():
        name = f"cross:{currency}"
        known = orders.get(currency, {})
        result[name] = Pool(
            name,
            currency,
            account.wallet.get(currency, ZERO),
            tuple(holdings),
            known,
            {market: parameters.terms_of(market) for market, _ in known},
            support,
            demand,
        )
    return result | isolated


def _fixed(account: Account, currencies: list[str]) -> tuple[Decimal, Decimal]:
    if account.fixed is None:
        return ZERO, ZERO
    if len(currencies) != 1:
        raise BadInput(
            "ambiguous_fixed", f"account {account.id}.fixed", ", ".join(currencies) or "no pool", "one cross pool"
        )
    return account.fixed.support, account.fixed.demand


def _holding(account: Account, position: Position, index: int, parameters: ContractRules) -> Holding:
    place = f"account {account.id}.position[{index}]"
    if position.quantity < 0:
        raise BadInput(
            "negative_quantity", f"{place}.quantity", position.quantity, "at least 0; the side carries the sign"
        )
    if position.entry <= 0:
        raise BadInput("bad_price", f"{place}.entry", position.entry, "above 0")
    if position.leverage is not None and position.leverage <= 0:
        raise BadInput("bad_leverage", f"{place}.leverage", position.leverage, "above 0")
    return Holding(position, parameters.terms_of(position.market))


def open_orders(account: Account, parameters: ContractRules) -> dict[str, dict[tuple[str, str], OpenOrders]]:
    """What resting orders may add, by currency and (market, leg); BadInput for one that the venue would refuse."""
    leverages = {p.market: p.leverage for p in account.positions if p.leverage is not None}
    found: dict[str, dict[tuple[str, str], OpenOrders]] = {}
    for order in account.orders:
        if not order.reduce_only and _opens(account, order):
            terms = parameters.terms_of(order.market)
            value = order.quantity * terms.contract_size
            value = divide(value, order.price) if terms.inverse else value * order.price
            legs = found.setdefault(currency_of(account, order.market, parameters), {})
            key = (order.market, leg_of(account, order.position_side or "both"))
            old = legs.get(key, OpenOrders())
            legs[key] = OpenOrders(
                old.bids + (value if order.side == "buy" else ZERO),
                old.asks + (value if order.side == "sell" else ZERO),
                order.leverage or old.leverage or leverages.get(order.market),
            )
    return found


def _opens(account: Account, order: Order) -> bool:
    """In hedge mode, selling a long or buying a short only closes."""
    if account.position_mode == "one-way":
        return True
    if order.position_side is None:
        raise BadInput(
            "missing_position_side", f"account {account.id}.order {order.id}", "nothing", "long or short in hedge mode"
        )
    return (order.side == "buy") == (order.position_side == "long")


def price_reader(market: Market, parameters: ContractRules) -> Callable[[str], Decimal]:
    """Price of a market by the rule's own kind; BadInput where it is missing or not above 0."""

    def price(name: str) -> Decimal:
        value = market.price(parameters.venue, name, parameters.price_kind)
        if value <= 0:
            raise BadInput("bad_price", f"prices.{parameters.venue}.{name}", value, "above 0")
        return value

    return price


def funding_due(holding: Holding, market: Market, venue: str) -> Decimal:
    """Funding [currency] not yet in the wallet: −side · size · (index − index at the last settlement)."""
    index = market.indices.get((venue, holding.position.market, "funding"))
    if index is None:
        return ZERO
    grown = from_raw(index.value_raw - (holding.position.funding_index_raw or 0), FUNDING_DECIMALS)
    return -holding.position.sign * holding.size * grown
