"""Price shocks: `ETH=-20%` moves ETH and what is derived from it, `binance:BTCUSDT=55000` sets a price.

    ETH=-20%   ETH=-0.2   ETH=+20%      a sign or a percent sign: a move
    BTC=55000                           neither: the new price of BTC; what is derived from it moves by the same ratio
    all=-10%                            every price that is not of a stable asset
    binance:ETH=-20%                    on one venue only

Several shocks apply one after the other, each to the prices that the one before left. A market's name stands for the
asset it is about: `ETHUSDT=-20%` is `ETH=-20%`, unless `only` is asked for, which moves exactly what is named. Options
follow their underlying (`margin_calls.option_prices`).
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, QuoteKey
from marginbook.exact import ONE, ZERO, divide, format_decimal, in_exact_context, parse_decimal, round_half_up
from marginbook.margin_calls.assets import is_stable, symbol, underlying
from marginbook.margin_calls.option_prices import followers, without_options
from marginbook.units import STABLE_ASSETS

ALL = "all"
PLACES = 18
"""Decimals of a price that moves by the ratio of another one."""
RISE_MOST = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shock:
    """One move of prices: `move` is a fraction, or `price` the new price."""

    target: str  # asset, market, or "all"
    venue: str | None = None
    move: Decimal | None = None
    price: Decimal | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a shock did to one quote."""

    venue: str
    market: str
    kind: str
    before: Decimal
    after: Decimal


def moved_rows(moved: Iterable[Moved]) -> list[dict[str, str]]:
    """What a shock did, as answers tell it.

    >>> moved_rows([Moved(venue="aave", market="WETH", kind="oracle", before=Decimal(3), after=Decimal("2.40"))])
    [{'market': 'WETH', 'venue': 'aave', 'kind': 'oracle', 'from': '3', 'to': '2.4'}]
    """
    return [
        {
            "market": m.market,
            "venue": m.venue,
            "kind": m.kind,
            "from": format_decimal(m.before),
            "to": format_decimal(m.after),
        }
        for m in moved
    ]


@in_exact_context
def parse_shock(text: str) -> Shock:
    """A shock from its text; BadInput `bad_shock` otherwise.

    >>> parse_shock("ETH=-20%").move, parse_shock("all=+0.1").move, parse_shock("binance:BTCUSDT=55000").price
    (Decimal('-0.20'), Decimal('0.1'), Decimal('55000'))
    """
    expected = "a move such as ETH=-20%, all=-0.1, or a price such as binance:BTCUSDT=55000"
    place, separator, value = (part.strip() for part in text.partition("="))
    venue, colon, target = place.partition(":")
    if not colon or "/" in venue:
        venue, target = "", place  # ccxt names such as BTC/USDT:USDT have a colon of their own
    if not separator or not target or place.startswith(":"):
        raise BadInput("bad_shock", "shock", text, expected)
    percent = value.endswith("%")
    try:
        number = parse_decimal(value.removesuffix("%").strip().replace("−", "-"))
    except ValueError:
        raise BadInput("bad_shock", f"shock {text}", value, expected) from None
    if percent or value[0] in "+-−":
        move = number.scaleb(-2) if percent else number
        if not -ONE < move <= RISE_MOST:
            raise BadInput(
                "bad_shock", f"shock {text}", value, "a fall of less than 100 %, a rise of at most a millionfold"
            )
        return Shock(target=target, venue=venue or None, move=move, text=text)
    if target.lower() == ALL or number <= 0:
        raise BadInput("bad_shock", f"shock {text}", value, "a price above 0 for one asset, or a move for all")
    return Shock(target=target, venue=venue or None, price=number, text=text)


@in_exact_context
def shocked(
    market: Market, shocks: Sequence[Shock | str], *, only: bool = False, stable: Set[str] = STABLE_ASSETS
) -> tuple[Market, list[Moved]]:
    """The market after `shocks`, and every quote that moved; BadInput `unknown_market` for a shock without a quote."""
    prices = {key: quote.price for key, quote in market.quotes.items()}
    for shock in shocks:
        parsed = parse_shock(shock) if isinstance(shock, str) else shock
        prices |= _moved_by(parsed, prices, only, stable)
    moved = [
        Moved(venue=key[0], market=key[1], kind=key[2], before=quote.price, after=prices[key])
        for key, quote in market.quotes.items()
        if prices[key] != quote.price
    ]
    changes = {(m.venue, m.market, m.kind): m.after for m in moved}
    return market.with_prices(changes), moved


def _moved_by(shock: Shock, prices: dict[QuoteKey, Decimal], only: bool, stable: Set[str]) -> dict[QuoteKey, Decimal]:
    keys = [key for key in prices if shock.venue in (None, key[0])]
    if shock.target.lower() == ALL:
        keys = [key for key in keys if not is_stable(key[1], stable)]
    elif only:
        keys = [key for key in keys if key[1] == shock.target]
    else:
        asset = underlying(shock.target)
        keys = [key for key in keys if underlying(key[1]) == asset]
    if not keys:
        known = ", ".join(sorted({key[1] for key in prices})[:20])
        raise BadInput("unknown_market", f"shock {shock.text or shock.target}", shock.target, f"a price of {known}")
    if only:
        return _moved_alike(shock, {key: prices[key] for key in keys})
    moved = _moved_alike(shock, {key: prices[key] for key in without_options(keys) or keys})
    return moved | followers(prices, moved)


def _moved_alike(shock: Shock, prices: dict[QuoteKey, Decimal]) -> dict[QuoteKey, Decimal]:
    if shock.move is not None:
        return {key: price * (ONE + shock.move) for key, price in prices.items()}
    assert shock.price is not None
    return _to_price(shock.target, shock.price, prices)


def _to_price(target: str, price: Decimal, prices: dict[QuoteKey, Decimal]) -> dict[QuoteKey, Decimal]:
    """What `price` names is set to it; the rest moves by the same ratio, from the first of the named."""
    named = _named(target, prices)
    if not named:
        raise BadInput(
            "ambiguous_shock",
            f"shock {target}={price}",
            target,
            "an asset or market with a price of its own, or a move",
        )
    before = prices[named[0]]
    if before == ZERO:
        raise BadInput("bad_price", f"shock {target}={price}", before, "a price above 0 to start from")
    moved = {key: round_half_up(divide(old * price, before), PLACES) for key, old in prices.items()}
    return moved | dict.fromkeys(named, price)


def _named(target: str, keys: Iterable[QuoteKey]) -> list[QuoteKey]:
    """Quotes of exactly that name, else of that asset or its wrapped form."""
    ordered = sorted(keys)
    exact = [key for key in ordered if key[1] == target]
    asset = symbol(target)
    return exact or [key for key in ordered if symbol(key[1]) in (asset, f"W{asset}", asset.removeprefix("W"))]
