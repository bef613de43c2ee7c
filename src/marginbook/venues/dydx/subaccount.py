"""Subaccounts as the chain sees them, and what liquidations and deleveraging do to one.

Everything here is in quantums. A subaccount is settled before it is looked at: funding of all its positions goes into
USDC with one floor. Net collateral = USDC + Σ (notional + quote balance); maintenance is the base initial margin of
each position times the tier's maintenance fraction, rounded up twice; open interest and a custom initial margin
fraction raise initial margin only. Source: dydxprotocol/v4-chain at 84d4664, x/subaccounts/lib/updates.go,
x/clob/keeper/liquidations.go and deleveraging.go.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from marginbook.domain.errors import BadInput
from marginbook.exact import mul_div_floor, remainder_floor
from marginbook.venues.dydx.quantums import (
    MILLION,
    NOTHING,
    MarginRisk,
    adjusted_initial_margin_ppm,
    fill_quote_quantums,
    is_valid_transition,
    margin_of,
    net_notional,
    net_settlement,
    position_notional_limits,
    quantums_of_notional,
    settlement_ppm,
)

USDC = "USDC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A liquidity tier."""

    initial_margin_ppm: int
    maintenance_fraction_ppm: int
    open_interest_lower_cap: int = 0  # [quote quantums]
    open_interest_upper_cap: int = 0  # [quote quantums]; 0: initial margin does not grow with open interest
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Perpetual:
    """A perpetual market at one moment."""

    market: str
    atomic_resolution: int
    price: int  # [10^price_exponent USDC per coin]
    price_exponent: int
    tier: Tier
    open_interest: int = 0  # [base quantums], the sum of all longs
    funding_index: int = 0  # [10^-6 quote quantums per base quantum]

    def notional(self, quantums: int) -> int:
        """Signed notional [quote quantums] of a size at the oracle price."""
        return net_notional(quantums, self.price, self.price_exponent, self.atomic_resolution)

    def initial_margin_ppm(self, custom_ppm: int = 0) -> int:
        """Initial margin fraction [ppm]: scaled by open interest, never below the user's own."""
        tier = self.tier
        scaled = adjusted_initial_margin_ppm(
            tier.initial_margin_ppm,
            tier.open_interest_lower_cap,
            tier.open_interest_upper_cap,
            self.notional(self.open_interest),
        )
        return max(scaled, custom_ppm)

    def margins(self, quantums: int, custom_ppm: int = 0) -> tuple[int, int]:
        """(initial, maintenance) [quote quantums] of a size.

        >>> tier = Tier(initial_margin_ppm=50_000, maintenance_fraction_ppm=600_000)
        >>> Perpetual(market="X", atomic_resolution=-6, price=1234560, price_exponent=-1, tier=tier).margins(74523)
        (460015575, 276009345)
        """
        size = abs(self.notional(quantums))
        base = margin_of(size, self.tier.initial_margin_ppm)
        return (
            margin_of(size, self.initial_margin_ppm(custom_ppm)),
            margin_of(base, self.tier.maintenance_fraction_ppm),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A position of a subaccount."""

    perpetual: Perpetual
    quantums: int  # [base quantums], negative for a short
    funding_index: int = 0
    quote_balance: int = 0  # [quote quantums]
    custom_ppm: int = 0  # the user's own initial margin fraction; 0: none

    def risk(self) -> MarginRisk:
        """Collateral (notional + quote balance) and margins of the position."""
        initial, maintenance = self.perpetual.margins(self.quantums, self.custom_ppm)
        return MarginRisk(self.perpetual.notional(self.quantums) + self.quote_balance, initial, maintenance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subaccount:
    """USDC and positions; `fixed` is what a book knows only as sums."""

    usdc: int  # [quote quantums]
    holdings: tuple[Holding, ...] = ()
    fixed: MarginRisk = NOTHING

    def holding(self, market: str) -> Holding | None:
        """The position in a market."""
        return next((held for held in self.holdings if held.perpetual.market == market), None)

    def funding_due(self) -> int:
        """Funding not yet in USDC [quote quantums]."""
        return net_settlement(
            sum(settlement_ppm(h.perpetual.funding_index, h.funding_index, h.quantums) for h in self.holdings)
        )

    def settled(self) -> "Subaccount":
        """The subaccount with all funding up to now in its USDC."""
        holdings = tuple(replace(h, funding_index=h.perpetual.funding_index) for h in self.holdings)
        return replace(self, usdc=self.usdc + self.funding_due(), holdings=holdings)

    def risk(self) -> MarginRisk:
        """Net collateral and requirements, funding settled."""
        total = MarginRisk(self.usdc + self.funding_due(), 0, 0) + self.fixed
        for held in self.holdings:
            total += held.risk()
        return total

    def updated(
        self, usdc: int, quantums: Iterable[tuple[str, int]], perpetuals: Mapping[str, Perpetual]
    ) -> "Subaccount":
        """The settled subaccount after changes of USDC and of sizes; a position of size and quote balance 0 is gone."""
        after = self.settled()
        held = {holding.perpetual.market: holding for holding in after.holdings}
        for market, delta in quantums:
            if market not in held:
                if market not in perpetuals:
                    raise BadInput("unknown_market", f"perpetual {market}", "nothing", "a listed perpetual")
                perpetual = perpetuals[market]
                held[market] = Holding(perpetual=perpetual, quantums=0, funding_index=perpetual.funding_index)
            held[market] = replace(held[market], quantums=held[market].quantums + delta)
        kept = tuple(h for h in held.values() if h.quantums or h.quote_balance)
        return replace(after, usdc=after.usdc + usdc, holdings=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationsConfig:
    """Limits and prices of liquidations, of governance."""

    max_liquidation_fee_ppm: int
    min_position_notional_liquidated: int  # [quote quantums]
    max_position_portion_liquidated_ppm: int
    max_notional_liquidated: int  # [quote quantums] per subaccount and block
    max_insurance_lost: int  # [quote quantums] per subaccount and block
    bankruptcy_adjustment_ppm: int
    spread_to_maintenance_ppm: int


def asset_collateral(asset: str, quantums: int) -> int:
    """What an asset position adds to net collateral: USDC itself; the chain refuses any other that is not 0.

    BadInput `unsupported_collateral` for one that is owned, `unsupported_debt` for one that is owed.
    """
    if asset == USDC or not quantums:
        return quantums
    code = "unsupported_collateral" if quantums > 0 else "unsupported_debt"
    raise BadInput(code, f"asset {asset}", quantums, "USDC only")


def closed_holding(subaccount: Subaccount, market: str, delta: int) -> Holding:
    """The position that `delta` base quantums reduce; BadInput `invalid_size_delta` where they do not."""
    held = subaccount.holding(market)
    if held is None or held.quantums * delta >= 0 or abs(delta) > abs(held.quantums):
        size = 0 if held is None else held.quantums
        raise BadInput("invalid_size_delta", f"position {market}", delta, f"a reduction of {size} base quantums")
    return held


def bankruptcy_price(subaccount: Subaccount, market: str, delta: int) -> int:
    """Quote quantums that closing `delta` must bring for the rest to keep its collateral per maintenance.

    −ΔN − floor(NC · |ΔMMR| / MMR), with ΔN and ΔMMR from the position before and after, never from `delta` alone: the
    result is rounded up, so that the insurance fund pays for no rounding.
    """
    held = closed_holding(subaccount, market, delta)
    total, perpetual = subaccount.risk(), held.perpetual
    if not total.maintenance:
        raise BadInput("no_maintenance_margin", f"position {market}", 0, "a maintenance requirement above 0")
    left = held.quantums + delta
    notional = perpetual.notional(left) - perpetual.notional(held.quantums)
    freed = perpetual.margins(held.quantums)[1] - perpetual.margins(left)[1]
    return -notional - mul_div_floor(total.collateral, freed, total.maintenance)


def fillable_price(subaccount: Subaccount, market: str, delta: int, config: LiquidationsConfig) -> Fraction:
    """Price at which a liquidation order is placed [quote quantums per base quantum], exactly.

    (N − rating · spread · M) / size with rating = clamp(adjustment · (1 − NC / MMR), 0, 1): the deeper under water, the
    further from the oracle price N / size. N, M and size are those of the whole position.
    """
    held = closed_holding(subaccount, market, delta)
    total = subaccount.risk()
    if not total.maintenance:
        raise BadInput("no_maintenance_margin", f"position {market}", 0, "a maintenance requirement above 0")
    notional = held.perpetual.notional(held.quantums)
    maintenance = held.perpetual.margins(held.quantums)[1]
    shortfall = 1 - Fraction(total.collateral, total.maintenance)
    rating = min(max(shortfall * Fraction(config.bankruptcy_adjustment_ppm, MILLION), Fraction(0)), Fraction(1))
    spread = rating * Fraction(config.spread_to_maintenance_ppm, MILLION) * maintenance
    return (notional - spread) * Fraction(1, held.quantums)


def insurance_fund_delta(
    subaccount: Subaccount, market: str, delta: int, quote_quantums: int, max_liquidation_fee_ppm: int
) -> int:
    """What the insurance fund receives (> 0) or pays (< 0) when closing `delta` moves `quote_quantums` > 0.

    The fill's proceeds less the bankruptcy price; a gain is capped at floor(quote · fee / 10^6), the user's penalty.
    """
    gained = (quote_quantums if delta < 0 else -quote_quantums) - bankruptcy_price(subaccount, market, delta)
    return gained if gained <= 0 else min(gained, mul_div_floor(quote_quantums, max_liquidation_fee_ppm, MILLION))


def insurance_fund_delta_of_fill(
    subaccount: Subaccount,
    market: str,
    is_buy: bool,
    fill_quantums: int,
    subticks: int,
    quantum_conversion_exponent: int,
    max_liquidation_fee_ppm: int,
) -> int:
    """`insurance_fund_delta` of a fill on the book at `subticks`."""
    if not fill_quantums:
        raise BadInput("empty_fill", f"position {market}", fill_quantums, "base quantums above 0")
    quote = fill_quote_quantums(subticks, fill_quantums, quantum_conversion_exponent)
    delta = fill_quantums if is_buy else -fill_quantums
    return insurance_fund_delta(subaccount, market, delta, quote, max_liquidation_fee_ppm)


def liquidation_delta(held: Holding, step: int, already_liquidated: int, config: LiquidationsConfig) -> int:
    """Base quantums of the next liquidation order, signed to reduce the position.

    The whole position if its notional is within the limits of position and subaccount or its size within one step;
    else what the limit buys, down to a step, at least one step.
    """
    perpetual, size = held.perpetual, abs(held.quantums)
    notional = abs(perpetual.notional(held.quantums))
    _, most = position_notional_limits(
        notional, config.min_position_notional_liquidated, config.max_position_portion_liquidated_ppm
    )
    most = min(most, config.max_notional_liquidated - already_liquidated)
    if notional <= most or size <= step:
        return -held.quantums
    part = quantums_of_notional(most, perpetual.price, perpetual.price_exponent, perpetual.atomic_resolution)
    part = min(max(part - remainder_floor(part, step), step), size)
    return -part if held.quantums > 0 else part


def deleveraged(
    liquidated: Subaccount, offsetting: Subaccount, market: str, delta: int, quote: int
) -> tuple[Subaccount, Subaccount]:
    """Both subaccounts after the first one's position is reduced by `delta` against the second's for `quote` quantums.

    BadInput `invalid_size_delta` where one of them does not hold it, `update_refused` where the chain would not accept
    one of the new states, that is where the bankruptcy prices do not overlap.
    """
    closed_holding(liquidated, market, delta)
    perpetual = closed_holding(offsetting, market, -delta).perpetual
    smaller = {market: max(0, perpetual.open_interest - abs(delta))}
    after = (liquidated.updated(quote, [(market, delta)], {}), offsetting.updated(-quote, [(market, -delta)], {}))
    for before, now in zip((liquidated, offsetting), after, strict=True):
        if not is_valid_transition(before.risk(), with_open_interest(now, smaller).risk()):
            raise BadInput("update_refused", f"deleveraging {market}", quote, "bankruptcy prices that overlap")
    return after


def with_open_interest(subaccount: Subaccount, open_interest: Mapping[str, int]) -> Subaccount:
    """The subaccount while some markets have another open interest [base quantums]."""
    return replace(
        subaccount,
        holdings=tuple(
            replace(h, perpetual=replace(h.perpetual, open_interest=open_interest[h.perpetual.market]))
            if h.perpetual.market in open_interest
            else h
            for h in subaccount.holdings
        ),
    )


def deleveraging_quote(subaccount: Subaccount, market: str, delta: int, final_settlement: bool = False) -> int | None:
    """Quote quantums at which a position is taken over by the other side; None where it may not be.

    Below zero collateral at the bankruptcy price; otherwise at the oracle price, in markets in final settlement only.
    """
    if subaccount.risk().collateral < 0:
        return bankruptcy_price(subaccount, market, delta)
    return closed_holding(subaccount, market, delta).perpetual.notional(-delta) if final_settlement else None
