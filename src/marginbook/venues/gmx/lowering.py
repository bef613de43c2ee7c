"""GMX v2 positions as legs for the float64 kernel, with the bound of its error.

    support = collateral · p + side · tokens · P − size − fee − size · (borrowing factor − entry) − funding · p
    demand  = max(min_collateral_usd, ⌊size · factor⌋)                                         a constant

with p the collateral's min price and P the index price (min for longs, max for shorts). The exact fees are whole
token units: each of position fee, discount, borrowing and funding is off by less than one unit of the collateral token,
worth p, so 4 units. With c collateral units in the leg, 4 p ≤ (4 / c) · gross. Floats: with u = 2^-53 each of n terms
carries at most 4u of itself and summing n·u of the gross, so (n + 8)·2u of gross and constants. Prices are cut at 1e-30
USD per unit, which is worth that much per unit of index token and collateral; sums are cut at 1e-30 USD.

Opaque, that is re-evaluated exactly whenever a price moves: a price impact that may count (maximal factor for
liquidations above 0 with open interest or a pending impact), a balance measured in tokens (the fee follows the middle
price), profits that the pool's state may cap, a collateral of less than 1e4 units.

For opening the venue has two checks, what remains against a least and the bare collateral against another: that the
second is tighter by max(0, profit − costs + its least − the other) is initial demand, a bend in P, with the borrowing
and funding costs of now.
"""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.legs import Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.common.bends import lower_bends
from marginbook.venues.common.fields import detail, detail_raw
from marginbook.venues.gmx.impact import balance_of
from marginbook.venues.gmx.margin import cap_is_known, closing_impact, required_to_open
from marginbook.venues.gmx.parameters import Parameters
from marginbook.venues.gmx.positions import (
    PER_SIZE_DECIMALS,
    USD_DECIMALS,
    VENUE,
    Held,
    index_of,
    positions_of,
    price_key,
)
from marginbook.venues.gmx.power import apply_factor

UNIT_ROUNDOFF = 2.0**-53
LEAST_UNITS = 10**4
INDEX_SCALE = 10**27
"""The kernel reads index / 10^27."""


@in_exact_context
def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """Every position as a pool of legs."""
    return Legs(tuple(_lower_position(held, market) for held in positions_of(account, parameters).values()))


def _is_opaque(held: Held, market: Market) -> bool:
    terms, known = held.terms, balance_of(held, market) is not None
    impact_counts = terms.max_impact_factor_for_liquidations > 0 and (known or held.pending_impact != 0)
    fee_moves = known and terms.open_interest_in_tokens
    return impact_counts or fee_moves or cap_is_known(held, market) or held.collateral < LEAST_UNITS


def _lower_position(held: Held, market: Market) -> PoolLegs:
    terms, name = held.terms, held.market
    sign = 1 if held.is_long else -1
    index_key = price_key(held, terms.index_token, "min" if held.is_long else "max")
    token_key = price_key(held, held.token, "min")
    decimals = terms.decimals(held.token)
    size = from_raw(held.size_usd, USD_DECIMALS)
    tokens = from_raw(held.size_tokens, terms.index_decimals)
    collateral = from_raw(held.collateral, decimals)
    improved = closing_impact(held, market, balance_of(held, market)).improved
    fee_factor = terms.position_fee_factor_positive if improved else terms.position_fee_factor_negative
    fee = size * from_raw(fee_factor, USD_DECIMALS) * (1 - from_raw(held.discount, USD_DECIMALS))
    constant = -sign * size - fee
    gross_constants = size + fee
    legs: list[Leg] = []
    due = fee
    borrow = index_of(held, market, "borrow")
    if borrow is not None:
        entry = detail(held.position.details, "borrowing_factor", held.place)
        constant += size * entry
        due += size * (from_raw(borrow.value_raw, USD_DECIMALS) - entry)
        gross_constants += abs(size * entry)
        per_index = size * from_raw(INDEX_SCALE, USD_DECIMALS)
        legs.append(_lower_leg(name, (("borrow", VENUE, f"{name}:{held.position.side}", ""),), -per_index))
    funding = index_of(held, market, "funding", held.token)
    if funding is not None:
        paid = detail_raw(held.position.details, "funding_fee_per_size_raw", held.place)
        per_unit = from_raw(held.size_usd, PER_SIZE_DECIMALS)
        collateral += (per_unit * paid).scaleb(-decimals)
        slope = -(per_unit * INDEX_SCALE).scaleb(-decimals)
        if token_key in market.quotes:
            due += (per_unit * (funding.value_raw - paid)).scaleb(-decimals) * market.quotes[token_key].price
        parts: Factor = (
            ("quote", *token_key),
            ("funding", VENUE, f"{name}:{held.position.side}:{held.token}", ""),
        )
        legs.append(_lower_leg(name, parts, slope))
    legs.append(_lower_leg(name, (("quote", *token_key),), collateral))
    change, bare = _least_to_change(held), from_raw(required_to_open(held, market), USD_DECIMALS)
    own = _lower_leg(name, (("quote", *index_key),), sign * tokens, size=tokens)
    bent, bend = lower_bends(own, [(float(size + sign * (due + change - bare)), 1.0, sign)])
    legs += bent
    demand = max(terms.min_collateral_usd, apply_factor(held.size_usd, terms.min_collateral_factor_for_liquidation), 1)
    relative = (len(legs) + 10) * 2 * UNIT_ROUNDOFF
    known, asked = float(constant), float(from_raw(demand, USD_DECIMALS))
    opaque = _is_opaque(held, market)
    cut = float(from_raw(held.size_tokens + held.collateral, USD_DECIMALS))
    return PoolLegs(
        pool=held.pool,
        constants=Sums(known, 0.0, known, known, float(change) + bend, known, asked),
        legs=tuple(legs),
        absolute=relative * (float(gross_constants) + asked) + cut + 1e-28,
        relative=relative + 4.0 / max(held.collateral, 1),
        liquidatable_at_equality=False,
        family="derivatives",
        opaque=opaque,
        inputs=_inputs(held, legs) if opaque else (),
    )


def _least_to_change(held: Held) -> Decimal:
    """What must remain for a change of the position [USD]."""
    least = apply_factor(held.size_usd, held.terms.min_collateral_factor)
    return from_raw(max(held.terms.min_collateral_usd, least, 1), USD_DECIMALS)


def _lower_leg(market: str, factor: Factor, slope: Decimal, *, size: Decimal | None = None) -> Leg:
    """A leg that adds slope · f to what backs the position."""
    value = float(slope)
    slopes = Sums(value, 0.0, value, value, 0.0, value, 0.0)
    return Leg(market=market, factor=factor, slopes=slopes, size=float(size) if size is not None else 0.0)


def _inputs(held: Held, legs: list[Leg]) -> tuple[Factor, ...]:
    """Every price and index that the decision depends on."""
    keys = [price_key(held, held.terms.index_token, kind) for kind in ("min", "max")]
    keys += [price_key(held, token, "min") for token in (held.token, held.terms.pnl_token(held.is_long))]
    quotes: list[Factor] = [(("quote", *key),) for key in dict.fromkeys(keys)]
    indices: list[Factor] = [(part,) for leg in legs for part in leg.factor if part[0] not in ("quote", "inverse")]
    return tuple(dict.fromkeys([*quotes, *indices]))
