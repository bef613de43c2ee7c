"""How a GMX v2 position is closed by a liquidation: costs in the contract's order, and who gets what.

    profit → output;  then, each as ⌈cost / collateral min price⌉ tokens, from output, collateral, other output:
    funding → loss → other fees with the liquidation fee → negative impact → impact beyond its cap (claimable)

Where a cost cannot be paid the close is insolvent: the steps after it are left out and what was paid of it goes to the
pool. What is left goes to the trader. The pool is the counterparty; there is no insurance fund. Source: gmx-synthetics
`DecreasePositionUtils` and `DecreasePositionCollateralUtils`, commit a5c0c8835182 (2026-03-13).

Deviations: a profit in the other token is not swapped into the collateral; the keeper's execution fee is left out; a
positive impact is capped by the impact pool only where the state gives `impact_pool` [index tokens], without lending.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Party, Plan
from marginbook.exact import div_floor, from_raw, in_exact_context, mul_div_ceil
from marginbook.venues.gmx.impact import balance_of, capped_gain, decrease_price
from marginbook.venues.gmx.margin import Fees, check, closing_impact, fees_of, pending_usd, pnl_of
from marginbook.venues.gmx.parameters import Parameters
from marginbook.venues.gmx.positions import (
    USD_DECIMALS,
    Held,
    claimable_funding,
    held_named,
    index_price,
    pnl_price,
    state_of,
    token_price,
)
from marginbook.venues.gmx.power import apply_factor


@dataclass(frozen=True, slots=True)
class Payment:
    """What was paid of one cost, and what could not be paid [10^-30 USD]."""

    collateral: int  # [collateral token units]
    other: int  # [units of the other output token]
    unpaid: int


@dataclass(slots=True)
class Closing:
    """The whole close while it is worked out."""

    held: Held
    market: Market
    price: int  # execution price [10^-30 USD per unit]
    output: int = 0  # [collateral token units]
    other: int = 0  # [profit token units], where that is another token
    collateral: int = 0  # [collateral token units] left
    unpaid: int = 0  # [10^-30 USD]
    failed: str = ""  # the cost that could not be paid
    amounts: dict[tuple[Party, str], int] = field(default_factory=lambda: defaultdict(int))

    @property
    def profit_token(self) -> str:
        """What profit is paid in."""
        return self.held.terms.pnl_token(self.held.is_long)

    def earn(self, usd: int) -> None:
        """Profit [10^-30 USD] out of the pool, ⌊usd / max price⌋ tokens."""
        token = self.profit_token
        amount = div_floor(usd, token_price(self.held, token, self.market, "max"))
        self.amounts["pool", token] -= amount
        if token == self.held.token:
            self.output += amount
        else:
            self.other += amount

    def pay(self, usd: int) -> Payment:
        """⌈usd / min price⌉ tokens from the output, then the collateral, then ⌊…⌋ of the other output."""
        price = token_price(self.held, self.held.token, self.market, "min")
        due = mul_div_ceil(usd, 1, price)
        from_output = min(self.output, due)
        from_collateral = min(self.collateral, due - from_output)
        self.output -= from_output
        self.collateral -= from_collateral
        due -= from_output + from_collateral
        if not due:
            return Payment(from_output + from_collateral, 0, 0)
        price_other = token_price(self.held, self.profit_token, self.market, "min")
        due_other = div_floor(due * price, price_other)
        other = min(self.other, due_other)
        self.other -= other
        return Payment(from_output + from_collateral, other, (due_other - other) * price_other)

    def give(self, party: Party, paid: Payment, other: Party | None = None) -> None:
        """Hand a payment to a party (its part in the other token to `other`)."""
        self.amounts[party, self.held.token] += paid.collateral
        self.amounts[other or party, self.profit_token] += paid.other

    def lacks(self, paid: Payment, step: str) -> bool:
        """Whether the step could not be paid, which ends the close."""
        if paid.unpaid:
            self.unpaid, self.failed = paid.unpaid, step
        return bool(paid.unpaid)


def close(held: Held, market: Market, at: int) -> tuple[Closing, Fees]:
    """The full close of a position as a liquidation at the market's prices."""
    terms, size = held.terms, held.size_usd
    impact = closing_impact(held, market, balance_of(held, market))
    price = decrease_price(pnl_price(held, market), size, held.size_tokens, size, impact.usd, held.is_long)
    closing = Closing(held, market, price, collateral=held.collateral)
    fees = fees_of(held, market, at, size, impact.improved, liquidation=True)
    profit = pnl_of(held, market).capped
    if profit > 0:
        closing.earn(profit)
    worst = -apply_factor(size, terms.negative_max_impact_factor)
    total = impact.usd + pending_usd(held, market)
    beyond = max(0, worst - total)
    total = _capped_by_pool(held, market, capped_gain(terms, max(total, worst), size))
    if total > 0:
        closing.earn(total)
    _pay_costs(closing, fees, -min(0, profit), -min(0, total), beyond)
    left = closing.output + closing.collateral
    closing.amounts["account", held.token] += left - held.collateral
    closing.amounts["account", closing.profit_token] += closing.other
    return closing, fees


