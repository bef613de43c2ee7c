"""Perpetual Protocol v2 accounts as the contracts count them: integers of 10^-18.

    position value   = trunc(size · reference price / 1e18)
    account value    = settlement balance + owed realised PnL + pending fees − funding + Σ collateral · ratio
                       + Σ (position value + open notional), floored at the settlement token's decimals
    requirement      = ⌊Σ |position value| · mm ratio / 1e6⌋              liquidatable: account value < requirement
    free collateral  = min(account value, account value − unrealised PnL) − ⌊debt · im ratio / 1e6⌋
    debt             = |Σ open notional where negative in total| + Σ |value of base owed|

Source: perpetual-protocol/perp-curie-contract `AccountBalance`, `Vault`, `Exchange`, commit d520bd8e2c42 (2024-09-11).
The price is the reference price of an open market (the contract's mark price: a median of the index and two
time-weighted ones), kind `oracle`; a collateral's is its index price, cut at the decimals of its feed.

One pool, `cross:USDC`. A position may state `open_notional` in its `details` (negative for longs; default
∓quantity · entry); an account `owed_realized_pnl` and `pending_fee` [USDC]. `funding_index_raw` and the index
`("perp", market, "funding")` are the venue's time-weighted premium growth [quote per base · seconds · 2^96]; an index
event carries that integer times 10^-18.

Deviations: liquidity that the account provides (range orders) comes in as sums, in a position's details: `order_base`
and `order_quote` that it holds, `order_base_debt` and `order_quote_debt` that it owes, `order_funding`. They stand as
they are stated: what the orders hold moves with the pool's price, and that is not followed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Collateral, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import ZERO, div_floor, div_trunc, mul_div_floor, mul_div_trunc, to_raw_floor
from marginbook.params.records import record_or_error
from marginbook.venues.common.fields import Raw, Read, detail, positive, read_row, text, whole

VENUE = "perp"
DECIMALS = 18
UNIT = 10**DECIMALS
RATIO = 10**6
DUST = 10
"""Positions of less than 10 units of 10^-18 count as none."""
PREMIUM_SCALE = 2**96
FUNDING_PERIOD = 86_400
ALL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralTerms:
    """A collateral that is not the settlement token."""

    collateral_ratio: int  # [10^-6] of its value that counts
    decimals: int = 18
    price_decimals: int = 8  # of its price feed
    discount_ratio: int | None = None  # [10^-6] off its price in a sale to a liquidator


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleTerms:
    """When and how far other collateral may be sold. Ratios are integers of 10^-6, money of the settlement token's."""

    mm_ratio_buffer: int
    debt_ratio: int  # of counted collateral
    sale_ratio: int  # of the debt that may be repaid at once
    fund_share: int  # of what the liquidator pays
    debt_threshold: int
    dust_value: int  # of a debt that is repaid whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The clearing house's configuration at one time. Ratios are integers of 10^-6."""

    im_ratio: int
    mm_ratio: int
    liquidation_penalty: int
    min_partial_value: int = 100 * UNIT  # [10^-18] a smaller position is liquidated whole
    settlement: str = "USDC"
    settlement_decimals: int = 6
    collaterals: Mapping[str, CollateralTerms]
    ticks: Mapping[str, Decimal]  # grid of our liquidation prices, by market
    sales: SaleTerms | None = None
    source: str
    rules: str = "perp/2"
    as_of: int | None = None  # [µs UTC]
    warnings: tuple[str, ...] = ()

    @property
    def pool(self) -> str:
        """The only pool."""
        return f"cross:{self.settlement}"

    def collateral(self, asset: str) -> CollateralTerms:
        """A collateral's terms; BadInput `no_parameters` where there are none."""
        if asset not in self.collaterals:
            raise BadInput("no_parameters", f"parameters.{asset}", "nothing", f"collateral_ratio of {asset}")
        return self.collaterals[asset]


