"""Generic lending: collateral, debts and thresholds, every parameter the book's own.

Source: the definitions of this project; no protocol. Parameters by asset in `[parameters.<name>.<asset>]`, with `"*"`
for every other asset; without any, `no_parameters`. Prices are the protocol's oracle (kind "oracle"), in `currency`.

    liquidation_threshold  share of the collateral's value that may be owed; or collateral_factor, the same word for
                           protocols with one factor; or minimum_collateral_ratio (1.5 is a threshold of 1 / 1.5)
    ltv                    share that may be borrowed; default: the threshold
    liquidation_bonus      fraction that a liquidator gets on top (0.05)
    close_factor           most of a debt that one liquidation may repay (default 1)
    operator               "<" (default) | "<=": liquidatable where support is below (or at) the debt
    currency               of prices and answers (default USD)

    support = Σ collateral · threshold,   demand = debt,   health factor = support / demand

The decision compares support·ratio with demand·ratio, so a minimum ratio of 150 % is exact: 1,500 for a debt of 1,000
is just enough. Numbers have 8 decimals, rounded toward danger.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.legs import IDENTITY_TABLE, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, LiquidationPrice, MarginRatio, Plan, Quantities, Risk
from marginbook.exact import ONE, ZERO, divide, grid_ceil, grid_floor, in_exact_context, round_ceil, round_floor
from marginbook.venues.brackets import number_from
from marginbook.venues.contracts.sums import breached
from marginbook.venues.generic.derivatives import operator_of

POOL = "main"
UNIT = Decimal("0.00000001")
INFINITY = Decimal("Infinity")
REPAID_PLACES, SEIZED_PLACES = 8, 18
"""Decimals of what a planned liquidation repays, and of what any takes."""
FRACTIONS = ("ltv", "liquidation_threshold", "collateral_factor", "close_factor")
OTHERS = ("minimum_collateral_ratio", "liquidation_bonus", "operator", "currency", "tick")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """What one asset is worth as collateral. The threshold is `share` / `ratio`; only a minimum ratio is not 1."""

    share: Decimal
    ratio: Decimal = ONE
    ltv: Decimal | None = None  # None: the threshold
    liquidation_bonus: Decimal = ZERO  # [fraction]
    close_factor: Decimal = ONE
    tick: Decimal = UNIT  # [currency per asset]

    def supported(self, value: Decimal) -> Decimal:
        """What `value` of collateral supports: value · threshold."""
        return divide(value * self.share, self.ratio)

    def borrowable(self, value: Decimal) -> Decimal:
        """What may be borrowed against `value`."""
        return self.supported(value) if self.ltv is None else value * self.ltv


@dataclass(frozen=True, slots=True, kw_only=True)
class Lending:
    """Parameters of generic lending."""

    assets: Mapping[str, Asset]
    default: Asset | None
    at_equality: bool
    currency: str = "USD"
    as_of: int | None = None
    warnings: tuple[str, ...] = ()

    def asset(self, name: str) -> Asset:
        """The asset's terms; BadInput `no_parameters` where there are none."""
        found = self.assets.get(name, self.default)
        if found is None:
            raise BadInput(
                "no_parameters", f"parameters.{name}", "nothing", f"parameters of {name} for generic/lending"
            )
        return found


@in_exact_context
def parameters(version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None) -> Lending:
    """The book's own parameters. BadInput `no_parameters` without any."""
    if not overlay:
        raise BadInput("no_parameters", "parameters", "nothing", "a table [parameters.<name>.<asset>]")
    warnings: list[str] = []
    assets = {name: _asset(name, entry, warnings) for name, entry in overlay.items()}
    currencies = {str(entry["currency"]) for entry in overlay.values() if "currency" in entry}
    if len(currencies) > 1:
        raise BadInput("bad_parameter", "parameters.*.currency", sorted(currencies), "one currency for all")
    default = assets.pop("*", None)
    return Lending(
        assets=assets,
        default=default,
        at_equality=operator_of(overlay) == "<=",
        currency=currencies.pop() if currencies else "USD",
        warnings=tuple(warnings),
    )


