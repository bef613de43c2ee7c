"""Portfolio margin of Deribit (S:PM), coin-settled: risk matrix with volatility, extended table, delta and roll shocks.

    standard   moves of −range … +range in `buckets` steps a side, volatility up, same and down at each    27 results
    extended   −66, −33, +50, +100, +200, +300, +400, +500 %, volatility up                                 8 results
    future     D·(1 − 1/(1 + move)), in the extended table at ± range          [coin], D = position in coins
    option     N·(p(F·(1 + move), σ') − p(F, σ)), p = Black-76 value / forward                              [coin]
               in the extended table times factor·range/|move| · (1 + move)/(1 ± range)
    up, down   σ' = max(least, σ·(1 + up·(30/DTE)^p)),  σ·max(0, 1 − down·(30/DTE)^p),  p 0.30 below 30 days, then 0.13
    dampener   a result r of the portfolio's extended table shrinks by min(|r|, (|move|/range − 1)·USD/(I·(1 ± range)))
    gains      of the standard table count by pnl_offset, up to max_offsetable_pnl
    roll       Σ over expiries |net delta|·max(e^(annualised·years) − 1, least move)
    delta      |d|·min(m_inc·max(0, |d| − threshold/I), max shock),  d: futures and short options, less long options
    risk matrix = −worst + roll + delta;   IM = risk matrix + spot + mmp + open orders;   MM = factor · risk matrix

I index price, DTE days to expiry, at least 1. Results are rounded nowhere. Float64.

Verified by two printed answers of private/pme/simulate (futures alone; BTC of 17 June 2024, ETH of 15 February 2026):
all results of both tables before and after dampener and offset, worst case, roll shock, margins. Sources: support
article 25944756247837 (tables, moves), docs.deribit.com (settings), deribit.com/pages/docs/portfoliomargin (the shock's
term scaling, with an example), the venue's model deck as quoted by others (forward of the expiry, no interest; a
volatility of 60 with 45 % up is 87). Unverified, after two public implementations and after Paradex, whose table has
the same moves and weights range/|move|: results of options, the floor of the volatility, the size of the dampener, and
the delta shock above its threshold (0 in both answers).

`short_options` and `offsetting_futures` are contingencies of the model of 2019 to 2021, with the venue's examples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import copysign, exp, pow

from marginbook.domain.errors import BadInput
from marginbook.params.records import record_or_error
from marginbook.risk_models.black_76 import inverse_delta, inverse_value

RECORD = "deribit_portfolio"
EXTENDED = (-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
YEAR, TERM = 365.0, 30.0
"""Days of a year, and days to expiry at which a volatility shock is the range itself."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one base currency; names are the venue's where it has any."""

    price_range: float
    volatility_range_up: float
    volatility_range_down: float
    min_volatility_for_shock_up: float
    short_term_vega_power: float
    long_term_vega_power: float
    extended_table_factor: float
    extended_dampener: float  # [USD]
    delta_threshold: float  # [USD]
    max_delta_shock: float
    m_inc: float  # per coin
    annualised_move: float
    least_move: float
    pnl_offset: float
    max_offsetable_pnl: float  # [USD]
    mm_factor: float
    buckets: float


@dataclass(frozen=True, slots=True)
class Future:
    """A position in coins (USD size / mark); `days` to expiry, None for the perpetual."""

    coins: float
    days: float | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """`amount` options of one coin each on the forward of their expiry; negative when sold."""

    is_call: bool
    strike: float
    amount: float
    forward: float
    days: float
    volatility: float


@dataclass(frozen=True, slots=True)
class Table:
    """Results [coin] in the order of the venue."""

    standard: tuple[float, ...]
    extended: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Margin:
    """Parts and margins [coin]; `before` the tables of the portfolio as summed, `after` with dampener and offset."""

    before: Table
    after: Table
    worst: float
    roll_shock: float
    delta_shock: float
    risk_matrix: float
    initial: float
    maintenance: float


def settings_at(at: int, currency: str) -> Settings:
    """Settings on record at `at` [µs UTC].

    >>> settings_at(1_771_200_000_000_000, "ETH").price_range
    0.18
    """
    rows = record_or_error(RECORD, at, "the portfolio margin of Deribit").rows
    if currency not in rows:
        raise BadInput("no_parameters", f"portfolio margin of {currency}", "none recorded", ", ".join(rows))
    row: Mapping[str, str] = rows[currency]
    return Settings(**{name: float(value) for name, value in row.items()})


def moves(settings: Settings) -> tuple[float, ...]:
    """Price moves of the standard table."""
    buckets = int(settings.buckets)
    return tuple(settings.price_range * step / buckets for step in range(-buckets, buckets + 1))


def shocked(volatility: float, days: float, settings: Settings) -> tuple[float, float, float]:
    """Volatility up, same and down. The venue's example: 60 with 45 % up becomes 87.

    >>> from dataclasses import replace
    >>> round(shocked(0.6, 30, replace(settings_at(1_771_200_000_000_000, "ETH"), volatility_range_up=0.45))[0], 6)
    0.87
    >>> some = settings_at(1_771_200_000_000_000, "ETH")
    >>> [round(value, 6) for value in shocked(0.8, 30, some)], round(shocked(0.2, 30, some)[0], 6)
    ([1.12, 0.8, 0.6], 0.5)
    """
    days = max(1.0, days)
    term = pow(TERM / days, settings.short_term_vega_power if days < TERM else settings.long_term_vega_power)
    up = max(settings.min_volatility_for_shock_up, volatility * (1.0 + settings.volatility_range_up * term))
    return up, volatility, volatility * max(0.0, 1.0 - settings.volatility_range_down * term)