GLOBAL: dict[str, Read] = {
    "im_ratio": Raw(6),
    "mm_ratio": Raw(6),
    "liquidation_penalty": Raw(6),
    "min_partial_value": Raw(DECIMALS),
    "settlement": text,
    "settlement_decimals": whole,
}
SALES: dict[str, Read] = dict.fromkeys((field.name for field in fields(SaleTerms)), Raw(6))
OF_NAME: dict[str, Read] = {
    "collateral_ratio": Raw(6),
    "decimals": whole,
    "price_decimals": whole,
    "discount_ratio": Raw(6),
    "tick": positive,
}


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """Initial values of the contracts; in a book's overlay `"*"` changes ratios, a name its collateral terms or tick.

    The terms of collateral sales are governance's: a book states all of them in `"*"`, or none.
    BadInput `no_parameters` before the first table.
    """
    record = record_or_error("perp_v2", at, "perp/2")
    values = read_row(record.rows[ALL], GLOBAL, "perp_v2.*")
    collaterals: dict[str, CollateralTerms] = {}
    ticks: dict[str, Decimal] = {}
    for name, row in (overlay or {}).items():
        if name == ALL:
            given = read_row(row, GLOBAL | SALES, "parameters.*")
            sales = {key: given.pop(key) for key in SALES if key in given}
            values |= given
            if sales:
                missing = ", ".join(SALES.keys() - sales.keys())
                if missing:
                    raise BadInput("no_parameters", "parameters.*", missing, "every term of collateral sales")
                values["sales"] = SaleTerms(**sales)
            continue
        given = read_row(row, OF_NAME, f"parameters.{name}")
        if "tick" in given:
            ticks[name] = given.pop("tick")
        if given:
            if "collateral_ratio" not in given:
                place = f"parameters.{name}.collateral_ratio"
                raise BadInput("no_parameters", place, "nothing", "how much of the value counts")
            collaterals[name] = CollateralTerms(**given)
    found = Parameters(**values, collaterals=collaterals, ticks=ticks, source=record.source, as_of=record.as_of)
    if found.mm_ratio > found.im_ratio:
        return replace(found, warnings=("mm_ratio is above im_ratio",))
    return found


@dataclass(frozen=True, slots=True)
class Pooled:
    """What the account's range orders of a market hold and owe, as the venue reports it [10^-18]."""

    base: int = 0
    quote: int = 0
    base_debt: int = 0
    quote_debt: int = 0
    funding: int = 0  # [10^-18 quote · seconds] of the liquidity, before the division by a day

    @property
    def base_gain(self) -> int:
        """Base beyond what the orders owe."""
        return self.base - self.base_debt

    @property
    def quote_gain(self) -> int:
        """Quote beyond what the orders owe."""
        return self.quote - self.quote_debt


NO_ORDERS = Pooled()
POOLED = {name: f"order_{name}" for name in ("base", "quote", "base_debt", "quote_debt", "funding")}
"""Fields of `Pooled` among a position's details."""


@dataclass(frozen=True, slots=True)
class Held:
    """A position [10^-18]."""

    position: Position
    kept: int  # signed; less than `DUST` is kept, and counts as no size
    open_notional: int  # negative for longs
    pooled: Pooled = NO_ORDERS

    @property
    def market(self) -> str:
        """Name of the market."""
        return self.position.market

    @property
    def taken(self) -> int:
        """Size that was traded; 0 where it is dust."""
        return self.kept if abs(self.kept) >= DUST else 0

    @property
    def size(self) -> int:
        """Size with the orders' gain or loss of base; 0 where it is dust."""
        size = self.kept + self.pooled.base_gain
        return size if abs(size) >= DUST else 0

    @property
    def balance(self) -> int:
        """Base that pays funding, or is owed where negative: what orders hold does not count against their debt."""
        return self.kept - self.pooled.base_debt


def positions_of(account: Account) -> tuple[Held, ...]:
    """The account's positions; BadInput where one is not of this venue."""
    found: list[Held] = []
    for number, position in enumerate(account.positions):
        place = f"account {account.id}.position[{number}]"
        if (position.mode or account.mode) == "isolated":
            raise BadInput("unsupported_mode", f"{place}.mode", "isolated", "cross: the venue has no isolated margin")
        if position.quantity < 0 or position.entry <= 0:
            raise BadInput("bad_position", place, position.quantity, "a quantity of at least 0 and an entry above 0")
        if any(held.market == position.market for held in found):
            raise BadInput("duplicate_position", place, position.market, "one position per market")
        kept = position.sign * to_raw_floor(position.quantity, DECIMALS)
        notional = -position.sign * to_raw_floor(position.quantity * position.entry, DECIMALS)
        if "open_notional" in position.details:
            notional = to_raw_floor(detail(position.details, "open_notional", place), DECIMALS)
        found.append(Held(position, kept, notional, _pooled(position, place)))
    return tuple(found)


def _pooled(position: Position, place: str) -> Pooled:
    given = {
        field: to_raw_floor(detail(position.details, name, place), DECIMALS)
        for field, name in POOLED.items()
        if name in position.details
    }
    return Pooled(**given) if given else NO_ORDERS


def has_orders(account: Account) -> bool:
    """Whether range orders are open: they must be cancelled before a liquidation."""
    return bool(account.orders) or any(held.pooled != NO_ORDERS for held in positions_of(account))


def price_of(market: Market, name: str, decimals: int = DECIMALS) -> int:
    """The oracle price in units of its feed, further decimals cut; BadInput where it is not above 0."""
    value = market.price(VENUE, name, "oracle")
    raw = to_raw_floor(value, decimals)
    if raw <= 0:
        raise BadInput("bad_price", f"prices.{VENUE}.{name}", value, "above 0")
    return raw


def value_of(held: Held, market: Market) -> int:
    """Signed value at the reference price, magnitude cut; a position of 0 needs no price."""
    return mul_div_trunc(held.size, price_of(market, held.market), UNIT) if held.size else 0


