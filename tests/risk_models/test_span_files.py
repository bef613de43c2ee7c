"""SPAN files of our own making, XML and fixed width, give the account worked by hand in test_span; records of CME."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models.span import CalendarSpread, Commodity, Credit, Delivery, SpreadLeg, span
from marginbook.risk_models.span_files import SpanFile, read_spn
from marginbook.risk_models.span_positional import read_pa2

D = Decimal

FUTURE = (0, 0, -300, -300, 300, 300, -600, -600, 600, 600, -900, -900, 900, 900, -630, 630)
CALL = (-50, 70, -210, -90, 60, 170, -390, -300, 150, 230, -600, -540, 210, 260, -420, 120)


def array(losses: tuple[int, ...], delta: str, times: int = 1) -> str:
    return f"<ra><r>1</r>{''.join(f'<a>{times * x}</a>' for x in losses)}<d>{delta}</d></ra>"


def leg(kind: str, cc: str, of: str, side: str) -> str:
    return f"<{kind}><cc>{cc}</cc>{of}<rs>{side}</rs><i>1.0</i></{kind}>"


PAIRS = (2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 15, 16)
POINTS = "".join(
    f"<scanPointDef><point>{n}</point><pairedPoint>{pair}</pairedPoint></scanPointDef>"
    for n, pair in enumerate(PAIRS, start=1)
)
FILE = f"""<?xml version="1.0" encoding="UTF-8"?><spanFile><fileFormat>4.00</fileFormat><pointInTime>
<date>20261001</date><clearingOrg><ec>X</ec><pointDef><r>1</r>{POINTS}</pointDef>
<ccDef><cc>OIL</cc><currency>USD</currency>
<spotRate><r>1</r><pe>202612</pe><sprd>20</sprd><outr>50</outr></spotRate>
<spotRate><r>2</r><pe>202612</pe><sprd>9</sprd><outr>9</outr></spotRate>
<pfLink><exch>X</exch><pfId>1</pfId><pfCode>CL</pfCode><pfType>FUT</pfType><sc>1.0</sc></pfLink>
<pfLink><exch>X</exch><pfId>2</pfId><pfCode>LO</pfCode><pfType>OOF</pfType><sc>1.0</sc></pfLink>
<intraTiers><tier><tn>1</tn><sPe>202612</sPe><ePe>202612</ePe></tier>
<tier><tn>2</tn><sPe>202701</sPe><ePe>202712</ePe></tier></intraTiers>
<somTiers><tier><tn>0</tn><rate><r>1</r><val>40</val></rate></tier></somTiers>
<dSpread><spread>1</spread><chargeMeth>F</chargeMeth><rate><r>1</r><val>100</val></rate>
{leg("tLeg", "OIL", "<tn>1</tn>", "A")}{leg("tLeg", "OIL", "<tn>2</tn>", "B")}</dSpread></ccDef>
<ccDef><cc>GAS</cc><currency>USD</currency></ccDef>
<interSpreads><dSpread><spread>1</spread><rate><r>1</r><val>60</val></rate>
{leg("tLeg", "OIL", "<tn>0</tn>", "A")}{leg("tLeg", "GAS", "<tn>0</tn>", "B")}</dSpread></interSpreads>
<exchange><exch>X</exch>
<futPf><pfId>1</pfId><pfCode>CL</pfCode><fut><cId>11</cId><pe>202612</pe>{array(FUTURE, "1")}</fut>
<fut><cId>12</cId><pe>202703</pe>{array(FUTURE, "1")}</fut></futPf>
<oofPf><pfId>2</pfId><pfCode>LO</pfCode><cvf>1000</cvf><valueMeth>EQTY</valueMeth><series><pe>202611</pe>
<undC><exch>X</exch><pfId>1</pfId><cId>11</cId></undC>
<opt><cId>21</cId><o>C</o><k>75.00</k><p>0.80</p>{array(CALL, "0.5")}</opt></series></oofPf>
<futPf><pfId>3</pfId><pfCode>GAS</pfCode><fut><cId>31</cId><pe>202612</pe>{array(FUTURE, "1", 2)}</fut></futPf>
</exchange></clearingOrg></pointInTime></spanFile>"""


def test_the_worked_account_from_a_file() -> None:
    found = read_spn(FILE.encode(), credit_scale=Decimal("0.01"))
    assert found.warnings == ()
    assert list(found.contracts) == [
        *("X FUT CL 202612", "X FUT CL 202703", "X OOF LO 202611 C 75.00", "X FUT GAS 202612"),
    ]
    held = [Decimal(10), Decimal(-4), Decimal(-6), Decimal(-3)]
    answer = span(list(zip(found.contracts.values(), held, strict=True)), found.commodities, found.credits)
    assert (answer.commodities["OIL"].risk, answer.commodities["GAS"].risk) == (2340, 2160)
    assert (answer.net_option_value, answer.requirement) == (-4800, 9300)


def test_spreads_by_period_and_other_rate_sets() -> None:
    by_tier = leg("tLeg", "OIL", "<tn>1</tn>", "A") + leg("tLeg", "OIL", "<tn>2</tn>", "B")
    by_period = leg("pLeg", "OIL", "<pe>202612</pe>", "A") + leg("pLeg", "OIL", "<pe>202703</pe>", "B")
    text = FILE.replace(by_tier, by_period)
    found = read_spn(text.encode())
    assert found.commodities["OIL"].tiers["period 202703"] == ("202703",)
    held = [Decimal(10), Decimal(-4), Decimal(0), Decimal(0)]
    answer = span(list(zip(found.contracts.values(), held, strict=True)), found.commodities)
    assert answer.commodities["OIL"].calendar == 400
    other = read_spn(FILE.replace("<chargeMeth>F", "<chargeMeth>P").encode())
    assert other.warnings == ("OIL: spread 1 charged by method P, left out",)


def test_what_is_no_span_file_is_refused() -> None:
    for text in (
        "no xml",
        "<other/>",
        "<!DOCTYPE spanFile []>" + FILE.split("?>")[1],
        FILE.replace("<a>-630</a>", ""),
        FILE.replace("<cc>GAS</cc><currency>", "<cc>WATER</cc><currency>"),
        FILE.replace("<pairedPoint>16", "<pairedPoint>15"),
        FILE.replace("<spread>1<", "<spread>first<"),
        FILE.replace("<pfCode>CL</pfCode><fut>", "<fut>"),
        FILE.replace("<val>60</val>", "<val>sixty</val>"),
    ):
        with pytest.raises(BadInput):
            read_spn(text.encode())


def test_methods_that_the_file_names() -> None:
    text = FILE.replace("<spotRate><r>1", "<somMeth>MAX</somMeth><wfprMeth>SCANRANGE_CAP</wfprMeth><spotRate><r>1", 1)
    oil = read_spn(text.encode()).commodities["OIL"]
    assert (oil.short_option_method, oil.weighted_price, oil.price_range) == ("larger", "capped", 900)
    with pytest.raises(BadInput):
        read_spn(text.replace("SCANRANGE_CAP", "CAP").encode())


HEADER = "0 X     20261001SE     202610011407U2YN"


def placed(*fields: tuple[int, str]) -> str:
    """A record from texts and the columns where they begin."""
    line = ""
    for column, text in fields:
        assert len(line) < column, (line, column, text)
        line = line.ljust(column - 1) + text
    return line


def risk_records(
    product: str, kind: str, months: tuple[str, str], right: str, losses: list[int], delta: int, **more: str
) -> Iterator[str]:
    """Records 81 and 82; strike and price in digits."""
    key = ((3, "X"), (6, product), (16, product), (26, kind), (29, right), (30, months[0]), (39, months[1]))
    key = (*key, (48, more.get("strike", "0000000")))
    cells = [f"{abs(x):05}{'-' if x < 0 else '+'}" for x in losses]
    yield placed((1, "81"), *key, (55, "".join(cells[:9])), (109, more.get("precise", "")))
    tail = f"{abs(delta):05}{'-' if delta < 0 else '+'}00250000{more.get('price', '0000000')}{more.get('signs', '++')}"
    yield placed((1, "82"), *key, (55, "".join(cells[9:]) + tail), (138, more.get("point", "")))


def spread_leg(start: int, commodity: str, side: str) -> tuple[tuple[int, str], ...]:
    return (start, "X"), (start + 4, commodity), (start + 10, "0010000"), (start + 17, side)


def records() -> list[str]:
    """The account of test_span_files."""
    twice = [2 * x for x in FUTURE]
    return [
        HEADER,
        placed((1, "P X"), (6, "LO"), (16, "OOF"), (19, "OIL OPTION"), (34, "002002"), (42, "00010000000000")),
        placed((1, "2 X"), (7, "OIL"), (13, "0USD$P"), (23, "CL"), (33, "FUT"), (39, "LO"), (49, "OOF")),
        placed((1, "3 OIL"), (9, "10"), (11, "01202612202612"), (25, "02202701202712"), (69, "100011001350")),
        placed((1, "C OIL"), (9, "10"), (11, "01020000100"), (22, "010101A020201B")),
        placed((1, "4 OIL"), (9, "10010120261200000200000050"), (63, "0000040"), (79, "2")),
        *risk_records("CL", "FUT", ("202612", ""), "", list(FUTURE), 10000),
        *risk_records("CL", "FUT", ("202703", ""), "", list(FUTURE), 10000),
        *risk_records("LO", "OOF", ("202612", "202611"), "C", list(CALL), 5000, strike="0007500", price="0000080"),
        placed((1, "2 X"), (7, "GAS"), (13, "0USD$P"), (23, "GAS"), (33, "FUT")),
        *risk_records("GAS", "FUT", ("202612", ""), "", twice, 10000),
        placed((1, "6 ALL00010600000"), *spread_leg(17, "OIL", "A"), *spread_leg(35, "GAS", "B"), (89, "01")),
    ]


def read(*lines: str) -> SpanFile:
    return read_pa2("\n".join(lines).encode())


def test_the_worked_account_is_the_one_of_the_xml_file() -> None:
    found, xml = read(*records()), read_spn(FILE.encode(), credit_scale=D("0.01"))
    assert found.warnings == ()
    assert (found.date, found.currencies) == (xml.date, xml.currencies)
    assert list(found.contracts) == list(xml.contracts)
    assert found.contracts == xml.contracts
    assert found.commodities["OIL"] == xml.commodities["OIL"]
    assert found.commodities["GAS"] == xml.commodities["GAS"]
    assert found.credits == xml.credits
    assert found.ratios["OIL"] == (1, D("1.1"), D("1.35"))
    held = [D(10), D(-4), D(-6), D(-3)]
    answer = span(list(zip(found.contracts.values(), held, strict=True)), found.commodities, found.credits)
    assert (answer.risk, answer.requirement) == (4500, 9300)


def test_records_of_a_cme_file() -> None:
    """Columns of the CME and CBOT file of 20 June 2025, after records that a public parser prints.

    As printed: 0, P, C, 6, the first 3, 81 of the future, 82 of the option, and (for another product) 4 and E. The
    others, which these need beside them, are made up.
    """
    found = read(
        "0 CME   20250620SE     202506201407U2YNCLR        C CUST  H HEDGE 1 CORE  M MAINT ",
        "P CBT06        OOFSOYBEAN MEAL OP003000  000010000000000000000001USD$STD 00AMERSOYBEAN MEAL",
        "2 CBT 06    0USD$PN   06        FUT   06        OOF",
        "3 06    1001202507202507022025082025080320250920250904202510202511  100010001100",
        "3 06    10142026032026031520260520260516202607202607                100010001100",
        "C 06    1001030000100011401A021502B031601A",
        "E 06    0000200002502507   010000A2512   020000B2603   010000A",
        "81CBT06        06        FUT 202507            000000000000+00000+00567-00567-00567+00567+01133-01133-01133"
        "+00000000284100N",
        "82CBT06        06        FUT 202507            000000001133+01700-01700-01700+01700+01683-01683+10000+00000000"
        "0284100++10000+C",
        "81CBT06        06        OOFC202507   202507   000014500000+00000+00567-00567-00567+00567+01133-01133-01133"
        "+00000000139100N",
        "82CBT06        06        OOFC202507   202507   000014500000+00000+00000+00000+00000+00000+00000+00000+00250000"
        "0139100++10000+C",
        "6 ALL00010980000NYMNNY-HH 0010000ANYMNNY-HP 0010000B                                    04NYMNNY-NG          "
        "S00100000001",
        "4 YM    10010120250600000010000000                            00001701001001001".replace("YM", "06"),
    )
    future, call = found.contracts["CBT FUT 06 202507"], found.contracts["CBT OOF 06 202507 C 145"]
    assert [int(x) for x in future.array[2:5]] == [-567, -567, 567]
    assert call.value == D("139.1") * 100
    meal = found.commodities["06"]
    assert (meal.tiers["1"], meal.price_range) == (("202507",), 1700)
    butterfly = CalendarSpread(
        1, (SpreadLeg("14", D(1), 1), SpreadLeg("15", D(2), -1), SpreadLeg("16", D(1), 1)), D(100)
    )
    assert meal.spreads[0] == butterfly
    assert [(leg.of, leg.deltas, leg.side) for leg in meal.spreads[1].legs] == [
        *(("period 202507", 1, 1), ("period 202512", 2, -1), ("period 202603", 1, 1))
    ]
    assert (meal.spreads[1].priority, meal.spreads[1].rate) == (2, 250)
    assert meal.delivery == {"202506": Delivery(D(1), D(0))}
    assert (meal.short_option_rate, meal.short_option_method) == (170, "larger")
    assert found.ratios["06"] == (1, 1, D("1.1"))
    assert found.warnings == (
        "credit 1 left out: method 04, before calendar spreads",
        "06: spreads of tiers and of periods served by their priorities together",
    )


def test_eight_digits_exponents_and_scaling() -> None:
    wide = [f"{abs(x) * 1000:08}{'-' if x < 0 else '+'}" for x in FUTURE]
    key = "X  CL        CL        FUT 202612            0000000"
    lines = [
        HEADER,
        "2 X   OIL   2JPY$P    CL        FUT3+",
        placed((1, "B X"), (6, "CL"), (16, "FUT"), (19, "202612"), (86, "001000")),
        "4 OIL   01" + " " * 52 + "0000007",
        "83" + key + "".join(wide[:9]),
        "84" + key + "".join(wide[9:]) + "10000+",
    ]
    found = read(*lines)
    contract = found.contracts["X FUT CL 202612"]
    assert contract.array == tuple(D(100) * x for x in FUTURE)
    assert contract.delta == D("0.1")
    assert found.commodities["OIL"].short_option_rate == 700
    assert found.warnings == ("OIL: risk exponent 2 applied to arrays and rates, unverified",)


def test_what_cannot_be_expressed_is_a_warning_and_options_without_a_price_are_left_out() -> None:
    lines = records()
    lines[1] = lines[1].replace("002002", "002002K")[: len(lines[1])].replace("002002K0", "002002K ")
    lines.append("S OIL   20020120261220261202202701202812".ljust(82) + "2")
    lines.append("6 ALL00020600000" + "".ljust(72) + "04")
    lines.append("S GAS   10".ljust(82))
    found = read(*lines)
    assert "X OOF LO 202611 C 75.00" not in found.contracts
    assert found.commodities["OIL"].weighted_price == "capped"
    assert set(found.warnings) == {
        "GAS: scanning by tiers (method 10) taken as one tier",
        "credit 2 left out: method 04",
        "X OOF LO: options left out, prices in fractions",
    }


def test_capped_and_ranged_weighted_price() -> None:
    """6·future − 10·call: scan 3300 in 13, pair 2800, time risk (500 − 700)/2, price risk 3150, delta 6 − 5."""
    contracts = read(*records()).contracts
    future, call = contracts["X FUT CL 202612"], contracts["X OOF LO 202611 C 75.00"]
    gas = contracts["X FUT GAS 202612"]
    held = [(future, D(6)), (call, D(-10)), (gas, D(-1))]
    credit = Credit(1, (SpreadLeg("OIL", D(1), 1), SpreadLeg("GAS", D(1), -1)), D("0.5"))

    def weighted(method: str) -> Decimal:
        oil = Commodity(weighted_price=method, price_range=D(900))  # type: ignore[arg-type]
        return span(held, {"OIL": oil, "GAS": Commodity()}, [credit]).commodities["OIL"].weighted_price

    assert (weighted("normal"), weighted("capped"), weighted("range")) == (3150, 900, 900)


def test_what_is_no_expanded_file_is_refused() -> None:
    lines = records()
    for broken in (
        [],
        ["0 X     20261001SE     202610011407UPYN"],
        [HEADER, "3 OIL   1001"],
        [HEADER, lines[6]],
        [HEADER, lines[2], lines[7]],
        [HEADER, lines[6], lines[7]],
        [*lines, "C OIL   1001020000100010101A020201X"],
        [*lines[:-1], lines[-1].replace("0600000", "06x0000")],
        [HEADER, "2 X   OIL   0USD$Q"],
    ):
        with pytest.raises(BadInput):
            read(*broken)
    with pytest.raises(BadInput):
        read_pa2("0 Ä".encode())


def test_credits_of_tiers_in_both_formats() -> None:
    """Ten near and four far short futures against three of gas: only the far tier may be spread, three times."""
    lines = records()
    lines[-1] = placed(
        *((1, "6 ALL00010600000"), *spread_leg(17, "OIL", "A"), *spread_leg(35, "GAS", "B")),
        *((89, "20"), (102, "02"), (104, "00")),
    )
    lines.insert(3, "S OIL   20020120261220261202202701202812".ljust(82) + "1")
    found = read(*lines)
    assert found.warnings == ()
    oil = found.commodities["OIL"]
    assert oil.credit_tiers == {"1": ("202612",), "2": ("202703",)}
    assert [leg.tier for leg in found.credits[0].legs] == ["2", ""]
    near, far, _, gas = found.contracts.values()
    answer = span([(near, D(10)), (far, D(-4)), (gas, D(3))], found.commodities, found.credits)
    risk = answer.commodities["OIL"]
    assert risk.tier_deltas == {"1": 10, "2": -4}
    assert risk.weighted_price == 900, "six net futures lose 5,400"
    assert (risk.credit, answer.commodities["GAS"].credit) == (D("0.6") * 900 * 3, D("0.6") * 1800 * 3)
    against = span([(near, D(10)), (far, D(-4)), (gas, D(-3))], found.commodities, found.credits)
    assert against.commodities["OIL"].credit == 0, "the far tier is short, as gas is"
    whole = Credit(2, (SpreadLeg("OIL", D(8), 1), SpreadLeg("GAS", D(1), 1)), D("0.1"))
    after = span([(near, D(10)), (far, D(-4)), (gas, D(5))], found.commodities, [*found.credits, whole])
    assert after.commodities["GAS"].credit == D("0.6") * 1800 * 4 + D("0.1") * 1800 * 1, "one gas and ten oil are left"
    tiers = "<interTiers><tier><tn>1</tn><sPe>202612</sPe><ePe>202612</ePe></tier>"
    tiers += "<tier><tn>2</tn><sPe>202701</sPe><ePe>202812</ePe></tier></interTiers>"
    of_tier = leg("tLeg", "OIL", "<tn>2</tn>", "A")
    text = FILE.replace("<somTiers>", tiers + "<somTiers>", 1).replace(leg("tLeg", "OIL", "<tn>0</tn>", "A"), of_tier)
    xml = read_spn(text.encode(), credit_scale=D("0.01"))
    assert xml.credits == found.credits
    assert xml.commodities["OIL"] == oil