def _capped_by_pool(held: Held, market: Market, impact: int) -> int:
    amount = state_of(held, market, "impact_pool", held.terms.index_decimals)
    if impact <= 0 or amount is None:
        return impact
    return min(impact, amount * index_price(held, market, "min"))


def _pay_costs(closing: Closing, fees: Fees, loss: int, impact: int, beyond: int) -> None:
    price = token_price(closing.held, closing.held.token, closing.market, "min")
    paid = closing.pay(fees.funding * price)
    closing.give("counterparties", paid, "protocol")
    if closing.lacks(paid, "funding"):
        return
    paid = closing.pay(loss)
    closing.give("pool", paid)
    if closing.lacks(paid, "pnl"):
        return
    paid = closing.pay(fees.without_funding * price)
    closing.give("pool", paid)
    if not paid.unpaid and not paid.other:
        receiver = _receiver_share(closing.held, fees)
        closing.amounts["protocol", closing.held.token] += receiver
        closing.amounts["pool", closing.held.token] -= receiver
    if closing.lacks(paid, "fees"):
        return
    paid = closing.pay(impact)
    closing.give("pool", paid)
    if closing.lacks(paid, "impact"):
        return
    paid = closing.pay(beyond)
    closing.give("account", paid)
    closing.lacks(paid, "diff")


def _receiver_share(held: Held, fees: Fees) -> int:
    """What leaves the pool for the fee receiver: its factor of each fee, cut."""
    factor = held.terms.fee_receiver_factor
    return sum(apply_factor(fee, factor) for fee in (fees.position - fees.discount, fees.borrowing, fees.liquidation))


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """All of the position or nothing. `bad_debt` [USD] is the cost that could not be paid; `fee` is in the collateral.

    Claimable funding is paid out of the pool beside it.
    """
    held = held_named(account, pool, parameters)
    if not check(held, market, at).reason:
        return Plan(pool=pool, market=held.market, collateral=held.token, reason="the remaining collateral is enough")
    closing, fees = close(held, market, at)
    for token, amount in claimable_funding(held, market).items():
        closing.amounts["account", token] += amount
        closing.amounts["counterparties", token] -= amount
    decimals = held.terms.decimals(held.token)
    flows = [
        Flow(party, token, from_raw(amount, held.terms.decimals(token)))
        for (party, token), amount in closing.amounts.items()
        if amount
    ]
    return Plan(
        pool=pool,
        market=held.market,
        side=held.position.side,
        collateral=held.token,
        close_least=held.position.quantity,
        close_most=held.position.quantity,
        price=from_raw(closing.price, USD_DECIMALS - held.terms.index_decimals),
        fee=from_raw(fees.total, decimals),
        protocol_fee=from_raw(closing.amounts.get(("protocol", held.token), 0), decimals),
        bad_debt=from_raw(closing.unpaid, USD_DECIMALS),
        flows=tuple(flows),
    )
