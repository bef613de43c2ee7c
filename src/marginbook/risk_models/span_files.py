"""Reader of SPAN risk-parameter files in XML (`.spn`): contracts with their risk arrays, commodities, spreads, credits.

    spanFile/pointInTime/clearingOrg
        pointDef/scanPointDef        must be the 16 points in the usual order, with their usual pairs
        ccDef                        combined commodity: pfLink, intraTiers, interTiers, dSpread, spotRate, somTiers
        interSpreads/dSpread         credits between commodities
        exchange/{phyPf,futPf,oopPf,oofPf,ooePf}       contracts: pe, k, o, ra (16 × a, d)

Names of contracts: exchange, kind of portfolio, code, then period, right and strike as they stand in the file
(`NSE OOP NIFTY 20260130 C 24000.00`). Arrays and rates are used as they stand; positions count in the file's own
contract units. Elements after public descriptions of the format and of files of NSE Clearing; no file of a clearing
house with its published requirement was at hand. So these are arguments or conventions, not facts: which `rate` number
is read, the scale of credit rates (`credit_scale`, 1 where a file gives fractions), the method of the short-option
minimum where there is no `somMeth` (MAX, GROSS), `valueMeth` EQTY as the mark of premium-style options, and an option
on a future counting in the period of its underlying future. `wfprMeth` NORMAL, SCANRANGE_CAP or SCANRANGE chooses the
weighted price; the scan range is then the largest loss of a future in scenarios 11 to 14. What is read but cannot be
expressed is a warning. A document type declaration is refused. `span_positional` reads the fixed-width format.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal, TypeVar
from xml.etree.ElementTree import Element, ParseError, fromstring

from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, ZERO, in_exact_context, parse_decimal
from marginbook.risk_models.span import CalendarSpread, Commodity, Contract, Credit, Delivery, SpreadLeg

Chosen = TypeVar("Chosen")
PORTFOLIOS = {"phyPf": "PHY", "equityPf": "STOCK", "futPf": "FUT", "oopPf": "OOP", "oofPf": "OOF", "ooePf": "OOE"}
POINTS = 16
SHORT_OPTION_METHODS: Mapping[str, Literal["sum", "larger"]] = {"GROSS": "sum", "MAX": "larger"}
WEIGHTED_PRICES: Mapping[str, Literal["normal", "capped", "range"]] = {
    "NORMAL": "normal",
    "SCANRANGE_CAP": "capped",
    "SCANRANGE": "range",
}


@dataclass(frozen=True, slots=True)
class SpanFile:
    """What a file says: contracts by name, parameters by commodity, currency of each commodity."""

    date: str
    contracts: dict[str, Contract]
    commodities: dict[str, Commodity]
    credits: tuple[Credit, ...]
    currencies: dict[str, str]
    warnings: tuple[str, ...] = ()
    ratios: dict[str, tuple[Decimal, Decimal, Decimal]] = field(default_factory=dict)
    """Initial over maintenance margin by commodity, of members, hedgers and speculators."""


@dataclass(slots=True)
class _Reading:
    rate: str
    method: Literal["sum", "larger"]
    warnings: list[str] = field(default_factory=list)


@in_exact_context
def read_spn(
    data: bytes,
    rate: str = "1",
    credit_scale: Decimal = ONE,
    short_option_method: Literal["sum", "larger"] = "sum",
) -> SpanFile:
    """The file; `rate` is the number of the rate set (customer, member …) that is read.

    >>> array = "".join(f"<a>{n}</a>" for n in range(16))
    >>> future = f"<fut><pe>202612</pe><ra><r>1</r>{array}<d>1</d></ra></fut>"
    >>> text = f"<exchange><exch>X</exch><futPf><pfId>1</pfId><pfCode>OIL</pfCode>{future}</futPf></exchange>"
    >>> text = f"<clearingOrg><ccDef><cc>OIL</cc><currency>USD</currency></ccDef>{text}</clearingOrg>"
    >>> found = read_spn(f"<spanFile><pointInTime><date>20261001</date>{text}</pointInTime></spanFile>".encode())
    >>> list(found.contracts), found.currencies, found.date
    (['X FUT OIL 202612'], {'OIL': 'USD'}, '20261001')
    """
    root = _root(data)
    reading = _Reading(rate, short_option_method)
    for organisation in root.iter("clearingOrg"):
        _check_points(organisation)
    links = _links(root)
    contracts = dict(_contracts(root, links))
    held = by_commodity(contracts.values())
    commodities, currencies = {}, {}
    for definition in root.iter("ccDef"):
        name = _text(definition, "cc")
        commodities[name] = _commodity(definition, held.get(name, []), reading)
        currencies[name] = definition.findtext("currency", "").strip()
    spreads = (spread for part in root.iter("interSpreads") for spread in part.iter("dSpread"))
    credits = tuple(_credit(spread, rate, credit_scale, commodities) for spread in spreads)
    date = root.findtext("pointInTime/date", "").strip()
    return SpanFile(date, contracts, commodities, credits, currencies, tuple(reading.warnings))


def by_commodity(contracts: Iterable[Contract]) -> dict[str, list[Contract]]:
    """Contracts of each commodity."""
    held: dict[str, list[Contract]] = {}
    for contract in contracts:
        held.setdefault(contract.commodity, []).append(contract)
    return held


def tier_periods(contracts: Iterable[Contract], first: str, last: str) -> tuple[str, ...]:
    """Periods from `first` to `last`, nearest first; an end that is empty is open, one of a month includes its days.

    >>> days = [Contract("OIL", period, (ZERO,) * 16, ONE) for period in ("202612", "20261203", "202703")]
    >>> tier_periods(days, "202612", "202612"), tier_periods(days, "202701", "")
    (('202612', '20261203'), ('202703',))
    """
    periods = sorted({contract.period for contract in contracts})
    return tuple(p for p in periods if (not first or p >= first) and (not last or p[: len(last)] <= last))


def price_range(contracts: Iterable[Contract]) -> Decimal:
    """The price scan range of a commodity: the largest loss of one of its futures at the full range, 0 without any."""
    futures = (contract for contract in contracts if contract.kind == "future")
    return max((loss for contract in futures for loss in contract.array[10:14]), default=ZERO)


def _root(data: bytes) -> Element:
    if b"\0" in data or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise BadInput("bad_span_file", "file", "a document type or 16-bit text", "plain 8-bit XML")
    try:
        root = fromstring(data)
    except ParseError as error:
        raise BadInput("bad_span_file", "file", str(error), "XML") from None
    if root.tag != "spanFile":
        raise BadInput("bad_span_file", "file", f"<{root.tag}>", "<spanFile>")
    return root


def _text(element: Element, path: str) -> str:
    found = (element.findtext(path) or "").strip()
    if not found:
        raise BadInput("bad_span_file", f"<{element.tag}>", "nothing", f"<{path}>")
    return found


def _number(element: Element, path: str, default: Decimal | None = None) -> Decimal:
    found = element.findtext(path)
    if found is None and default is not None:
        return default
    return _decimal(_text(element, path), f"<{element.tag}><{path}>")


def _decimal(text: str, place: str) -> Decimal:
    try:
        return parse_decimal(text)
    except ValueError:
        raise BadInput("bad_span_file", place, text, "a number") from None


def _whole(element: Element, path: str) -> int:
    return int(_number(element, path))


def _check_points(organisation: Element) -> None:
    """A file may define other points; `span` knows the usual ones only."""
    for points in organisation.iter("pointDef"):
        for point in points.findall("scanPointDef"):
            number = _whole(point, "point")
            usual = number if number > POINTS - 2 else ((number - 1) ^ 1) + 1
            if number > POINTS or point.findtext("pairedPoint", str(usual)).strip() != str(usual):
                raise BadInput("bad_span_file", f"scanPointDef {number}", point.findtext("pairedPoint"), f"{usual}")


def _links(root: Element) -> dict[tuple[str, str], tuple[str, Decimal]]:
    """(exchange, portfolio id) -> (commodity, delta scaling); also by (kind, code) where a file has no links."""
    found = {}
    for definition in root.iter("ccDef"):
        commodity = _text(definition, "cc")
        for link in definition.findall("pfLink"):
            scaling = _number(link, "sc", ONE)
            found[_text(link, "exch"), _text(link, "pfId")] = commodity, scaling
        found.setdefault(("", commodity), (commodity, ONE))
    return found


def _contracts(root: Element, links: dict[tuple[str, str], tuple[str, Decimal]]) -> Iterator[tuple[str, Contract]]:
    for exchange in root.iter("exchange"):
        venue = _text(exchange, "exch")
        months = {
            (_text(portfolio, "pfId"), future.findtext("cId", "")): _text(future, "pe")
            for portfolio in exchange.findall("futPf")
            for future in portfolio.findall("fut")
        }
        for portfolio in exchange:
            if portfolio.tag not in PORTFOLIOS:
                continue
            code = _text(portfolio, "pfCode")
            linked = links.get((venue, _text(portfolio, "pfId"))) or links.get(("", code))
            if linked is None:
                raise BadInput("bad_span_file", f"{venue} {code}", "in no combined commodity", "a pfLink to it")
            name = f"{venue} {PORTFOLIOS[portfolio.tag]} {code}"
            for tag in ("phy", "equity", "fut"):
                for line in portfolio.findall(tag):
                    period = line.findtext("pe", "").strip()
                    yield f"{name} {period}".rstrip(), _contract(line, linked, period, "future", ZERO)
            premium = portfolio.findtext("valueMeth", "").strip() == "EQTY"
            for series in portfolio.findall("series"):
                period = _text(series, "pe")
                under = series.findtext("undC/pfId", ""), series.findtext("undC/cId", "")
                month = months.get(under, period) if portfolio.tag == "oofPf" else period
                size = _number(series, "cvf", _number(portfolio, "cvf", ONE))
                for option in series.findall("opt"):
                    right, strike = _text(option, "o"), _text(option, "k")
                    worth = _number(option, "val", _number(option, "p", ZERO) * _number(option, "cvf", size))
                    kind: Literal["call", "put"] = "call" if right == "C" else "put"
                    contract = _contract(option, linked, month, kind, worth if premium else ZERO)
                    yield f"{name} {period} {right} {strike}", contract


def _contract(
    line: Element,
    linked: tuple[str, Decimal],
    period: str,
    kind: Literal["future", "call", "put"],
    value: Decimal,
) -> Contract:
    array = line.find("ra")
    if array is None:
        raise BadInput("bad_span_file", f"<{line.tag}> {period}", "no risk array", "<ra>")
    losses = tuple(_decimal((cell.text or "").strip(), f"<{line.tag}> {period} <a>") for cell in array.findall("a"))
    delta = _number(array, "d", _number(line, "d", ONE))
    return Contract(linked[0], period, losses, delta * linked[1], kind, value)


def _rate(element: Element, number: str) -> Decimal | None:
    """The rate of the chosen set; None where the file has other sets only."""
    rates = element.findall("rate")
    chosen = [rate for rate in rates if rate.findtext("r", number).strip() == number]
    return _number(chosen[0], "val") if chosen else None


def _commodity(definition: Element, contracts: list[Contract], reading: _Reading) -> Commodity:
    name = _text(definition, "cc")
    tiers = _tiers(definition, "intraTiers", contracts)
    if len(definition.findall("scanTiers/tier")) > 1:
        reading.warnings.append(f"{name}: scanning by tiers taken as one tier")
    spreads = []
    for spread in definition.findall("dSpread"):
        rate = _rate(spread, reading.rate)
        if rate is None:
            reading.warnings.append(f"{name}: spread {spread.findtext('spread')} has no rate {reading.rate}")
            continue
        if (method := spread.findtext("chargeMeth", "F").strip()) != "F":
            reading.warnings.append(f"{name}: spread {spread.findtext('spread')} charged by method {method}, left out")
            continue
        legs = []
        for leg in (*spread.findall("tLeg"), *spread.findall("pLeg")):
            of = leg.findtext("tn", "").strip()
            if leg.tag == "pLeg":
                month = _text(leg, "pe")
                of = f"period {month}"
                tiers[of] = (month,)
            legs.append(_leg(leg, of))
        spreads.append(CalendarSpread(_whole(spread, "spread"), tuple(legs), rate))
    delivery = {
        _text(spot, "pe"): Delivery(_number(spot, "sprd", ZERO), _number(spot, "outr", ZERO))
        for spot in definition.findall("spotRate")
        if spot.findtext("r", reading.rate).strip() == reading.rate
    }
    shorts = [rate for tier in definition.findall("somTiers/tier") if (rate := _rate(tier, reading.rate)) is not None]
    if len(set(shorts)) > 1:
        reading.warnings.append(f"{name}: short-option rates differ by tier; the largest is used")
    return Commodity(
        tiers,
        tuple(spreads),
        delivery,
        max(shorts, default=ZERO),
        _choice(definition, "somMeth", SHORT_OPTION_METHODS, reading.method),
        _choice(definition, "wfprMeth", WEIGHTED_PRICES, "normal"),
        price_range(contracts),
        _tiers(definition, "interTiers", contracts),
    )


def _tiers(definition: Element, path: str, contracts: list[Contract]) -> dict[str, tuple[str, ...]]:
    return {
        _text(tier, "tn"): tier_periods(contracts, tier.findtext("sPe", "").strip(), tier.findtext("ePe", "").strip())
        for tier in definition.findall(f"{path}/tier")
    }


def _choice(definition: Element, path: str, known: Mapping[str, Chosen], default: Chosen) -> Chosen:
    text = definition.findtext(path, "").strip().upper()
    if text and text not in known:
        raise BadInput("bad_span_file", f"<ccDef><{path}>", text, " or ".join(known))
    return known[text] if text else default


def _leg(leg: Element, of: str) -> SpreadLeg:
    return SpreadLeg(of, _number(leg, "i", ONE), 1 if _text(leg, "rs") == "A" else -1)


def _credit(spread: Element, number: str, scale: Decimal, commodities: Mapping[str, Commodity]) -> Credit:
    rate = _rate(spread, number)
    legs = []
    for element in spread.findall("tLeg"):
        leg, tier = _leg(element, _text(element, "cc")), element.findtext("tn", "").strip()
        known = commodities[leg.of].credit_tiers if leg.of in commodities else {}
        legs.append(replace(leg, tier=tier) if len(known) > 1 and tier in known else leg)
    if rate is None or not legs:
        raise BadInput("bad_span_file", f"credit {spread.findtext('spread')}", "no legs or rate", f"rate {number}")
    return Credit(_whole(spread, "spread"), tuple(legs), rate * scale)