def _asset(name: str, entry: Mapping[str, Any], warnings: list[str]) -> Asset:
    place = f"parameters.{name}"
    if not isinstance(entry, Mapping):
        raise BadInput("bad_parameters", place, entry, "a table of parameters")
    numbers: dict[str, Decimal] = {}
    for key, raw in entry.items():
        if key not in (*FRACTIONS, *OTHERS):
            raise BadInput("unknown_parameter", f"{place}.{key}", raw, "one of " + ", ".join((*FRACTIONS, *OTHERS)))
        if key in ("operator", "currency"):
            continue
        value = numbers[key] = number_from(raw, f"{place}.{key}")
        if value < 0 or (key in FRACTIONS and value > 1):
            raise BadInput("bad_parameter", f"{place}.{key}", value, "a fraction from 0 to 1")
        if key in ("minimum_collateral_ratio", "tick") and not value:
            raise BadInput("bad_parameter", f"{place}.{key}", value, "above 0")
    thresholds = [k for k in ("liquidation_threshold", "collateral_factor", "minimum_collateral_ratio") if k in numbers]
    if len(thresholds) > 1:
        raise BadInput("bad_parameter", place, ", ".join(thresholds), "one of them")
    ltv = numbers.get("ltv")
    share, ratio = ONE, ONE
    if not thresholds:
        share = ltv if ltv is not None else ZERO
    elif thresholds[0] == "minimum_collateral_ratio":
        ratio = numbers["minimum_collateral_ratio"]
    else:
        share = numbers[thresholds[0]]
    if ltv is not None and ltv * ratio > share:
        warnings.append(f"{name}: ltv {ltv} is above the liquidation threshold")
    return Asset(
        share=share,
        ratio=ratio,
        ltv=ltv,
        liquidation_bonus=numbers.get("liquidation_bonus", ZERO),
        close_factor=numbers.get("close_factor", ONE),
        tick=numbers.get("tick", UNIT),
    )


def amount_of(holding: Collateral | Debt, account: Account) -> Decimal:
    """The amount held or owed [asset]; BadInput where it is missing or negative."""
    if holding.amount is None:
        raise BadInput("missing_amount", f"account {account.id}.{holding.asset}", "nothing", "an amount of the asset")
    if holding.amount < 0:
        raise BadInput("negative_amount", f"account {account.id}.{holding.asset}", holding.amount, "at least 0")
    return holding.amount


def price_of_asset(market: Market, asset: str) -> Decimal:
    """The oracle price of an asset; BadInput where it is missing or not above 0."""
    value = market.price("generic", asset, "oracle")
    if value <= 0:
        raise BadInput("bad_price", f"prices.generic.{asset}", value, "above 0")
    return value


@dataclass(frozen=True, slots=True)
class LendingSums:
    """Exact sums [currency]; `scale` is the product of minimum ratios that makes the comparison free of division."""

    collateral: Decimal  # all of it
    counted: Decimal  # what is enabled
    support: Decimal
    borrow_limit: Decimal
    debt: Decimal
    exact_support: Decimal  # support · scale
    scale: Decimal


def _sums(account: Account, parameters: Lending, price_of: Callable[[str], Decimal]) -> LendingSums:
    scale = ONE
    for ratio in sorted({parameters.asset(c.asset).ratio for c in account.collateral}):
        scale *= ratio
    collateral = counted = support = limit = debt = exact = ZERO
    for held in account.collateral:
        asset = parameters.asset(held.asset)
        amount = amount_of(held, account)
        value = amount * price_of(held.asset) if amount else ZERO
        collateral += value
        if held.enabled:
            counted += value
            support += asset.supported(value)
            limit += asset.borrowable(value)
            exact += value * asset.share * divide(scale, asset.ratio)
    for owed in account.debt:
        amount = amount_of(owed, account)
        debt += amount * price_of(owed.asset) if amount else ZERO
    return LendingSums(collateral, counted, support, limit, debt, exact, scale)


def exact_sums(account: Account, market: Market, parameters: Lending) -> LendingSums:
    """The account's exact sums at the market's prices."""
    return _sums(account, parameters, lambda asset: price_of_asset(market, asset))


@in_exact_context
def risk(account: Account, market: Market, parameters: Lending, at: int) -> dict[str, Risk[Decimal]]:
    """The seven sums [currency]: support = Σ collateral · threshold, demand = debt."""
    found = exact_sums(account, market, parameters)
    return {
        POOL: Risk(
            found.collateral,
            found.debt,
            found.counted - found.debt,
            found.borrow_limit,
            found.debt,
            found.support,
            found.debt,
        )
    }


