"""How a GMX v2 position is closed or reduced: costs in the contract's order, and who gets what.

    profit → output;  then, each as ⌈cost / collateral min price⌉ tokens, from output, collateral, other output:
    funding → loss → other fees → negative impact → impact beyond its cap (claimable)

of what is closed: profit = total · tokens / size in tokens, and pending impact · size / size in USD, cut, a negative
one rounded away from 0. A liquidation closes the whole and pays the liquidation fee. Where a cost cannot be paid the
close is insolvent, which only liquidations and deleveraging of a whole position may be: the steps after it are left out
and what was paid of it goes to the pool. What is left of a whole position goes to the trader. The pool is the
counterparty; there is no insurance fund. Source: gmx-synthetics `DecreasePositionUtils` and
`DecreasePositionCollateralUtils`, commit a5c0c8835182 (2026-03-13).

Deviations: a profit in the other token is not swapped into the collateral; the keeper's execution fee is left out; a
positive impact is capped by the impact pool only where the state gives `impact_pool` [index tokens], without lending.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Party, Plan
from marginbook.exact import div_floor, from_raw, in_exact_context, mul_div_ceil, mul_div_floor
from marginbook.venues.gmx.impact import Impact, balance_of, capped_gain, decrease_price
from marginbook.venues.gmx.margin import Fees, check, fees_of, impact_of_closing, pending_usd, pnl_of
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
from marginbook.venues.gmx.power import apply_factor, signed, signed_away


@dataclass(frozen=True, slots=True)
class Payment:
    """What was paid of one cost, and what could not be paid [10^-30 USD]."""

    collateral: int  # [collateral token units]
    other: int  # [units of the other output token]
    unpaid: int


@dataclass(slots=True)
class Closing:
    """The whole decrease while it is worked out."""

    held: Held
    market: Market
    size: int  # [10^-30 USD] closed
    tokens: int  # [index token units] closed
    price: int  # execution price [10^-30 USD per unit]
    profit: int = 0  # [10^-30 USD] realised
    impact: int = 0  # [10^-30 USD] realised, carried impact included
    beyond: int = 0  # [10^-30 USD] of impact above its cap
    output: int = 0  # [collateral token units]
    other: int = 0  # [profit token units], where that is another token
    collateral: int = 0  # [collateral token units] left in the position
    pending: int = 0  # [index token units] of impact that is carried no longer
    impact_pool: int = 0  # [index token units] that the impact pool gains
    unpaid: int = 0  # [10^-30 USD]
    failed: str = ""  # the cost that could not be paid
    receiver: int = 0  # [collateral token units] for the fee receiver
    ui: int = 0  # [collateral token units] for the interface's operator
    amounts: dict[tuple[Party, str], int] = field(default_factory=lambda: defaultdict(int))
    claims: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # of the trader, in `amounts` too

    @property
    def profit_token(self) -> str:
        """What profit is paid in."""
        return self.held.terms.pnl_token(self.held.is_long)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left of the position."""
        return self.size == self.held.size_usd or self.tokens == self.held.size_tokens

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


def tokens_closed(held: Held, size: int) -> int:
    """Index tokens that closing `size` [10^-30 USD] takes: rounded up for longs, down for shorts."""
    if size == held.size_usd:
        return held.size_tokens
    rounded = mul_div_ceil if held.is_long else mul_div_floor
    return rounded(held.size_tokens, size, held.size_usd)


def size_closed(held: Held, tokens: int) -> int:
    """A size [10^-30 USD] whose closing takes exactly `tokens`: down for longs, up for shorts."""
    if tokens == held.size_tokens:
        return held.size_usd
    rounded = mul_div_floor if held.is_long else mul_div_ceil
    return rounded(held.size_usd, tokens, held.size_tokens)


def impact_closed(held: Held, market: Market, size: int) -> Impact:
    """Impact of closing `size` [10^-30 USD]; BadInput where the venue has no price for it."""
    found = impact_of_closing(held, market, balance_of(held, market), size, tokens_closed(held, size))
    adjusted = found.usd if held.is_long else -found.usd
    if size and adjusted < 0:
        fall = div_floor(div_floor(-adjusted * held.size_usd, held.size_tokens), size)
        if -adjusted > size or fall > pnl_price(held, market):
            raise BadInput("impact_too_large", held.place, adjusted, f"at most {size}, at a price above 0")
    return found


def close(held: Held, market: Market, at: int) -> tuple[Closing, Fees]:
    """The full close of a position as a liquidation at the market's prices."""
    return decrease(held, market, at, held.size_usd, liquidation=True)


