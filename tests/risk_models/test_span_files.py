"""A small SPAN file of our own making gives the account that is worked by hand in test_span."""

from decimal import Decimal

import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models.span import span
from marginbook.risk_models.span_files import read_spn

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