@in_exact_context
def is_liquidatable(account: Account, pool: str, market: Market, parameters: Lending, at: int) -> bool:
    """debt > 0 and Σ collateral · threshold < debt (or ≤), both sides times the minimum ratios."""
    _known(account, pool)
    found = exact_sums(account, market, parameters)
    return breached(found.exact_support, found.debt * found.scale, parameters.at_equality)


def _known(account: Account, pool: str) -> None:
    if pool != POOL:
        raise BadInput("unknown_pool", f"account {account.id}", pool, POOL)


@in_exact_context
def quantities(account: Account, market: Market, parameters: Lending, at: int) -> dict[str, Quantities]:
    """Every number of the account [currency], 8 decimals toward danger."""
    found = exact_sums(account, market, parameters)
    balance, debt = found.counted - found.debt, found.debt
    free = found.borrow_limit - debt
    headroom = found.support - debt
    has_debt = debt > 0
    return {
        POOL: Quantities(
            currency=parameters.currency,
            collateral_value=_down(found.counted),
            debt_value=_up(debt),
            margin_balance=_down(balance),
            account_equity=_down(found.collateral - debt),
            initial_margin=_up(balance - free),
            maintenance_margin=_up(balance - headroom),
            margin_used=_up(balance - free),
            free_margin=_down(free),
            withdrawable=_down(_withdrawable(account, market, parameters, max(ZERO, free), has_debt)),
            borrowable=_down(max(ZERO, free)),
            headroom=_down(headroom),
            notional=_up(found.counted),
            effective_leverage=_up(divide(found.counted, balance)) if balance > 0 else None,
            margin_level=_down(divide(balance, balance - free)) if balance - free > 0 else None,
            health_factor=_down(divide(found.support, debt)) if has_debt else INFINITY,
            ltv=_up(divide(debt, found.counted)) if found.counted else (INFINITY if has_debt else None),
            collateral_ratio=_down(divide(found.counted, debt)) if has_debt else INFINITY,
            margin_ratio=MarginRatio(
                ZERO if not has_debt else _up(divide(debt, found.support)) if found.support else INFINITY,
                "debt_value / sum of collateral x liquidation_threshold",
                "high",
            ),
        )
    }


def _withdrawable(account: Account, market: Market, parameters: Lending, free: Decimal, has_debt: bool) -> Decimal:
    """Most value that may leave: what does not count, then the collateral that supports least per unit of value."""
    left, total = free, ZERO
    values = []
    for held in account.collateral:
        amount = amount_of(held, account)
        value = amount * price_of_asset(market, held.asset) if amount else ZERO
        limit = parameters.asset(held.asset).borrowable(value)
        if not held.enabled or not has_debt or not limit:
            total += value
        else:
            values.append((divide(limit, value), value, limit))
    for share, value, limit in sorted(values):
        used = min(limit, left)
        total += value if used == limit else divide(used, share)
        left -= used
    return total


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Lending, at: int) -> list[LiquidationPrice]:
    """Per asset, the price at which the account starts to be liquidatable, all other prices fixed.

    One root: support − debt is linear in each price.
    """
    found: list[LiquidationPrice] = []
    missing: list[BadInput] = []
    for name in dict.fromkeys([c.asset for c in account.collateral] + [d.asset for d in account.debt]):
        try:
            found += _price_of_asset(account, name, market, parameters)
        except BadInput as bad:
            missing.append(bad)
    if missing and not found:
        raise missing[0]
    return found


