"""Reader of SPAN risk-parameter files in the expanded fixed-width format (`.pa2`), by kind of record.

    0  header: business date, format U2               B  delta scaling of a contract or series
    2  combined commodity and its products            C  spreads between tiers            E  spreads between periods
    3  tiers, ratios of initial to maintenance        P  decimals of prices, value of a point
    4  delivery, short-option minimum                 S  weighted price, tiers of credits and minima
    6  credits between commodities                    81 82, 83 84  16 losses, delta, price (5 or 8 digits)

Columns count from 1. Sources: CME Group, Risk Parameter File Layouts for the Positional Formats (layouts of the
expanded format, read 2026); columns, decimals and signs agree with single records of a CME file of 20 June 2025 that a
public parser prints (0, 3, 4, 6, 81, 82, B, C, E, P, S). Losses are positive there: a future loses in scenario 5.

Names of contracts are those of `span_files`: exchange, type, product, period, right and strike. Conventions that no
published requirement was at hand to verify: the risk exponent multiplies arrays and rates alike; a risk-array decimal
locator of sign + counts decimals; an option counts in the period of its future; spreads of C and E are served by their
priorities together. What cannot be expressed is left out with a warning: scanning by tiers (S 02, 10, 21, 22),
scanning-based and flat credits (6 04), separate rates of legs, spreads before all others (S of record 6), basis risk,
and options whose price has fractions (alignment code) or no P record. Records 1, 5, 9, R, T, V, X, Y, Z are not needed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, ZERO, in_exact_context
from marginbook.risk_models.span import CalendarSpread, Commodity, Contract, Credit, Delivery, SpreadLeg
from marginbook.risk_models.span_files import SpanFile, by_commodity, price_range, tier_periods

EXPANDED = "U2"
PREMIUM, FUTURES_STYLE = ("P", ""), "F"
TABLE, NONE = "10", ("", "00", "01")
BY_TIER, SCANNED_BY_TIER, CREDITED_BY_TIER = "20", ("02", "10", "21", "22"), ("20", "21", "23")
"""Method codes: by table; none; credits of tiers, and what a type S record is about."""
DIGITS = {"82": 5, "84": 8}
PERCENT = Decimal("0.01")
WEIGHTED: Mapping[str, Literal["normal", "capped", "range"]] = {
    "": "normal",
    "1": "normal",
    "2": "capped",
    "3": "range",
}

Product = tuple[str, str, str]
"""(Exchange, product code, type: FUT, PHY, CMB, OOF, OOP, OOC)."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A record; columns count from 1 and both ends are in."""

    number: int
    text: str

    def cut(self, first: int, last: int) -> str:
        return self.text[first - 1 : last].strip()

    def whole(self, first: int, last: int) -> int:
        """Digits, perhaps with a sign before them; blank is 0."""
        found = self.cut(first, last)
        try:
            return int(found) if found else 0
        except ValueError:
            raise BadInput("bad_span_file", f"line {self.number}, columns {first}-{last}", found, "digits") from None

    def number_at(self, first: int, last: int, decimals: int = 0, sign: int | None = None) -> Decimal:
        """Digits with `decimals` after the point; `sign` is the column of a sign, where + may be blank."""
        found = Decimal(self.whole(first, last)).scaleb(-decimals)
        return -found if sign is not None and self.cut(sign, sign) == "-" else found

    def losses(self, count: int, digits: int, factor: Decimal) -> list[Decimal]:
        """`count` numbers with a sign behind each, from column 55 on."""
        found = []
        for i in range(count):
            start = 54 + (digits + 1) * i
            text, sign = self.text[start : start + digits], self.text[start + digits : start + digits + 1]
            if not (text.isdigit() and sign in ("+", "-", " ")):
                place = f"line {self.number}, columns {start + 1}-{start + digits + 1}"
                raise BadInput("bad_span_file", place, text + sign, "digits and a sign")
            found.append(factor * Decimal(f"-{text}" if sign == "-" else text))
        return found

    def side(self, column: int) -> Literal[1, -1]:
        found = self.cut(column, column)
        if found not in ("A", "B"):
            raise BadInput("bad_span_file", f"line {self.number}, column {column}", found, "A or B")
        return 1 if found == "A" else -1

    def product(self, code: tuple[int, int], kind: tuple[int, int]) -> Product:
        return self.cut(3, 5), self.cut(*code), self.cut(*kind)


