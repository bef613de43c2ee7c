"""Who pays how much of a deficit: rules that share a budget out over the winners, exactly and to the unit.

A winner's capacity is the most that it may pay. Every rule takes (budget, capacities) and answers one amount each, in
the order given. Nobody pays more than its capacity, and the amounts add up to min(budget, total capacity) exactly, all
counted in whole units (10^-8 unless told otherwise; budget and capacities are cut down to units first).

    queue, in_turn   in the order given, each in full until the budget is met                (venues; order by `rank`)
    water_filling    amount_i = min(capacity_i, τ · weight_i), τ such that they add up                       O(n log n)
      wealth pro-rata        weight = capacity                        every rate is B / Σ capacity
      capped pro-rata        weight = endowment e, capacity = e · β   rate h_i = min(η, β_i)
      risk-aware             weight = e · w, capacity = e · β         rate h_i = min(β_i, τ · w_i)

The solution in real numbers is unique; its fractions of a unit go to the largest remainders, the first among equals.
Within one unit per account it is therefore invariant to splitting an account in two and to scale, and monotone: nobody
pays less of a larger budget, nor for a larger weight and capacity.

Source: Chitra, "Autodeleveraging: Impossibilities and Optimization", arXiv 2512.01112, algorithms 1 and 2.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, ZERO, div_floor, divide, from_raw, in_exact_context, remainder_floor, to_raw_floor

Allocator = Callable[[Decimal, Sequence[Decimal]], list[Decimal]]
"""(budget, capacities) → what each pays, in the order of the capacities."""

PLACES = 8


@in_exact_context
def in_turn(budget: Decimal, capacities: Sequence[Decimal]) -> list[Decimal]:
    """The queue without units: amounts of any number of digits, such as quantities of a position.

    >>> [str(amount) for amount in in_turn(Decimal(7), [Decimal("5.5"), Decimal(4), Decimal(9)])]
    ['5.5', '1.5', '0.0']
    """
    left, amounts = budget, []
    for capacity in capacities:
        amounts.append(min(capacity, left))
        left -= amounts[-1]
    return amounts


@in_exact_context
def queue(budget: Decimal, capacities: Sequence[Decimal], places: int = PLACES) -> list[Decimal]:
    """Each in full, in the order given, until the budget is met.

    >>> [int(amount) for amount in queue(Decimal(7), [Decimal(5), Decimal(4), Decimal(9)])]
    [5, 2, 0]
    """
    target, most = _in_units(budget, capacities, places)
    return in_turn(from_raw(target, places), [from_raw(amount, places) for amount in most])


@in_exact_context
def allocate(budget: Decimal, capacities: Sequence[Decimal], places: int = PLACES) -> list[Decimal]:
    """Wealth pro-rata: everyone gives the same share of its capacity.

    >>> [str(amount) for amount in allocate(Decimal(100), [Decimal(100), Decimal(100), Decimal(100)], places=0)]
    ['34', '33', '33']
    """
    return water_filling(budget, capacities, capacities, places)


def capped_pro_rata(
    budget: Decimal, endowments: Sequence[Decimal], caps: Sequence[Decimal], places: int = PLACES
) -> list[Decimal]:
    """Everyone gives the same share η of its endowment, but nobody a larger share than its own cap.

    Where the first is capped at 10 % of 100, the others give 20 % of 200 each:

    >>> e, caps = [Decimal(100), Decimal(100), Decimal(100)], [Decimal("0.1"), Decimal(1), Decimal(1)]
    >>> [int(amount) for amount in capped_pro_rata(Decimal(50), e, caps)]
    [10, 20, 20]
    """
    return risk_aware_pro_rata(budget, endowments, caps, [ONE] * len(endowments), places)


@in_exact_context
def cap(limit: Decimal, endowment: Decimal, equity: Decimal, least_equity: Decimal) -> Decimal:
    """The largest share β of an endowment that a winner may give: `limit`, or what leaves it `least_equity`.

    >>> cap(Decimal("0.5"), Decimal(100), Decimal(130), Decimal(100)), cap(ONE, Decimal(100), Decimal(90), Decimal(100))
    (Decimal('0.3'), Decimal('0'))
    """
    if endowment <= 0:
        return ZERO
    return min(limit, max(ZERO, divide(equity - least_equity, endowment)))


@in_exact_context
def risk_aware_pro_rata(
    budget: Decimal,
    endowments: Sequence[Decimal],
    caps: Sequence[Decimal],
    weights: Sequence[Decimal],
    places: int = PLACES,
) -> list[Decimal]:
    """Shares of the endowments in proportion to risk weights: h_i = min(β_i, τ · w_i). A weight of 0 gives nothing.

    Winners A, C and E of the paper's example, weights = leverage squared (printed shares: 0.164, 0.589, 0.246):

    >>> leverage = [Decimal("1.031"), Decimal("0.925"), Decimal("1.548")]
    >>> e = [Decimal("0.163"), Decimal("0.728"), Decimal("0.109")]
    >>> [str(amount) for amount in risk_aware_pro_rata(Decimal("0.1"), e, [ONE] * 3, [x * x for x in leverage], 4)]
    ['0.0164', '0.0589', '0.0247']
    """
    most = [endowment * cap for endowment, cap in zip(endowments, caps, strict=True)]
    pulls = [endowment * weight for endowment, weight in zip(endowments, weights, strict=True)]
    return water_filling(budget, most, pulls, places)


@in_exact_context
def water_filling(
    budget: Decimal, capacities: Sequence[Decimal], weights: Sequence[Decimal], places: int = PLACES
) -> list[Decimal]:
    """amount_i = min(capacity_i, τ · weight_i) with τ such that the amounts add up to the budget. O(n log n).

    Where the weighted capacities do not suffice, everyone with a weight pays its capacity. BadInput where a number is
    negative or the lists have different lengths.
    """
    target, most = _in_units(budget, capacities, places)
    if len(weights) != len(capacities) or not all(weight.is_finite() and weight >= 0 for weight in weights):
        raise BadInput("bad_weights", "weights", len(weights), f"{len(capacities)} finite weights of at least 0")
    scale = max((-_exponent(weight) for weight in weights), default=0)
    pulls = [to_raw_floor(weight, max(scale, 0)) for weight in weights]
    return [from_raw(amount, places) for amount in filled(target, most, pulls)]


def filled(budget: int, capacities: Sequence[int], weights: Sequence[int]) -> list[int]:
    """Water filling in whole units: the amounts, their fractions going to the largest remainders.

    Accounts are capped in the order of capacity / weight. After the first k of them, the rest share what is left:
    τ = (budget − Σ capacity of the capped) / Σ weight of the rest, which is the answer as soon as the next one of them
    is not reached by it.

    >>> filled(50, [10, 100, 100], [100, 100, 100])
    [10, 20, 20]
    """
    sharing = [i for i, weight in enumerate(weights) if weight > 0]
    sharing.sort(key=lambda i: divide(Decimal(capacities[i]), Decimal(weights[i])))
    amounts = [0] * len(capacities)
    left, pull = budget, sum(weights)
    for place, i in enumerate(sharing):
        if capacities[i] * pull > left * weights[i]:
            return _shared(left, sharing[place:], weights, pull, amounts)
        amounts[i] = capacities[i]
        left -= capacities[i]
        pull -= weights[i]
    return amounts


def _shared(left: int, sharing: list[int], weights: Sequence[int], pull: int, amounts: list[int]) -> list[int]:
    """`left` units over `sharing` in proportion to their weights, whole units first, then the largest remainders."""
    for i in sharing:
        amounts[i] = div_floor(left * weights[i], pull)
    over = left - sum(amounts[i] for i in sharing)
    by_remainder = sorted(sharing, key=lambda i: (-remainder_floor(left * weights[i], pull), i))
    for i in by_remainder[:over]:
        amounts[i] += 1
    return amounts


def _in_units(budget: Decimal, capacities: Sequence[Decimal], places: int) -> tuple[int, list[int]]:
    for amount in (budget, *capacities):
        if not amount.is_finite() or amount < ZERO:
            raise BadInput("bad_amount", "budget or capacities", amount, "a finite amount of at least 0")
    return to_raw_floor(budget, places), [to_raw_floor(capacity, places) for capacity in capacities]


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