def base_debt(held: Held, market: Market) -> int:
    """Value of the base that is owed, dust and orders' debt included."""
    if held.balance >= 0:
        return 0
    return mul_div_floor(-held.balance, price_of(market, held.market), UNIT)


def funding_of(held: Held, market: Market) -> int:
    """Funding that the position owes: trunc((orders' + trunc(base · growth / 2^96)) / a day)."""
    growth = growth_since(held, market)
    return div_trunc(held.pooled.funding + mul_div_trunc(held.balance, growth, PREMIUM_SCALE), FUNDING_PERIOD)


def growth_since(held: Held, market: Market) -> int:
    """Growth of the premium that is not settled yet; 0 where the market's is not known."""
    index = market.indices.get((VENUE, held.market, "funding"))
    return index.value_raw - (held.position.funding_index_raw or 0) if index is not None else 0


def collateral_value(held: Collateral, account: Account, market: Market, parameters: Parameters) -> int:
    """⌊⌊amount · price⌋ · ratio / 1e6⌋ of a collateral that is not the settlement token."""
    terms = parameters.collateral(held.asset)
    place = f"account {account.id}.{held.asset}"
    if held.amount is None or held.amount < 0:
        given = "nothing" if held.amount is None else held.amount
        raise BadInput("bad_amount", place, given, "an amount of at least 0")
    price = price_of(market, held.asset, terms.price_decimals)
    value = value_for(to_raw_floor(held.amount, terms.decimals), price, terms)
    return mul_div_floor(value, terms.collateral_ratio, RATIO)


def value_for(amount: int, price: int, terms: CollateralTerms) -> int:
    """⌊amount · price⌋ [10^-18]; of a token with more than 18 decimals, floored at its own first."""
    unit = 10**terms.price_decimals
    if terms.decimals > DECIMALS:
        return div_floor(mul_div_floor(amount, price, unit), 10 ** (terms.decimals - DECIMALS))
    return mul_div_floor(amount * 10 ** (DECIMALS - terms.decimals), price, unit)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the contracts know of an account [10^-18]."""

    settlement: int  # balance, owed PnL and pending fees, less funding
    collateral: int  # the rest of the collateral, as it counts
    unrealized: int
    absolute: int  # Σ |position value|
    debt: int
    step: int  # [10^-18] unit of the settlement token

    @property
    def total_collateral(self) -> int:
        """All collateral as it counts."""
        return self.settlement + self.collateral

    @property
    def value(self) -> int:
        """Account value, floored at the settlement token's decimals."""
        return div_floor(self.total_collateral + self.unrealized, self.step) * self.step

    def requirement(self, ratio: int) -> int:
        """⌊Σ |position value| · ratio / 1e6⌋."""
        return mul_div_floor(self.absolute, ratio, RATIO)

    def free(self, ratio: int) -> tuple[int, int]:
        """(what stands for opening, what is asked): the smaller of account value and collateral, and debt · ratio."""
        value = self.total_collateral + self.unrealized
        return min(self.total_collateral, value), mul_div_floor(self.debt, ratio, RATIO)


def figures(account: Account, market: Market, parameters: Parameters) -> Figures:
    """The account's sums at the market's prices."""
    _refuse_other_wallets(account, parameters)
    held = positions_of(account)
    values = [value_of(one, market) for one in held]
    notional = sum(one.open_notional - one.pooled.quote_debt for one in held)
    settlement = settlement_balance(account, parameters) + owed(account, "owed_realized_pnl")
    settlement += owed(account, "pending_fee") - sum(funding_of(one, market) for one in held)
    return Figures(
        settlement=settlement,
        collateral=sum(collateral_value(one, account, market, parameters) for one in account.collateral if one.enabled),
        unrealized=sum(values) + notional + sum(one.pooled.quote for one in held),
        absolute=sum(abs(value) for value in values),
        debt=max(0, -notional) + sum(base_debt(one, market) for one in held),
        step=10 ** (DECIMALS - parameters.settlement_decimals),
    )


def settlement_balance(account: Account, parameters: Parameters) -> int:
    """The wallet in the settlement token, cut at its decimals [10^-18]."""
    decimals = parameters.settlement_decimals
    scale: int = 10 ** (DECIMALS - decimals)
    return to_raw_floor(account.wallet.get(parameters.settlement, ZERO), decimals) * scale


def owed(account: Account, name: str) -> int:
    """A sum among the account's details [10^-18]; default 0."""
    return to_raw_floor(detail(account.details, name, f"account {account.id}", ZERO), DECIMALS)


def _refuse_other_wallets(account: Account, parameters: Parameters) -> None:
    for asset in account.wallet:
        if asset != parameters.settlement:
            place = f"account {account.id}.wallet.{asset}"
            raise BadInput("unknown_collateral", place, asset, f"{parameters.settlement}; others are collateral")