@dataclass(slots=True)
class _Definition:
    """What the records of one combined commodity say."""

    currency: str
    factor: Decimal
    premium: bool
    tiers: dict[str, tuple[str, str]] = field(default_factory=dict)
    credit_tiers: dict[str, tuple[str, str]] = field(default_factory=dict)
    spreads: list[CalendarSpread] = field(default_factory=list)
    spread_records: set[str] = field(default_factory=set)
    delivery: dict[str, Delivery] = field(default_factory=dict)
    minima: set[Decimal] = field(default_factory=set)
    method: Literal["sum", "larger"] = "sum"
    weighted: Literal["normal", "capped", "range"] = "normal"
    ratios: tuple[Decimal, Decimal, Decimal] = (ONE, ONE, ONE)


@dataclass(frozen=True, slots=True)
class _Price:
    """How to read prices of a product: decimals of price and strike, value of a point; None where it has fractions."""

    decimals: int
    strike_decimals: int
    point: Decimal | None


@dataclass(slots=True)
class _Reading:
    date: str = ""
    commodities: dict[str, _Definition] = field(default_factory=dict)
    products: dict[Product, tuple[str, Decimal]] = field(default_factory=dict)  # -> commodity, factor of its arrays
    prices: dict[Product, _Price] = field(default_factory=dict)
    scaling: dict[tuple[str, ...], Decimal] = field(default_factory=dict)
    first: dict[str, _Line] = field(default_factory=dict)  # records 81 and 83 that wait for 82 and 84
    arrays: list[tuple[_Line, _Line, int]] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def commodity(self, line: _Line) -> _Definition:
        """The commodity in columns 3-8."""
        name = line.cut(3, 8)
        if name not in self.commodities:
            raise BadInput(
                "bad_span_file", f"line {line.number}", name, "a combined commodity of a type 2 record before"
            )
        return self.commodities[name]


@in_exact_context
def read_pa2(data: bytes) -> SpanFile:
    """The file.

    >>> header = "0 CME   20250620SE     202506201407U2YN"
    >>> commodity = "2 CBT 06    0USD$PN   06        FUT"
    >>> key = "CBT06        06        FUT 202507            0000000"
    >>> low = "00000+00000+00567-00567-00567+00567+01133-01133-01133+00000000284100N"
    >>> high = "01133+01700-01700-01700+01700+01683-01683+10000+00000000000000"
    >>> found = read_pa2("\\n".join([header, commodity, "81" + key + low, "82" + key + high]).encode())
    >>> contract = found.contracts["CBT FUT 06 202507"]
    >>> [int(loss) for loss in contract.array[2:5]], int(contract.array[14]), str(contract.delta), found.date
    ([-567, -567, 567], -1683, '1.0000', '20250620')
    """
    try:
        lines = data.decode("ascii").splitlines()
    except UnicodeDecodeError:
        raise BadInput("bad_span_file", "file", "bytes beyond ASCII", "an expanded SPAN file (.pa2)") from None
    reading = _Reading()
    for number, text in enumerate(lines, start=1):
        line = _Line(number, text)
        if number == 1 and (text[:2] != "0 " or line.cut(36, 37) != EXPANDED):
            raise BadInput("bad_span_file", "line 1", text[:37], f"a type 0 record of format {EXPANDED}")
        record = RECORDS.get(text[:2])
        if record is not None:
            record(reading, line)
    if not lines:
        raise BadInput("bad_span_file", "file", "nothing", f"a type 0 record of format {EXPANDED}")
    if reading.first:
        waiting = next(iter(reading.first.values()))
        raise BadInput("bad_span_file", f"line {waiting.number}", waiting.text[:2], "its second record after it")
    contracts = _contracts(reading)
    held = by_commodity(contracts.values())
    return SpanFile(
        reading.date,
        contracts,
        {name: _commodity(said, held.get(name, []), reading, name) for name, said in reading.commodities.items()},
        tuple(reading.credits),
        {name: said.currency for name, said in reading.commodities.items()},
        tuple(dict.fromkeys(reading.warnings)),
        {name: said.ratios for name, said in reading.commodities.items()},
    )


