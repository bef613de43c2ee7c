"""Deribit portfolio margin of inverse futures: the worst of a few price moves, and a roll shock.

    delta          side · quantity / mark                                                       [coin]
    pnl(move)      delta · (1 − 1 / (1 + move)) = delta · move / (1 + move)
    moves          ±4 %, ±8 %, ±12 %, ±16 % and 0: `price_range` in `buckets` steps on either side
    worst          max over moves of −Σ pnl, at least 0, at 9 decimals
    roll shock     Σ |delta| · 1 %
    risk matrix    worst + roll shock
    IM             risk matrix + spot + mmp + open orders (account `details`, default 0)
    MM             0.8 · risk matrix
    equity         wallet + profit;  liquidation at MM ≥ equity

The venue's simulation prints 0.06284313098 for 0.05968587238… + 0.00315725898: the worst case enters at 9 decimals.
Volatility scenarios and the extended table concern options, which are refused, as are a total delta above the delta
shock's threshold and dated futures so far away that the roll shock would be above its floor. `lower` is opaque.
"""

from collections.abc import Iterator
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.legs import Legs
from marginbook.domain.market import Market
from marginbook.exact import ONE, ZERO, divide, in_exact_context, round_half_up
from marginbook.venues.common.fields import detail
from marginbook.venues.contracts.model import Holding, funding_due
from marginbook.venues.deribit.instruments import instrument
from marginbook.venues.deribit.parameters import Deribit, Settings
from marginbook.venues.deribit.standard import movers, pools
from marginbook.venues.statements.functions import lower_opaque
from marginbook.venues.statements.model import Line, Maker, Statement, quoted
from marginbook.venues.statements.positions import cross_holdings

RULES = "deribit/portfolio"
WORST_PLACES = 9
YEAR = Decimal(365)
DAY = Decimal(86_400_000_000)  # [µs]
ADDITIONS = ("spot", "mmp", "open_orders")
"""Names in the account's details: margins that the venue adds to the initial margin [coin]."""


def moves(settings: Settings) -> Iterator[Decimal]:
    """The price moves of the table, from the lowest up.

    >>> some = Settings(price_range=Decimal("0.16"), buckets=2, least_annualised_move=ZERO, annualised_move=ZERO,
    ...     maintenance_factor=ONE, delta_threshold=ONE)
    >>> [str(move) for move in moves(some)]
    ['-0.16', '-0.08', '0.00', '0.08', '0.16']
    """
    for step in range(-settings.buckets, settings.buckets + 1):
        yield divide(settings.price_range * step, Decimal(settings.buckets))


def profit_after(delta: Decimal, move: Decimal) -> Decimal:
    """Profit [coin] of an inverse future of `delta` coins after a relative price move.

    >>> round_half_up(profit_after(Decimal("0.314538364"), Decimal("-0.16")), 16)
    Decimal('-0.0599120693333333')
    """
    return divide(delta * move, ONE + move)


@in_exact_context
def largest_loss(delta: Decimal, settings: Settings) -> Decimal:
    """The largest loss of the table [coin], gains not counted."""
    return max(ZERO, *(-profit_after(delta, move) for move in moves(settings)))


def worst_loss(delta: Decimal, settings: Settings) -> Decimal:
    """The largest loss as it enters the risk matrix: at 9 decimals."""
    return round_half_up(largest_loss(delta, settings), WORST_PLACES)


def _settings(parameters: Deribit) -> Settings:
    if parameters.settings is None:
        raise BadInput("no_parameters", "parameters.portfolio", "nothing", "settings of portfolio margin")
    return parameters.settings


def _delta(holding: Holding, market: Market, parameters: Deribit) -> Decimal:
    position = holding.position
    what = instrument(position.market)
    place = f"account {position.market}"
    if what.is_option or what.quote is not None:
        raise BadInput("unsupported_position", place, what.kind, "inverse futures under portfolio margin")
    settings = _settings(parameters)
    if what.expiry is not None:
        days = divide(Decimal(max(0, what.expiry - parameters.at)), DAY)
        if settings.annualised_move * days > settings.least_annualised_move * YEAR:
            raise BadInput("unsupported_position", place, "a distant future", "one whose roll shock is at its floor")
    mark = quoted(market, "deribit", position.market, "mark")
    return position.sign * divide(holding.size, mark)


def statement(account: Account, pool: str, market: Market, parameters: Deribit) -> Statement:
    """Equity and risk matrix of one coin."""
    currency = pool.partition(":")[2]
    settings = _settings(parameters)
    wallet = account.wallet.get(currency, ZERO)
    support = [Line("wallet_balance", wallet, f"account {account.id}")]
    profit = total = gross = value = ZERO
    largest: tuple[Decimal, str, str] | None = None
    for holding in cross_holdings(account, parameters):
        position = holding.position
        if instrument(position.market).currency != currency:
            continue
        delta = _delta(holding, market, parameters)
        mark = quoted(market, "deribit", position.market, "mark")
        gained = holding.profit(holding.factor(mark)) + funding_due(holding, market, "deribit")
        profit, total, gross, value = profit + gained, total + delta, gross + abs(delta), value + delta * mark
        if delta and (largest is None or abs(delta) > largest[0]):
            largest = (abs(delta), position.market, position.side)
        support.append(
            Line(
                f"unrealized_pnl {position.market} {position.side}",
                gained,
                "side · quantity · (1/entry − 1/mark)",
                (("quantity", holding.size, "USD"), ("mark", mark, "price"), ("entry", position.entry, "price")),
            )
        )
    if abs(value) > settings.delta_threshold:
        place = f"account {account.id}.{currency}"
        raise BadInput("unsupported_size", place, abs(value), f"a delta of at most {settings.delta_threshold} USD")
    worst, roll = worst_loss(total, settings), gross * settings.least_annualised_move
    factor = settings.maintenance_factor
    _, name, side = largest or (ZERO, None, None)
    demand = (
        Line(
            "worst case",
            worst * factor,
            "maintenance factor · worst loss over the moves",
            (("worst loss", worst, currency), ("delta", total, currency), ("maintenance factor", factor, "fraction")),
            name,
            side,
        ),
        Line(
            "roll shock",
            roll * factor,
            "maintenance factor · Σ |delta| · least annualised move",
            (("gross delta", gross, currency), ("least annualised move", settings.least_annualised_move, "fraction")),
        ),
    )
    added = sum((detail(account.details, key, f"account {account.id}", ZERO) for key in ADDITIONS), ZERO)
    return Statement(
        currency=currency,
        support=tuple(support),
        demand=demand,
        initial=worst + roll + added,
        wallet=wallet,
        profit=profit,
        notional=gross,
    )


MAKER = Maker(rules=RULES, at_equality=True, pools=pools, statement=statement, movers=movers)


@in_exact_context
def lower(account: Account, market: Market, parameters: Deribit) -> Legs:
    """Opaque pools with tangents."""
    return Legs(tuple(lower_opaque(MAKER, account, pool, market, parameters) for pool in pools(account, parameters)))