def _price_of_asset(account: Account, name: str, market: Market, parameters: Lending) -> Iterator[LiquidationPrice]:
    def gap(price: Decimal) -> tuple[Decimal, Decimal]:
        sums = _sums(account, parameters, lambda asset: price if asset == name else price_of_asset(market, asset))
        return sums.exact_support, sums.debt * sums.scale

    support, demand = gap(ZERO)
    constant = support - demand
    support, demand = gap(ONE)
    slope = support - demand - constant
    if not slope:
        return
    root = divide(-constant, slope)
    if root <= 0:
        return
    tick = parameters.asset(name).tick if any(c.asset == name for c in account.collateral) else UNIT
    below = slope > 0
    danger = -tick if below else tick
    price = (grid_floor(root, tick) if below else grid_ceil(root, tick)) - danger - danger
    for _ in range(4):
        price += danger
        if price > 0 and breached(*gap(price), parameters.at_equality):
            yield LiquidationPrice(
                pool=POOL,
                market=name,
                side="collateral" if below else "debt",
                price=price,
                when="at_or_below" if below else "at_or_above",
                source="exact",
            )
            return


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Lending, at: int) -> Plan:
    """Repay the largest debt, up to its close factor, against the most valuable collateral, with its bonus."""
    _known(account, pool)
    if not is_liquidatable(account, pool, market, parameters, at):
        return Plan(pool=pool, market="", reason="support covers the debt: nothing may be repaid")
    owed = _totals((d.asset, amount_of(d, account)) for d in account.debt)
    held = _totals((c.asset, amount_of(c, account)) for c in account.collateral if c.enabled)
    debt_asset = max(owed, key=lambda name: (owed[name] * price_of_asset(market, name), name))
    sums = exact_sums(account, market, parameters)
    bad_debt = max(ZERO, sums.debt - sums.collateral)
    if not held:
        return Plan(pool=pool, market=debt_asset, bad_debt=bad_debt, reason="no collateral is left")
    asset_name = max(held, key=lambda name: (held[name] * price_of_asset(market, name), name))
    asset = parameters.asset(asset_name)
    terms = parameters.assets.get(debt_asset, parameters.default)
    factor = terms.close_factor if terms is not None else ONE
    closed = round_floor(owed[debt_asset] * factor, REPAID_PLACES)
    seized = seized_for(closed, debt_asset, asset_name, market, parameters)
    if seized > held[asset_name]:
        worth = held[asset_name] * price_of_asset(market, asset_name)
        paid = divide(worth, (ONE + asset.liquidation_bonus) * price_of_asset(market, debt_asset))
        closed, seized = min(closed, round_ceil(paid, REPAID_PLACES)), held[asset_name]
    return Plan(
        pool=pool,
        market=debt_asset,
        collateral=asset_name,
        close_most=closed,
        seized=seized,
        bonus=asset.liquidation_bonus,
        bad_debt=bad_debt,
        flows=(
            Flow("liquidator", debt_asset, -closed),
            Flow("account", debt_asset, closed),
            Flow("account", asset_name, -seized),
            Flow("liquidator", asset_name, seized),
        ),
    )


def _totals(rows: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for name, amount in rows:
        if amount:
            found[name] = found.get(name, ZERO) + amount
    return found


@in_exact_context
def seized_for(repaid: Decimal, debt: str, collateral: str, market: Market, parameters: Lending) -> Decimal:
    """Collateral worth a repayment and its bonus, up at 18 decimals."""
    value = repaid * price_of_asset(market, debt) * (ONE + parameters.asset(collateral).liquidation_bonus)
    return round_ceil(divide(value, price_of_asset(market, collateral)), SEIZED_PLACES)


@in_exact_context
def lower(account: Account, market: Market, parameters: Lending) -> Legs:
    """One pool of linear legs; the allowance is float error only: (n + 8)·2u of the gross, u = 2^-53."""
    legs = []
    for held in account.collateral:
        asset = parameters.asset(held.asset)
        amount = amount_of(held, account)
        if amount:
            one, counts = float(amount), float(held.enabled)
            support = float(asset.supported(amount)) * counts
            initial = float(asset.borrowable(amount)) * counts
            slopes = Sums(one, 0.0, one * counts, initial, 0.0, support, 0.0)
            legs.append(Leg(held.asset, (("quote", "generic", held.asset, "oracle"),), slopes))
    for owed in account.debt:
        amount = amount_of(owed, account)
        if amount:
            one = float(amount)
            slopes = Sums(0.0, one, -one, 0.0, one, 0.0, 0.0)
            legs.append(Leg(owed.asset, (("quote", "generic", owed.asset, "oracle"),), slopes, one, IDENTITY_TABLE))
    pool = PoolLegs(
        pool=POOL,
        constants=Sums(),
        legs=tuple(legs),
        absolute=0.0,
        relative=(len(legs) + 8) * 2.0**-52,
        liquidatable_at_equality=parameters.at_equality,
        family="lending",
    )
    return Legs((pool,))


def _down(value: Decimal) -> Decimal:
    return round_floor(value, 8)


def _up(value: Decimal) -> Decimal:
    return round_ceil(value, 8)