def decrease(
    held: Held, market: Market, at: int, size: int, withdrawn: int = 0, ui_factor: int = 0, liquidation: bool = False
) -> tuple[Closing, Fees]:
    """An order closes `size` [10^-30 USD] and takes out `withdrawn` [collateral token units], at the venue's fees."""
    impact = impact_closed(held, market, size)
    fees = fees_of(held, market, at, size, impact.improved, liquidation=liquidation, ui_factor=ui_factor)
    return settle(held, market, size, impact, fees, pnl_of(held, market).capped, withdrawn), fees


def settle(
    held: Held, market: Market, size: int, impact: Impact, fees: Fees, profit: int, withdrawn: int = 0
) -> Closing:
    """What closing `size` [10^-30 USD] comes to, by impact, fees and the whole position's `profit` [10^-30 USD]."""
    terms, tokens = held.terms, tokens_closed(held, size)
    price = pnl_price(held, market)
    if size:
        price = decrease_price(price, held.size_usd, held.size_tokens, size, impact.usd, held.is_long)
    closing = Closing(held, market, size, tokens, price, collateral=held.collateral)
    closing.profit = signed(profit, tokens, held.size_tokens)
    if closing.profit > 0:
        closing.earn(closing.profit)
    carried = held.pending_impact
    closing.pending = (signed if carried > 0 else signed_away)(carried, size, held.size_usd)
    worst = -apply_factor(size, terms.negative_max_impact_factor)
    total = impact.usd + pending_usd(held, market, closing.pending)
    closing.beyond = max(0, worst - total)
    closing.impact = _capped_by_pool(held, market, capped_gain(terms, max(total, worst), size))
    if closing.impact > 0:
        closing.impact_pool = -mul_div_ceil(closing.impact, 1, index_price(held, market, "min"))
        closing.earn(closing.impact)
    _pay_costs(closing, fees)
    if withdrawn and not closing.failed:
        less = div_floor(closing.beyond, token_price(held, held.token, market, "min"))
        taken = min(max(0, withdrawn - less), closing.collateral)
        closing.collateral -= taken
        closing.output += taken
    if closing.is_whole:
        closing.output += closing.collateral
        closing.collateral = 0
    closing.amounts["account", held.token] += closing.output + closing.collateral - held.collateral
    closing.amounts["account", closing.profit_token] += closing.other
    return closing


def _capped_by_pool(held: Held, market: Market, impact: int) -> int:
    amount = state_of(held, market, "impact_pool", held.terms.index_decimals)
    if impact <= 0 or amount is None:
        return impact
    return min(impact, amount * index_price(held, market, "min"))


def _pay_costs(closing: Closing, fees: Fees) -> None:
    held, market = closing.held, closing.market
    price = token_price(held, held.token, market, "min")
    paid = closing.pay(fees.funding * price)
    closing.give("counterparties", paid, "protocol")
    if closing.lacks(paid, "funding"):
        return
    paid = closing.pay(-min(0, closing.profit))
    closing.give("pool", paid)
    if closing.lacks(paid, "pnl"):
        return
    paid = closing.pay(fees.without_funding * price)
    closing.give("pool", paid)
    if not paid.unpaid and not paid.other:
        closing.receiver, closing.ui = receiver_share(held, fees), fees.ui
        leaves = closing.receiver + closing.ui
        closing.amounts["protocol", held.token] += leaves
        closing.amounts["pool", held.token] -= leaves
    if closing.lacks(paid, "fees"):
        return
    paid = closing.pay(-min(0, closing.impact))
    closing.give("pool", paid)
    price_other, index_max = token_price(held, closing.profit_token, market, "min"), index_price(held, market, "max")
    closing.impact_pool += mul_div_floor(paid.collateral, price, index_max)
    closing.impact_pool += mul_div_floor(paid.other, price_other, index_max)
    if closing.lacks(paid, "impact"):
        return
    paid = closing.pay(closing.beyond)
    closing.give("account", paid)
    closing.claims[held.token] += paid.collateral
    closing.claims[closing.profit_token] += paid.other
    closing.lacks(paid, "diff")


def receiver_share(held: Held, fees: Fees) -> int:
    """What leaves the pool for the fee receiver: its factor of each fee, cut [collateral token units]."""
    return sum(apply_factor(fee, held.terms.fee_receiver_factor) for fee in fees.receiver_shares)


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """All of the position or nothing. `bad_debt` [USD] is the cost that could not be paid; `fee` is in the collateral.

    Claimable funding is paid out of the pool beside it.
    """
    held = held_named(account, pool, parameters)
    nothing = Plan(pool=pool, market=held.market, collateral=held.token)
    if not check(held, market, at).reason:
        return replace(nothing, reason="the remaining collateral is enough")
    try:
        closing, fees = close(held, market, at)
    except BadInput as problem:
        return replace(nothing, reason=problem.problem.code)
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
