"""Ways out of a margin call: the events of one action by its amount."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from functools import partial
from typing import Any, Literal, get_args

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, Fill, LendingAction, Stamp, Transfer
from marginbook.domain.market import Market
from marginbook.exact import ONE, RAY, divide, from_raw, grid_ceil, grid_floor, mul_div_floor
from marginbook.margin_calls.sizes import amount_unit, quantity_step
from marginbook.venues.rules import RuleSet

RemedyAction = Literal["deposit", "repay", "repay_from_collateral", "reduce", "close"]
ACTIONS: tuple[RemedyAction, ...] = get_args(RemedyAction)
ACCRUED_MOST = Decimal("1.01")
"""Growth of a debt since its index was stored; a protocol with indices takes no more than is owed."""


VALUE_PLACES = 8
"""Decimals at which an integer rule set cuts the value of a holding."""


@dataclass(frozen=True, slots=True)
class Stairs:
    """Where the value of a holding, cut to whole quanta, changes: a step of 18-decimals tokens has millions of units.

    A deposit reaches the next quantum at ⌈k·width⌉ − held units, a repayment at held − ⌊k·width⌋.
    """

    width: Decimal  # [units per quantum]
    held: int  # [units]
    rising: bool

    def edge(self, step: int) -> int:
        """Units that make the `step`-th change."""
        if self.rising:
            count = int(divide(Decimal(self.held), self.width)) + step
            return int((count * self.width).to_integral_value(ROUND_CEILING)) - self.held
        count = int(divide(Decimal(self.held), self.width).to_integral_value(ROUND_CEILING)) - step
        return self.held - int(count * self.width)

    def step_of(self, n: int) -> int:
        """The change that is about n units away."""
        return max(1, int(divide(Decimal(n), self.width)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One action, its amounts counted by n = 1, 2, …"""

    action: RemedyAction
    asset: str  # what the amount is in
    unit: Decimal  # of the asset
    amount: Callable[[int], Decimal]
    events: Callable[[Decimal], tuple[Event, ...]]  # by amount
    probe: int  # a first guess of n
    most: int | None = None
    whole: bool = False  # n = `most` or nothing
    stairs: Stairs | None = None
    debt: str | None = None
    repaid: Callable[[Decimal], Decimal] | None = None
    unchecked: Callable[[Decimal], tuple[Account, Market]] | None = None  # where the venue refuses what is too little


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A pool at one time, and all that its rule set needs to judge it."""

    rule_set: RuleSet
    account: Account
    pool: str
    market: Market
    parameters: Any
    at: int

    def price(self, name: str) -> Decimal:
        """Price of a market or asset, of the rule set's own kind; 1 for what the pool is reckoned in."""
        key = (self.rule_set.venue, name, self.rule_set.price_kind)
        if key not in self.market.quotes and name == self.currency:
            return ONE
        return self.market.price(*key)

    @property
    def currency(self) -> str:
        """What the pool is reckoned in."""
        found = self.rule_set.module.quantities(self.account, self.market, self.parameters, self.at)
        currency: str = found[self.pool].currency
        return currency

    def holds(self, holding: Collateral | Debt) -> bool:
        """Whether the holding is of this pool: one of several markets or vaults, or the only one."""
        return holding.pool is None or not self.pool.startswith("main:") or self.pool == f"main:{holding.pool}"

    def unit(self, asset: str) -> Decimal:
        """Smallest amount of `asset`."""
        return amount_unit(self.parameters, asset)


