"""The index of a venue: prices of several exchanges made one, with a word on each of them.

    valid      enabled, not banned, a positive price, not older (or newer) than the rule allows, not unchanged too long
    median     of the valid prices (`median_of_all`: and the banned ones); of an even number the mean of the middle two
    outliers   clamp           to median·(1 ± band)
               exclude         the weight goes to the others; from `median_from` outliers on the median is the index
               drop_extremes   the highest and the lowest fall out
               inverse_square  weight ∝ 1 / (price − weighted mean)²;  a price on the mean takes all
               keep            as it is
    index      Σ weight·price / Σ weight,   weights as given, or equal below `weighted_from` sources

Exact `Decimal`s, unrounded (128 digits). Rules of venues at a date: `presets.index_rule`. Who stays banned after an
outlier is the caller's state: `bans`. Source of each rule: `params/data/oracles.json`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from marginbook.exact import ONE, ZERO, divide, in_exact_context

Outliers = Literal["clamp", "exclude", "drop_extremes", "inverse_square", "keep"]
TWO = Decimal(2)
LEAST_TO_DROP = 4
"""Sources below which dropping the highest and the lowest would leave less than two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What one exchange says."""

    name: str
    price: Decimal | None  # [quote per base]
    time: int | None = None  # [µs UTC] of the price; None: not looked at
    changed: int | None = None  # [µs UTC] when the price last moved; None: not looked at
    weight: Decimal = ONE
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRule:
    """How a venue makes its index. Times in µs, `band` a fraction of the median."""

    outliers: Outliers
    band: Decimal = ZERO
    at_band: bool = False  # a price exactly on the band is already an outlier
    outliers_from: int = 1  # least valid sources for the outlier rule
    median_from: int | None = None  # so many outliers, and the index is the median
    weighted_from: int = 1  # fewer sources weigh equally
    equal: bool = False  # all sources always weigh equally
    max_age: int | None = None
    max_ahead: int | None = None
    max_unchanged: int | None = None
    hold: Mapping[int, Decimal] | None = None  # number of sources -> deviation at which the last index is kept
    median_of_all: bool = False  # banned sources count for the median
    ban: int | None = None  # how long an outlier stays out before it is looked at again
    strikes: int | None = None  # consecutive bans within `strike_window` that need a person to end them
    strike_window: int | None = None
    return_band: Decimal | None = None  # an outlier returns after `return_after` within this band of the others' median
    return_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What became of one source."""

    name: str
    given: Decimal | None
    used: Decimal | None  # None where excluded
    verdict: Literal["used", "clamped", "excluded"] = "used"
    weight: Decimal = ZERO  # share of the index
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index with the fate of every source. `price` None: no valid source, and nothing to keep."""

    price: Decimal | None
    median: Decimal | None
    parts: tuple[Part, ...]
    reason: str = ""  # why it is not the plain weighted mean

    def part(self, name: str) -> Part:
        """The part of one source."""
        return next(part for part in self.parts if part.name == name)


@dataclass(frozen=True, slots=True)
class _Valid:
    """A source that counts so far."""

    name: str
    given: Decimal
    used: Decimal
    weight: Decimal
    reason: str = ""


Kept = list[_Valid]
Gone = dict[str, str]  # name -> why


@in_exact_context
def median(values: Iterable[Decimal]) -> Decimal:
    """The middle value, or the mean of the middle two.

    >>> median([Decimal(120), Decimal(100), Decimal(101)]), median([Decimal(1), Decimal(2)])
    (Decimal('101'), Decimal('1.5'))
    """
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else divide(ordered[half - 1] + ordered[half], TWO)


@in_exact_context
def index(
    sources: Sequence[Source],
    rule: IndexRule,
    at: int = 0,
    banned: Mapping[str, str] | None = None,
    last: Decimal | None = None,
) -> Index:
    """The index of `sources` at `at` [µs UTC]; `banned` names sources that stay out, and why; `last` is the one before.

    >>> sources = [Source(name=n, price=Decimal(p), weight=Decimal(w)) for n, p, w in
    ...            (("A", "100", 25), ("B", "101", 50), ("C", "120", 25))]
    >>> found = index(sources, IndexRule(outliers="clamp", band=Decimal("0.005")))
    >>> found.price, [(part.name, part.verdict, str(part.used)) for part in found.parts]
    (Decimal('101.000'), [('A', 'clamped', '100.495'), ('B', 'used', '101'), ('C', 'clamped', '101.505')])
    """
    gone: Gone = {}
    kept: Kept = []
    for source in sources:
        why = refusal(source, rule, at, banned or {})
        if why or source.price is None:
            gone[source.name] = why
        else:
            kept.append(_Valid(source.name, source.price, source.price, source.weight))
    if not kept:
        return Index(price=last, median=None, parts=_parts(sources, kept, gone), reason=_no_source(last))
    middle = _middle(sources, kept, rule, at)
    if rule.equal or len(kept) < rule.weighted_from:
        kept = [replace(part, weight=ONE) for part in kept]
    outliers: Gone = {}
    if len(kept) >= rule.outliers_from:
        kept, outliers = _RULES[rule.outliers](kept, middle, rule)
    price, reason = _made(kept, outliers, middle, rule, last)
    return Index(price=price, median=middle, parts=_parts(sources, kept, gone | outliers), reason=reason)


def _middle(sources: Sequence[Source], kept: Kept, rule: IndexRule, at: int) -> Decimal:
    if not rule.median_of_all:
        return median(part.given for part in kept)
    return median(source.price for source in sources if source.price is not None and not refusal(source, rule, at, {}))


def _made(
    kept: Kept, outliers: Gone, middle: Decimal, rule: IndexRule, last: Decimal | None
) -> tuple[Decimal | None, str]:
    if rule.median_from is not None and len(outliers) >= rule.median_from:
        return middle, f"{len(outliers)} sources beyond the band: the median"
    hold = (rule.hold or {}).get(len(kept))
    if hold is not None and last is not None:
        against = middle if len(kept) > 1 else last
        if any(_deviates(part.used, against, hold, rule.at_band) for part in kept):
            return last, f"{len(kept)} left, {hold} away: the last index is kept"
    mean = _weighted_mean(kept)
    return (last, _no_source(last)) if mean is None else (mean, "")


def refusal(source: Source, rule: IndexRule, at: int, banned: Mapping[str, str]) -> str:
    """Why a source does not count at all; "" if it does."""
    price = source.price
    if not source.enabled:
        return "disabled"
    if source.name in banned:
        return banned[source.name]
    if price is None:
        return "missing"
    if not price.is_finite() or price <= 0:
        return f"not a price: {price}"
    if source.time is not None and rule.max_age is not None and at - source.time > rule.max_age:
        return f"stale: {at - source.time} µs old, at most {rule.max_age}"
    if source.time is not None and rule.max_ahead is not None and source.time - at > rule.max_ahead:
        return f"ahead: {source.time - at} µs in the future, at most {rule.max_ahead}"
    if source.changed is not None and rule.max_unchanged is not None and at - source.changed > rule.max_unchanged:
        return f"unchanged for {at - source.changed} µs, at most {rule.max_unchanged}"
    return ""


def _deviates(price: Decimal, middle: Decimal, band: Decimal, at_band: bool) -> bool:
    distance, limit = abs(price - middle), band * middle
    return distance >= limit if at_band else distance > limit


def _weighted_mean(kept: Kept) -> Decimal | None:
    total = sum((part.weight for part in kept), ZERO)
    return divide(sum((part.used * part.weight for part in kept), ZERO), total) if total > 0 else None


def _clamp(kept: Kept, middle: Decimal, rule: IndexRule) -> tuple[Kept, Gone]:
    low, high = middle * (ONE - rule.band), middle * (ONE + rule.band)

    def clamped(part: _Valid) -> _Valid:
        if low <= part.given <= high:
            return part
        return replace(part, used=min(max(part.given, low), high), reason=_beyond(part, middle, rule))

    return [clamped(part) for part in kept], {}


def _exclude(kept: Kept, middle: Decimal, rule: IndexRule) -> tuple[Kept, Gone]:
    outliers = {
        part.name: _beyond(part, middle, rule)
        for part in kept
        if _deviates(part.given, middle, rule.band, rule.at_band)
    }
    return [part for part in kept if part.name not in outliers], outliers


def _drop_extremes(kept: Kept, middle: Decimal, rule: IndexRule) -> tuple[Kept, Gone]:
    if len(kept) < LEAST_TO_DROP:
        return kept, {}
    ordered = sorted(kept, key=lambda part: part.given)
    return ordered[1:-1], {ordered[0].name: "the lowest", ordered[-1].name: "the highest"}


def _inverse_square(kept: Kept, middle: Decimal, rule: IndexRule) -> tuple[Kept, Gone]:
    mean = _weighted_mean(kept)
    if mean is None:
        return kept, {}
    spreads = [part.given - mean for part in kept]
    if not all(spreads):
        weights = [ZERO if spread else ONE for spread in spreads]
    else:
        weights = [divide(ONE, spread * spread) for spread in spreads]
    return [replace(part, weight=weight) for part, weight in zip(kept, weights, strict=True)], {}


def _keep(kept: Kept, middle: Decimal, rule: IndexRule) -> tuple[Kept, Gone]:
    return kept, {}


_RULES: Mapping[Outliers, Callable[[Kept, Decimal, IndexRule], tuple[Kept, Gone]]] = {
    "clamp": _clamp,
    "exclude": _exclude,
    "drop_extremes": _drop_extremes,
    "inverse_square": _inverse_square,
    "keep": _keep,
}


def _beyond(part: _Valid, middle: Decimal, rule: IndexRule) -> str:
    return f"{part.given} is beyond {rule.band} of the median {middle}"


def _parts(sources: Sequence[Source], kept: Kept, gone: Gone) -> tuple[Part, ...]:
    found = {part.name: part for part in kept}
    total = sum((part.weight for part in kept), ZERO)
    parts = []
    for source in sources:
        name, given = source.name, source.price
        part = found.get(name)
        if part is None:
            parts.append(Part(name=name, given=given, used=None, verdict="excluded", reason=gone[name]))
            continue
        weight = divide(part.weight, total) if total > 0 else ZERO
        verdict: Literal["used", "clamped"] = "used" if part.used == part.given else "clamped"
        parts.append(Part(name=name, given=given, used=part.used, verdict=verdict, weight=weight, reason=part.reason))
    return tuple(parts)


def _no_source(last: Decimal | None) -> str:
    return "no source left" if last is None else "no source left: the last index is kept"
