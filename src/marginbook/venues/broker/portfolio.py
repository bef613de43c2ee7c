"""Portfolio margin of FINRA Rule 4210(g): the greatest loss of a class group at ten valuation points.

    points      price of the underlying · (1 + i/5 · range up), (1 − i/5 · range down), i = 1 … 5
    shares      value = quantity · price at the point
    options     value at the point as given (`values`), or by Black and Scholes (`implied_volatility`), American ones at
                least what exercising gives, at whole cents: of a long one rounded down, of a short one rounded up
    loss        Σ (market value now − value at the point), of a class group: all on one underlying
    requirement = Σ over class groups of max(greatest loss, least per contract); never below nothing
    call        at equity < requirement;  equity = cash + market value of shares and options

Ranges by underlying are parameters (`range_up`, `range_down`): shares ±15 %, broad indices less. Volatility does not
move between the points. There is no offset between class groups of a product group. The least per contract is
`least_per_unit` · multiplier for every option held.

Details of an option: `values` (ten prices per share, from the lowest point to the highest), or `implied_volatility`
with `rate` and `dividend_yield` (per year; default 0).
"""

from collections.abc import Sequence
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import ONE, ZERO, div_floor, round_ceil, round_floor
from marginbook.risk_models.black_scholes import option_value
from marginbook.units import MICROSECONDS
from marginbook.venues.brackets import number_from
from marginbook.venues.broker.margin_account import cash_of, movers, pools, resting, totals, with_unbacked_debit
from marginbook.venues.broker.parameters import Rates, Underlying
from marginbook.venues.broker.positions import Priced, by_underlying, priced
from marginbook.venues.common.fields import detail
from marginbook.venues.statements.model import Line, Maker, Statement, quoted

POINTS = 10
FIFTHS = tuple(Decimal(number).scaleb(-1) for number in (2, 4, 6, 8, 10))
CENT = 2


def moves(rates: Underlying) -> tuple[Decimal, ...]:
    """The ten moves of an underlying, from the lowest to the highest.

    >>> from marginbook.venues.broker.parameters import parameters
    >>> [str(move) for move in moves(parameters("portfolio", 1_790_856_000_000_000).of("SPX"))[3:7]]
    ['-0.032', '-0.016', '0.012', '0.024']
    """
    falls = tuple(-fifth * rates.range_down for fifth in reversed(FIFTHS))
    return falls + tuple(fifth * rates.range_up for fifth in FIFTHS)


def values_at(one: Priced, price: Decimal, rates: Rates, place: str) -> tuple[Decimal, ...]:
    """Value per share at the ten points, against the holder where it is rounded to cents."""
    instrument, details = one.held.instrument, one.position.details
    steps = moves(rates.of(instrument.underlying))
    points = [price * (ONE + move) for move in steps]
    if not instrument.is_option:
        return tuple(points)
    if "values" in details:
        given = details["values"].replace(",", " ").split()
        if len(given) != POINTS:
            raise BadInput("bad_detail", f"{place}.details.values", details["values"], "ten prices, lowest point first")
        values = [number_from(text, f"{place}.details.values") for text in given]
    elif "implied_volatility" in details:
        volatility = detail(details, "implied_volatility", place)
        if volatility < 0:
            raise BadInput("bad_detail", f"{place}.details.implied_volatility", volatility, "at least 0")
        rate, dividend = detail(details, "rate", place, ZERO), detail(details, "dividend_yield", place, ZERO)
        seconds = div_floor(max(0, instrument.expiry - rates.at), MICROSECONDS)
        call = instrument.right == "C"
        values = [
            option_value(call, max(ZERO, point), instrument.strike, seconds, volatility, rate, dividend)
            for point in points
        ]
        if not instrument.european:
            values = [max(value, instrument.intrinsic(point)) for value, point in zip(values, points, strict=True)]
    else:
        expected = "ten prices at the valuation points, or implied_volatility"
        raise BadInput("missing_detail", f"{place}.details.values", "nothing", expected)
    if one.position.side == "long":
        return tuple(round_floor(value, CENT) for value in values)
    return tuple(round_ceil(value, CENT) for value in values)


def requirement(underlying: str, group: Sequence[Priced], market: Market, rates: Rates) -> Line:
    """What one class group asks for."""
    price = quoted(market, rates.venue, underlying, rates.price_kind)
    profits = []
    for one in group:
        values = values_at(one, price, rates, f"position {one.position.market}")
        profits.append([one.held.signed * (value - one.price) for value in values])
    sums = [sum((profit[point] for profit in profits), ZERO) for point in range(POINTS)]
    worst = min(range(POINTS), key=lambda point: sums[point])
    rate = rates.of(underlying)
    least = sum((abs(one.held.signed) for one in group if one.held.instrument.is_option), ZERO) * rate.least_per_unit
    loser = min(range(len(group)), key=lambda number: profits[number][worst])
    return Line(
        f"class group {underlying}",
        max(ZERO, -sums[worst], least),
        "max(greatest loss at ten points, least per contract)",
        (("greatest_loss", -sums[worst], "USD"), ("at_move", moves(rate)[worst], ""), ("least", least, "USD")),
        group[loser].position.market,
        group[loser].position.side,
    )


def statement(account: Account, pool: str, market: Market, parameters: Rates) -> Statement:
    """Net liquidating equity against the sum of class groups."""
    found = priced(account, market, parameters)
    backing = [Line("cash", cash_of(account), f"account {account.id}")]
    backing += [
        Line(
            f"value of {one.position.market}",
            one.value,
            "± quantity · multiplier · price",
            (("price", one.price, "USD"), ("quantity", one.position.quantity, "")),
        )
        for one in found
    ]
    demand = [requirement(name, group, market, parameters) for name, group in by_underlying(found).items()]
    if account.fixed is not None:
        backing.append(Line("fixed_support", account.fixed.support, "stated by the book"))
        demand.append(Line("fixed_demand", account.fixed.demand, "stated by the book"))
    asked = sum((line.value for line in demand), ZERO)
    equity = sum((line.value for line in backing), ZERO)
    support, asking = with_unbacked_debit(backing, demand)
    return Statement(
        currency="USD",
        support=support,
        demand=asking,
        balance=equity,
        support_initial=equity,
        initial=asked + resting(account, parameters),
        **totals(account, found),
    )


PORTFOLIO = Maker(rules="broker/portfolio", at_equality=False, pools=pools, statement=statement, movers=movers)