def future_table(future: Future, settings: Settings) -> Table:
    """Results of one future; the extended table has those of ± range.

    >>> table = future_table(Future(-0.999487053), settings_at(1_771_200_000_000_000, "ETH"))
    >>> [round(result, 12) for result in (table.standard[0], table.standard[-1], table.extended[1], table.extended[2])]
    [0.219399597, -0.152464126729, 0.219399597, -0.152464126729]
    """

    def result(move: float) -> float:
        return future.coins * (1.0 - 1.0 / (1.0 + move))

    edge = settings.price_range
    standard = tuple(result(move) for move in moves(settings) for _ in range(3))
    return Table(standard, tuple(result(copysign(edge, move)) for move in EXTENDED))


def option_table(option: Option, settings: Settings) -> Table:
    """Results of one option."""
    years, forward = option.days / YEAR, option.forward
    levels = shocked(option.volatility, option.days, settings)

    def worth(price: float, volatility: float) -> float:
        return inverse_value(option.is_call, price, option.strike, years, volatility)

    now = worth(forward, option.volatility)
    edge = settings.price_range
    standard = [
        option.amount * (worth(forward * (1.0 + move), level) - now) for move in moves(settings) for level in levels
    ]
    extended = []
    for move in EXTENDED:
        share = settings.extended_table_factor * edge / abs(move) * (1.0 + move) / (1.0 + copysign(edge, move))
        extended.append(share * option.amount * (worth(forward * (1.0 + move), levels[0]) - now))
    return Table(tuple(standard), tuple(extended))


def margin(
    futures: Sequence[Future], options: Sequence[Option], index: float, settings: Settings, added: float = 0.0
) -> Margin:
    """Margins of one currency at `index` [USD]; `added` is the sum of spot, mmp and open-order margins.

    The venue's answer of 15 February 2026, one short perpetual:

    >>> found = margin([Future(-0.999487053)], [], 1949.34, settings_at(1_771_200_000_000_000, "ETH"))
    >>> found.after.standard[0], found.after.extended[2], round(found.roll_shock, 12)
    (0.13163975819999998, 0.0, 0.004997435265)
    >>> round(found.initial, 9), round(found.maintenance, 9)
    (0.157461562, 0.12596925)
    """
    tables = [future_table(f, settings) for f in futures] + [option_table(o, settings) for o in options]
    count = 3 * len(moves(settings))
    before = Table(
        tuple(sum(table.standard[i] for table in tables) for i in range(count)),
        tuple(sum(table.extended[i] for table in tables) for i in range(len(EXTENDED))),
    )
    most = settings.max_offsetable_pnl / index
    after = Table(
        tuple(min(most, settings.pnl_offset * result) if result > 0 else result for result in before.standard),
        tuple(_dampened(result, move, index, settings) for result, move in zip(before.extended, EXTENDED, strict=True)),
    )
    worst = max(0.0, -min(*after.standard, *after.extended))
    roll, delta = _roll_shock(futures, options, settings), _delta_shock(futures, options, index, settings)
    matrix = worst + roll + delta
    return Margin(before, after, worst, roll, delta, matrix, matrix + added, settings.mm_factor * matrix)


def _dampened(result: float, move: float, index: float, settings: Settings) -> float:
    edge = settings.price_range
    usd = max(0.0, abs(move) / edge - 1.0) * settings.extended_dampener
    return copysign(max(0.0, abs(result) - usd / (index * (1.0 + copysign(edge, move)))), result) + 0.0


def _delta(option: Option) -> float:
    years = option.days / YEAR
    return option.amount * inverse_delta(option.is_call, option.forward, option.strike, years, option.volatility)


def _roll_shock(futures: Sequence[Future], options: Sequence[Option], settings: Settings) -> float:
    net: dict[float | None, float] = {}
    for future in futures:
        net[future.days] = net.get(future.days, 0.0) + future.coins
    for option in options:
        net[option.days] = net.get(option.days, 0.0) + _delta(option)
    total = 0.0
    for days, delta in net.items():
        move = exp(settings.annualised_move * days / YEAR) - 1.0 if days else 0.0
        total += abs(delta) * max(move, settings.least_move)
    return total


def _delta_shock(futures: Sequence[Future], options: Sequence[Option], index: float, settings: Settings) -> float:
    """Long options may only lower the delta of the rest."""
    deltas = [(_delta(option), option.amount) for option in options]
    rest = sum(future.coins for future in futures) + sum(delta for delta, amount in deltas if amount < 0)
    both = rest + sum(delta for delta, amount in deltas if amount > 0)
    delta = min(0.0, max(both, rest)) if rest < 0 else max(0.0, min(both, rest))
    beyond = max(0.0, abs(delta) - settings.delta_threshold / index)
    return abs(delta) * min(settings.m_inc * beyond, settings.max_delta_shock)


def short_options(by_strike: Mapping[float, Sequence[float]], per_option: float) -> float:
    """Contingency of the older model: coins per option net short at a strike, calls and puts together.

    The venue's example: call +10 and put −20 of one strike, 0.01 BTC each.

    >>> short_options({10_000.0: [10, -20]}, 0.01)
    0.1
    """
    return per_option * sum(max(0.0, -sum(amounts)) for amounts in by_strike.values())


def offsetting_futures(coins: Sequence[float], share: float) -> float:
    """Contingency of the older model: a share of what is long in one future and short in another.

    The venue's examples: long and short 100 BTC at 1 %, and at 2 %.

    >>> offsetting_futures([100, -100], 0.01), offsetting_futures([100, -100], 0.02)
    (1.0, 2.0)
    """
    long, short = sum(max(0.0, x) for x in coins), sum(max(0.0, -x) for x in coins)
    return share * min(long, short)