def _header(reading: _Reading, line: _Line) -> None:
    reading.date = line.cut(9, 16)


def _combined(reading: _Reading, line: _Line) -> None:
    """Type 2: up to six products of a combined commodity, more in further records."""
    name, factor = line.cut(7, 12), Decimal(10) ** line.whole(13, 13)
    style = line.cut(18, 18)
    if not name or style not in (*PREMIUM, FUTURES_STYLE):
        raise BadInput("bad_span_file", f"line {line.number}", f"{name} {style}", "a commodity, its options P or F")
    if factor != 1:
        reading.warnings.append(f"{name}: risk exponent {line.cut(13, 13)} applied to arrays and rates, unverified")
    if name not in reading.commodities:
        reading.commodities[name] = _Definition(line.cut(14, 16), factor, style in PREMIUM)
    for start in range(23, 119, 16):
        code, kind = line.cut(start, start + 9), line.cut(start + 10, start + 12)
        if code:
            decimals = line.number_at(start + 13, start + 13, 0, start + 14)
            reading.products[line.cut(3, 5), code, kind] = name, factor.scaleb(-int(decimals))


def _tiers(reading: _Reading, line: _Line) -> None:
    """Type 3: up to four tiers, more in further records; ratios of initial to maintenance margin."""
    said, method = reading.commodity(line), line.cut(9, 10)
    if method != TABLE and method not in NONE:
        reading.warnings.append(f"{line.cut(3, 8)}: calendar spreads by method {method}, left out")
    for i in range(4):
        start, day = 11 + 14 * i, 81 + 4 * i
        if (tier := line.whole(start, start + 1)) and method == TABLE:
            first = line.cut(start + 2, start + 7) + line.cut(day, day + 1)
            said.tiers[str(tier)] = first, line.cut(start + 8, start + 13) + line.cut(day + 2, day + 3)
    ratios = [line.number_at(start, start + 3, 3) or ONE for start in (69, 73, 77)]
    said.ratios = ratios[0], ratios[1], ratios[2]


def _delivery(reading: _Reading, line: _Line) -> None:
    """Type 4: charges of up to two months in delivery, and the short-option minimum."""
    said, method = reading.commodity(line), line.cut(9, 10)
    if method == TABLE:
        for start, day in ((15, 57), (37, 59)):
            if month := line.cut(start, start + 5):
                rates = [said.factor * line.number_at(start + n, start + n + 6) for n in (6, 13)]
                said.delivery[month + line.cut(day, day + 1)] = Delivery(rates[0], rates[1])
    elif method not in NONE:
        reading.warnings.append(f"{line.cut(3, 8)}: delivery by method {method}, left out")
    said.minima.add(said.factor * line.number_at(63, 69))
    said.method = "larger" if line.cut(79, 79) == "1" else "sum"


def _scanning(reading: _Reading, line: _Line) -> None:
    """Type S: how the price risk is weighted, tiers of credits (20, 21, 23) and minima (30); none of scanning."""
    said, method, name = reading.commodity(line), line.cut(9, 10), line.cut(3, 8)
    if method == "30":
        said.minima.update(said.factor * line.number_at(104 + 7 * i, 110 + 7 * i) for i in range(line.whole(11, 12)))
        return
    if method in SCANNED_BY_TIER:
        reading.warnings.append(f"{name}: scanning by tiers (method {method}) taken as one tier")
    if method in CREDITED_BY_TIER:
        for i in range(line.whole(11, 12)):
            start, day = 13 + 14 * i, 84 + 4 * i
            first = line.cut(start + 2, start + 7) + line.cut(day, day + 1)
            last = line.cut(start + 8, start + 13) + line.cut(day + 2, day + 3)
            said.credit_tiers[str(line.whole(start, start + 1))] = first, last
    if (weighted := line.cut(83, 83)) not in WEIGHTED:
        raise BadInput("bad_span_file", f"line {line.number}, column 83", weighted, "1, 2 or 3")
    said.weighted = WEIGHTED[weighted]