def ways(case: Situation, lacking: Decimal, actions: Collection[str]) -> Iterator[Way]:
    """What can be done for the pool, in the order of `ACTIONS`; `lacking` [currency] is about the money needed."""
    account = case.account
    held = [c for c in account.collateral if c.enabled and (c.amount or c.scaled_raw) and case.holds(c)]
    debts = [d for d in account.debt if (d.amount or d.scaled_raw) and case.holds(d)]
    traded = [p for p in account.positions if _is_in_pool(account, p, case.pool)]
    if "deposit" in actions:
        if case.rule_set.family == "lending":
            yield from _possible(partial(_supply, case, collateral, lacking) for collateral in held)
        else:
            yield from _possible(partial(_deposit, case, currency, lacking) for currency in _currencies(case))
    if "repay" in actions:
        yield from _possible(partial(_repayment, case, debt, lacking) for debt in debts)
    if "repay_from_collateral" in actions:
        pairs = [(collateral, debt) for debt in debts for collateral in held if collateral.asset != debt.asset]
        yield from _possible(partial(_sale, case, collateral, debt, lacking) for collateral, debt in pairs)
    if "reduce" in actions:
        yield from _possible(partial(_trade, case, position, whole=False) for position in traded)
    if "close" in actions:
        yield from _possible(partial(_trade, case, position, whole=True) for position in traded)


def _possible(makers: Iterable[Callable[[], Way]]) -> Iterator[Way]:
    """The ways that can be reckoned: one whose price or index is not known leaves the others."""
    for make in makers:
        with suppress(BadInput):
            yield make()


def _is_in_pool(account: Account, position: Position, pool: str) -> bool:
    isolated = (position.mode or account.mode) == "isolated"
    if pool.startswith("isolated:"):
        own = f"isolated:{position.market}:{position.side}"
        return isolated and pool in (own, f"{own}/{position.details.get('collateral', '')}")
    return not isolated


def _currencies(case: Situation) -> list[str]:
    kind, _, currency = case.pool.partition(":")
    if kind == "cross":
        return [currency] if currency else list(case.account.wallet)
    found = case.rule_set.module.quantities(case.account, case.market, case.parameters, case.at)
    return [found[case.pool].currency]


def _deposit(case: Situation, currency: str, lacking: Decimal) -> Way:
    pool = None if case.pool.startswith("cross") else case.pool
    stamp = Stamp(time=case.at)

    def events(amount: Decimal) -> tuple[Event, ...]:
        return (
            Transfer(stamp=stamp, account=case.account.id, kind="deposit", asset=currency, amount=amount, pool=pool),
        )

    unit = case.unit(currency)
    return Way(
        action="deposit",
        asset=currency,
        unit=unit,
        amount=lambda n: n * unit,
        events=events,
        probe=_units_ceil(lacking, unit),
    )


def _supply(case: Situation, held: Collateral, lacking: Decimal) -> Way:
    asset, unit = held.asset, case.unit(held.asset)
    return Way(
        action="deposit",
        asset=asset,
        unit=unit,
        amount=lambda n: n * unit,
        events=lambda amount: (_lending(case, "supply", held, amount),),
        probe=_units_ceil(divide(lacking, case.price(asset)), unit),
        stairs=_stairs(case, asset, _amount(case, held, "supply"), rising=True),
    )


def _repayment(case: Situation, debt: Debt, lacking: Decimal) -> Way:
    unit = case.unit(debt.asset)
    most = _amount(case, debt, "borrow") * (ONE if debt.amount is not None else ACCRUED_MOST)
    return Way(
        action="repay",
        asset=debt.asset,
        unit=unit,
        amount=lambda n: n * unit,
        events=lambda amount: (_lending(case, "repay", debt, amount),),
        probe=_units_ceil(divide(lacking, case.price(debt.asset)), unit),
        most=_units_floor(most, unit),
        stairs=_stairs(case, debt.asset, _amount(case, debt, "borrow"), rising=False),
    )


