"""Time text, currencies and which assets count as stable."""

from datetime import UTC, datetime, timedelta

MICROSECONDS = 1_000_000
DAY_MICROSECONDS = 86_400 * MICROSECONDS
YEAR_SECONDS = 31_536_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

STABLE_ASSETS = frozenset(
    "USDT USDC USD DAI BUSD FDUSD TUSD USDP USDE USDS GHO LUSD FRAX PYUSD SUSD GUSD CRVUSD RLUSD USDTB EURC".split()
)
"""Assets whose price a common shock leaves alone; data, overridable per call."""


def parse_time(text: str) -> int:
    """Microseconds UTC of an ISO 8601 time; without a zone it is UTC.

    >>> parse_time("2026-10-01T12:00:00Z")
    1790856000000000
    """
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise ValueError(f"{text!r} is not an ISO 8601 time such as 2026-10-01T12:00:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def format_time(at: int) -> str:
    """ISO 8601 text of microseconds UTC, without needless decimals.

    >>> format_time(1790856000000000)
    '2026-10-01T12:00:00Z'
    """
    moment = _EPOCH + timedelta(microseconds=at)
    return moment.isoformat().replace("+00:00", "Z")


def seconds(at: int) -> int:
    """Whole seconds of a time in microseconds: the time that a block has.

    >>> seconds(1_790_856_000_999_999)
    1790856000
    """
    return at // MICROSECONDS
