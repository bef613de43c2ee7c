"""SPAN risk array of one contract: its loss in 16 scenarios of price and volatility, exactly.

    array_s   = cover_s · (V(0, 0) − V(price_s · PSR, volatility_s · VSR))
    scan risk = max(0, max_s Σ_i position_i · array_i,s)

PSR price scan range, VSR volatility scan range; V(Δ price, Δ volatility) is the value of one long contract in money. A
LOSS is positive, as in SPAN files. Scenarios 1-14 move the price by 0, ±1/3, ±2/3 and ±1 PSR, each with the volatility
up and down; 15 and 16 move it by ± `extreme` PSR at the same volatility, and only `cover` of that loss counts. Both
are fields of a SPAN file and never assumed: 2 and 0.35 in the classic example, 3 and 0.33 in a CME file of June 2025.
Sources: CME Group, Components of SPAN (sign, order); McMillan, Options as a Strategic Investment (example). Thirds are
divided to 128 digits; `places` rounds the array half up where a venue publishes it rounded, before positions scale it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, ZERO, divide, in_exact_context, round_half_up

Valuation = Callable[[Decimal, Decimal], Decimal]
"""Value of one long contract after (change of price, change of volatility)."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Thirds of the price scan range (or `extreme` ranges with the sign of `thirds`), volatility up or down."""

    thirds: int
    volatility: int
    is_extreme: bool = False


SCENARIOS = tuple(
    Scenario(thirds, volatility) for thirds in (0, 1, -1, 2, -2, 3, -3) for volatility in (1, -1)
) + tuple(Scenario(thirds, 0, True) for thirds in (3, -3))
"""Scenarios 1 to 16 in the order of a SPAN file."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Scan ranges of one contract: `price` in money or points as the valuation takes it, `volatility` as a number."""

    price: Decimal
    extreme: Decimal
    cover: Decimal
    volatility: Decimal = ZERO

    def __post_init__(self) -> None:
        if self.price < 0 or self.volatility < 0 or self.extreme < 0 or not 0 <= self.cover <= 1:
            raise BadInput("bad_scan_ranges", "ranges", str(self), "ranges at least 0, cover from 0 to 1")

    def move(self, scenario: Scenario) -> tuple[Decimal, Decimal, Decimal]:
        """Change of price, change of volatility, and the share of the loss that counts.

        >>> ranges = Ranges(Decimal(30), Decimal(2), Decimal("0.35"), Decimal("0.04"))
        >>> [[str(number) for number in ranges.move(SCENARIOS[index])] for index in (4, 15)]
        [['-10', '0.04', '1'], ['-60', '0.00', '0.35']]
        """
        whole = self.price * scenario.thirds * (self.extreme if scenario.is_extreme else ONE)
        return (
            divide(whole, Decimal(3)),
            self.volatility * scenario.volatility,
            self.cover if scenario.is_extreme else ONE,
        )


@in_exact_context
def risk_array(value: Valuation, ranges: Ranges, places: int | None = None) -> tuple[Decimal, ...]:
    """Losses of one long contract.

    >>> ranges = Ranges(Decimal(10000), Decimal(2), Decimal("0.35"))
    >>> [int(loss) for loss in risk_array(lambda price, volatility: price, ranges)][4:]
    [3333, 3333, -6666, -6666, 6666, 6666, -10000, -10000, 10000, 10000, -7000, 7000]
    """
    now = value(ZERO, ZERO)
    losses = []
    for scenario in SCENARIOS:
        price, volatility, cover = ranges.move(scenario)
        loss = cover * (now - value(price, volatility))
        losses.append(loss if places is None else round_half_up(loss, places))
    return tuple(losses)


def future_array(ranges: Ranges, per_point: Decimal = ONE, places: int | None = None) -> tuple[Decimal, ...]:
    """The array of a future, whose value moves by `per_point` a point.

    >>> str(future_array(Ranges(Decimal(20), Decimal(2), Decimal("0.35")), Decimal(500))[12])
    '10000'
    """
    return risk_array(lambda price, volatility: price * per_point, ranges, places)


@in_exact_context
def scenario_losses(positions: Mapping[str, Decimal], arrays: Mapping[str, Sequence[Decimal]]) -> tuple[Decimal, ...]:
    """Loss of a portfolio in each scenario: positions in contracts, short ones negative.

    >>> arrays = {"H": future_array(Ranges(Decimal(30), Decimal(2), Decimal("0.35")))}
    >>> [str(loss) for loss in scenario_losses({"H": Decimal(-2)}, arrays)[2:5]]
    ['20', '20', '-20']
    """
    return tuple(
        sum((held * arrays[contract][number] for contract, held in positions.items()), ZERO)
        for number in range(len(SCENARIOS))
    )


def scan_risk(losses: Sequence[Decimal]) -> Decimal:
    """The largest loss, at least 0.

    >>> str(scan_risk(scenario_losses({}, {})))
    '0'
    """
    return max(ZERO, *losses)