def _tier_spread(reading: _Reading, line: _Line) -> None:
    """Type C: legs of number, tier, deltas and side."""
    said = reading.commodity(line)
    starts = [22 + 7 * i for i in range(line.whole(13, 14))]
    legs = tuple(
        SpreadLeg(str(line.whole(s + 2, s + 3)), line.number_at(s + 4, s + 5), line.side(s + 6)) for s in starts
    )
    said.spreads.append(CalendarSpread(line.whole(11, 12), legs, said.factor * line.number_at(15, 21)))
    said.spread_records.add("C")


def _period_spread(reading: _Reading, line: _Line) -> None:
    """Type E: legs of a month (YYMM) with its day, deltas and side; each period is a tier of its own."""
    said, legs = reading.commodity(line), []
    for start in (21, 35, 49, 63):
        if month := line.cut(start, start + 3):
            period = f"20{month}{line.cut(start + 4, start + 6)}"
            said.tiers[f"period {period}"] = period, period
            deltas = line.number_at(start + 7, start + 12, 4)
            legs.append(SpreadLeg(f"period {period}", deltas, line.side(start + 13)))
    said.spreads.append(CalendarSpread(line.whole(9, 13), tuple(legs), said.factor * line.number_at(14, 20)))
    said.spread_records.add("E")


def _credit(reading: _Reading, line: _Line) -> None:
    """Type 6: legs of exchange, flag, commodity, deltas and side; the rate in percent."""
    priority, method, flat = line.whole(6, 9), line.cut(89, 90), line.cut(101, 101)
    odd = {
        f"method {method}": method not in (*NONE, BY_TIER),
        f"calculation {flat}": flat not in ("", "W"),
        "before calendar spreads": line.cut(110, 110) == "S",
        "a rate of each leg": line.cut(122, 122) == "Y",
    }
    if any(odd.values()):
        why = ", ".join(name for name, is_odd in odd.items() if is_odd)
        reading.warnings.append(f"credit {priority} left out: {why}")
        return
    legs = []
    for i, start in enumerate((17, 35, 53, 71)):
        if name := line.cut(start + 4, start + 9):
            tier = line.whole(102 + 2 * i, 103 + 2 * i) if method == BY_TIER else 0
            deltas, side = line.number_at(start + 10, start + 16, 4), line.side(start + 17)
            legs.append(SpreadLeg(name, deltas, side, str(tier) if tier else ""))
    reading.credits.append(Credit(priority, tuple(legs), PERCENT * line.number_at(10, 16, 4)))


def _price(reading: _Reading, line: _Line) -> None:
    """Type P: decimals of prices and strikes, value of a point."""
    exponent = int(line.number_at(74, 75, 0, 73))
    point = None if line.cut(40, 40) else line.number_at(42, 55, 7).scaleb(exponent)
    reading.prices[line.product((6, 15), (16, 18))] = _Price(line.whole(34, 36), line.whole(37, 39), point)


def _scaling(reading: _Reading, line: _Line) -> None:
    """Type B: delta scaling by future or by series of options."""
    months = _month(line.text[18:26]), _month(line.text[27:35])
    reading.scaling[*line.product((6, 15), (16, 18)), *months] = line.number_at(86, 91, 4)


def _month(text: str) -> str:
    """A month as CCYYMM with its day or week, empty where there is none."""
    found = text.strip()
    return "" if not found.strip("0") else found.replace(" ", "")


def _first_half(reading: _Reading, line: _Line) -> None:
    reading.first[line.text[2:54]] = line