def _sale(case: Situation, held: Collateral, debt: Debt, lacking: Decimal) -> Way:
    """Repay first, then take out what was sold, as one step.

    Selling x repays ⌊x · price / price of the debt⌋. Where the debt's unit is worth more, the amounts to choose from
    are the least that repay one unit more: selling between two of them would only lose.
    """
    asset = held.asset
    price, price_debt = case.price(asset), case.price(debt.asset)
    unit, unit_debt = case.unit(asset), case.unit(debt.asset)
    most = min(_amount(case, held, "supply"), divide(_amount(case, debt, "borrow") * price_debt, price))
    coarse = unit_debt * price_debt > unit * price

    def sold(n: int) -> Decimal:
        return grid_ceil(divide(n * unit_debt * price_debt, price), unit) if coarse else n * unit

    def repaid(amount: Decimal) -> Decimal:
        return grid_floor(divide(amount * price, price_debt), unit_debt)

    def events(amount: Decimal) -> tuple[Event, ...]:
        return (_lending(case, "repay", debt, repaid(amount)), _lending(case, "withdraw", held, amount))

    def unchecked(amount: Decimal) -> tuple[Account, Market]:
        account, market = case.rule_set.module.apply(
            case.account, case.market, events(amount)[0], case.parameters, case.at
        )
        left = replace(held, amount=_amount(case, held, "supply") - amount, scaled_raw=None, index_raw=None)
        return replace(account, collateral=tuple(left if c == held else c for c in account.collateral)), market

    return Way(
        action="repay_from_collateral",
        asset=asset,
        unit=unit,
        amount=sold,
        events=events,
        probe=_units_ceil(divide(lacking, price_debt), unit_debt)
        if coarse
        else _units_ceil(divide(lacking, price), unit),
        most=_units_floor(divide(most * price, price_debt), unit_debt) if coarse else _units_floor(most, unit),
        debt=debt.asset,
        repaid=repaid,
        unchecked=unchecked,
    )


def _trade(case: Situation, position: Position, whole: bool) -> Way:
    price, step = case.price(position.market), quantity_step(case.parameters, position.market)
    steps, stamp = _units_ceil(position.quantity, step), Stamp(time=case.at)
    side: Literal["buy", "sell"] = "sell" if position.side == "long" else "buy"
    leg = position.side if case.account.position_mode == "hedge" else None

    def events(quantity: Decimal) -> tuple[Event, ...]:
        return (
            Fill(
                stamp=stamp,
                account=case.account.id,
                market=position.market,
                side=side,
                quantity=quantity,
                price=price,
                position_side=leg,
            ),
        )

    return Way(
        action="close" if whole else "reduce",
        asset=position.market,
        unit=position.quantity if whole else step,
        amount=lambda n: position.quantity if whole else n * step,
        events=events,
        probe=steps,
        most=1 if whole else steps - 1,
        whole=whole,
    )


def _lending(
    case: Situation, kind: Literal["supply", "withdraw", "repay"], holding: Collateral | Debt, amount: Decimal
) -> LendingAction:
    return LendingAction(
        stamp=Stamp(time=case.at),
        account=case.account.id,
        kind=kind,
        asset=holding.asset,
        amount=amount,
        pool=holding.pool,
    )


def _amount(case: Situation, holding: Collateral | Debt, index_kind: str) -> Decimal:
    """Amount held or owed; where only scaled units are known, at the index as last stored."""
    if holding.amount is not None:
        return holding.amount
    index = holding.index_raw
    if index is None:
        keys = [(case.rule_set.venue, name, index_kind) for name in (holding.asset, holding.pool) if name is not None]
        stored = next((case.market.indices[key] for key in keys if key in case.market.indices), None)
        if stored is None:
            raise BadInput("missing_index", f"indices.{'.'.join(keys[0])}", "nothing", f"a {index_kind} index")
        index = stored.value_raw
    return mul_div_floor(holding.scaled_raw or 0, index, RAY) * case.unit(holding.asset)


def _stairs(case: Situation, asset: str, held: Decimal, rising: bool) -> Stairs | None:
    """Stairs of an integer rule set whose value quantum is worth several units."""
    unit = case.unit(asset)
    width = divide(from_raw(1, VALUE_PLACES), case.price(asset) * unit)
    return Stairs(width, _units_floor(held, unit), rising) if case.rule_set.risk_scale and width > 2 else None


def _units_ceil(amount: Decimal, unit: Decimal) -> int:
    return max(1, int(divide(grid_ceil(amount, unit), unit)))


def _units_floor(amount: Decimal, unit: Decimal) -> int:
    return int(divide(grid_floor(amount, unit), unit))