def _second_half(reading: _Reading, line: _Line) -> None:
    first = reading.first.pop(line.text[2:54], None)
    if first is None or ord(first.text[1]) + 1 != ord(line.text[1]):
        raise BadInput("bad_span_file", f"line {line.number}", line.text[:2], "its first record before it")
    reading.arrays.append((first, line, DIGITS[line.text[:2]]))


RECORDS: Mapping[str, Callable[[_Reading, _Line], None]] = {
    "0 ": _header,
    "2 ": _combined,
    "3 ": _tiers,
    "4 ": _delivery,
    "S ": _scanning,
    "C ": _tier_spread,
    "E ": _period_spread,
    "6 ": _credit,
    "P ": _price,
    "B ": _scaling,
    "81": _first_half,
    "83": _first_half,
    "82": _second_half,
    "84": _second_half,
}


def _contracts(reading: _Reading) -> dict[str, Contract]:
    contracts: dict[str, Contract] = {}
    for first, second, digits in reading.arrays:
        product = first.product((6, 15), (26, 28))
        if product not in reading.products:
            raise BadInput("bad_span_file", f"line {first.number}", " ".join(product), "a product of a type 2 record")
        commodity, factor = reading.products[product]
        future, option = _month(first.text[29:37]), _month(first.text[38:46])
        losses = (*first.losses(9, digits, factor), *second.losses(7, digits, factor))
        after = 55 + 7 * (digits + 1)
        delta = second.number_at(after, after + 4, 4, after + 5)
        delta *= reading.scaling.get((*product, future, option), ONE)
        exchange, code, kind = product
        right = first.cut(29, 29)
        if not right:
            contracts[f"{exchange} {kind} {code} {future}".rstrip()] = Contract(
                commodity, future, losses, delta, "future"
            )
            continue
        price = reading.prices.get(product)
        if price is None or (price.point is None and reading.commodities[commodity].premium):
            why = "no type P record" if price is None else "prices in fractions"
            reading.warnings.append(f"{exchange} {kind} {code}: options left out, {why}")
            continue
        worth = _worth(first, second, digits, price) if reading.commodities[commodity].premium else ZERO
        strike = first.number_at(48, 54, price.strike_decimals)
        strike = -strike if second.cut(after + 22, after + 22) == "-" else strike
        name = f"{exchange} {kind} {code} {option or future} {right} {strike}"
        contracts[name] = Contract(commodity, future or option, losses, delta, "call" if right == "C" else "put", worth)
    return contracts


def _worth(first: _Line, second: _Line, digits: int, price: _Price) -> Decimal:
    """Price times the value of a point, the contract's own where it has one; 14 digits where 7 are too few."""
    precise, after = 55 + 9 * (digits + 1), 55 + 7 * (digits + 1)
    enough = first.cut(precise + 14, precise + 14) != "Y"
    quoted = second.number_at(after + 14, after + 20) if enough else first.number_at(precise, precise + 13)
    signed = -quoted if second.cut(after + 21, after + 21) == "-" else quoted
    own = second.number_at(after + 41, after + 54, 7)
    own = own.scaleb(int(second.number_at(after + 55, after + 56, 0, after + 57)))
    return signed.scaleb(-price.decimals) * (own or price.point or ZERO)


def _commodity(said: _Definition, contracts: list[Contract], reading: _Reading, name: str) -> Commodity:
    if len(said.minima - {ZERO}) > 1:
        reading.warnings.append(f"{name}: short-option rates differ by tier; the largest is used")
    if len(said.spread_records) > 1:
        reading.warnings.append(f"{name}: spreads of tiers and of periods served by their priorities together")
    return Commodity(
        {tier: tier_periods(contracts, first, last) for tier, (first, last) in said.tiers.items()},
        tuple(said.spreads),
        said.delivery,
        max(said.minima, default=ZERO),
        said.method,
        said.weighted,
        price_range(contracts),
        {tier: tier_periods(contracts, first, last) for tier, (first, last) in said.credit_tiers.items()},
    )
