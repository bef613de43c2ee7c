"""Index rules: printed examples of venues first, then borders, bans, and laws."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.errors import BadInput
from marginbook.oracle.bans import Ban, after, banned
from marginbook.oracle.index import Index, IndexRule, Source, index, median
from marginbook.oracle.presets import delivery_window, index_rule, mark_window, push_rule
from marginbook.units import MICROSECONDS, parse_time

OCTOBER = parse_time("2025-10-10T21:21Z")


def sources(prices: dict[str, str], weights: dict[str, str] | None = None, **more: object) -> list[Source]:
    return [
        Source(name=name, price=D(price), weight=D((weights or {}).get(name, "1")), **more)  # type: ignore[arg-type]
        for name, price in prices.items()
    ]


def test_deribits_printed_example() -> None:
    found = index(
        sources({"A": "100", "B": "101", "C": "120"}, {"A": "25", "B": "50", "C": "25"}),
        index_rule("deribit", OCTOBER).rule,
    )
    assert found.median == 101
    assert [part.used for part in found.parts] == [D("100.495"), D(101), D("101.505")]
    assert found.price == D("101.000")
    assert [part.weight for part in found.parts] == [D("0.25"), D("0.5"), D("0.25")]
    assert found.part("A").verdict == "clamped"
    assert "0.005 of the median 101" in found.part("C").reason


@pytest.mark.parametrize(("price", "taken"), [("21400", "20600"), ("18800", "19400")])
def test_binances_printed_example_of_a_source_seven_percent_up_or_six_down(price: str, taken: str) -> None:
    prices = sources({"A": price, "B": "20000", "C": "20000"})
    assert index(prices, index_rule("binance", OCTOBER, "XRP").rule).part("A").used == D(taken)
    assert index(prices, index_rule("binance", OCTOBER, "BTC").rule).part("A").used in (D("20200"), D("19800"))


def test_binance_in_2020_one_outlier_is_left_out_and_two_make_it_the_median() -> None:
    rule = index_rule("binance", parse_time("2020-09-01")).rule
    inside = index(sources({"A": "100", "B": "102", "C": "107.1"}), rule)
    assert inside.part("C").verdict == "used", "exactly 5 % is not beyond 5 %"
    out = index(sources({"A": "100", "B": "102", "C": "108"}, {"A": "1", "B": "3", "C": "9"}), rule)
    assert (out.price, out.part("C").verdict) == (D("101.5"), "excluded")
    two = index(sources({"A": "90", "B": "102", "C": "108"}), rule)
    assert two.price == 102
    assert "the median" in two.reason


def test_bitmex_table_of_an_exclusion_and_its_return() -> None:
    """The worked example of the reintroduction rule, row by row; only the band was still 25 % then."""
    rule = index_rule("bitmex", parse_time("2020-09-01")).rule
    rows = (
        ("14:59:55", "100", "100", "100", "ABC"),
        ("15:00:00", "150", "100", "100", "BC"),
        ("15:20:00", "122", "120", "120", "BC"),
        ("15:35:00", "130", "131", "129", "BC"),
        ("15:35:05", "131", "131", "129", "ABC"),
        ("15:35:10", "140", "138", "139", "ABC"),
    )
    bans: dict[str, Ban] = {}
    for time, a, b, c, active in rows:
        at = parse_time(f"2020-08-14T{time}Z")
        given_prices = sources({"A": a, "B": b, "C": c})
        found = index(given_prices, rule, at, banned(bans, rule, at))
        assert "".join(part.name for part in found.parts if part.verdict == "used") == active, time
        bans = after(bans, given_prices, found, rule, at)


def test_bitmex_in_2017_an_outlier_is_out_until_a_person_ends_it() -> None:
    rule = index_rule("bitmex", parse_time("2018-01-01")).rule
    first = sources({"A": "70", "B": "100", "C": "100"})
    bans = after({}, first, index(first, rule), rule, 0)
    year = 365 * 86_400 * MICROSECONDS
    assert "until a person" in banned(bans, rule, year)["A"]
    healthy = sources({"A": "100", "B": "100", "C": "100"})
    assert after(bans, healthy, index(healthy, rule, year, banned(bans, rule, year)), rule, year) == bans


def test_bitmex_two_that_are_left_are_held_not_banned() -> None:
    rule = index_rule("bitmex", OCTOBER).rule
    given_prices = sources({"A": "100", "B": "70", "C": "130"})
    found = index(given_prices, rule, 0, {"A": "banned"}, last=D(101))
    assert found.price == 101
    assert set(after({"A": Ban(0)}, given_prices, found, rule, 0)) == {"A"}


def test_bitmex_a_break_of_the_steady_time_starts_it_again() -> None:
    rule = index_rule("bitmex", parse_time("2020-09-01")).rule
    minute, bans = 60 * MICROSECONDS, {"A": Ban(0)}
    for at, price in ((0, "101"), (10, "103"), (14, "101"), (28, "101"), (29, "101")):
        given_prices = sources({"A": price, "B": "100", "C": "100"})
        out = banned(bans, rule, at * minute)
        assert "A" in out
        bans = after(bans, given_prices, index(given_prices, rule, at * minute, out), rule, at * minute)
    assert bans == {}


def test_bitmex_keeps_the_last_index_with_two_sources_apart() -> None:
    rule = index_rule("bitmex", parse_time("2021-01-01")).rule
    apart = index(sources({"A": "95", "B": "105"}), rule, last=D(99))
    assert (apart.price, "kept" in apart.reason) == (D(99), True)
    near = index(sources({"A": "95.001", "B": "105"}), rule, last=D(99))
    assert near.price == D("100.0005")
    assert index(sources({"A": "110"}), rule, last=D(100)).price == 100
    assert index(sources({"A": "109.99"}), rule, last=D(100)).price == D("109.99")


def test_bingx_four_bans_in_a_row_need_a_person() -> None:
    rule = index_rule("bingx", OCTOBER).rule
    bans: dict[str, Ban] = {}
    seen = []
    for minute in range(0, 61, 5):
        at = minute * 60 * MICROSECONDS
        given_prices = sources({"A": "97", "B": "100", "C": "100"} if minute < 30 else dict.fromkeys("ABC", "100"))
        out = banned(bans, rule, at)
        found = index(given_prices, rule, at, out)
        seen.append(found.part("A").reason)
        bans = after(bans, given_prices, found, rule, at)
    assert sum("until a person" in reason for reason in seen) == len(seen) - 4
    assert all("beyond 0.03" in reason for reason in seen[:4])
    assert found.price == 100


def test_bingx_comes_back_after_five_minutes_and_counts_from_three_percent_on() -> None:
    rule = index_rule("bingx", OCTOBER).rule
    first = sources({"A": "97", "B": "100", "C": "100"})
    bans = after({}, first, index(first, rule), rule, 0)
    assert index(sources({"A": "97.01", "B": "100", "C": "100"}), rule).part("A").verdict == "used"
    assert "A" in banned(bans, rule, 300 * MICROSECONDS - 1)
    back = sources({"A": "100", "B": "100", "C": "100"})
    at = 300 * MICROSECONDS
    assert banned(bans, rule, at) == {}
    assert after(bans, back, index(back, rule, at), rule, at) == {}, "strikes are of bans in a row"


def test_bingx_bans_in_a_row_count_within_half_an_hour() -> None:
    """Looked at again at 0, 10, 20 and 30 minutes, the fourth is still within the window; a second later it is not."""
    rule = index_rule("bingx", OCTOBER).rule
    minute = 60 * MICROSECONDS
    for last, by_hand in ((30 * minute, True), (30 * minute + 1, False)):
        bans: dict[str, Ban] = {}
        for at in (0, 10 * minute, 20 * minute, last):
            given_prices = sources({"A": "97", "B": "100", "C": "100"})
            out = banned(bans, rule, at)
            assert not out
            bans = after(bans, given_prices, index(given_prices, rule, at, out), rule, at)
        assert bans["A"].by_hand is by_hand


def test_bingx_measures_by_the_median_of_all_even_of_those_that_are_out() -> None:
    rule = index_rule("bingx", OCTOBER).rule
    prices = sources({"A": "90", "B": "100", "C": "104", "D": "100"})
    found = index(prices, rule, banned={"B": "out", "D": "out"})
    assert found.median == 100
    assert found.price is None, "both that are left are outliers of the median of all four"


def test_okx_three_two_and_one_source() -> None:
    rule = index_rule("okx", OCTOBER).rule
    weights = {"A": "2", "B": "1", "C": "1"}
    assert index(sources({"A": "100", "B": "101", "C": "110"}, weights), rule).price == (200 + 101 + D("103.02")) / 4
    assert index(sources({"A": "100", "B": "110"}, weights), rule).price == 105
    assert index(sources({"A": "77"}), rule).price == 77


def test_deribit_before_december_2019_dropped_the_highest_and_the_lowest() -> None:
    prices = dict(zip("ABCDEF", ("90", "100", "101", "102", "102.4", "150"), strict=True))
    found = index(sources(prices), index_rule("deribit", parse_time("2019-12-02")).rule)
    assert found.price == D("101.35")
    assert [part.reason for part in found.parts if part.reason] == ["the lowest", "the highest"]
    assert index(sources(prices), index_rule("deribit", parse_time("2019-12-03")).rule).price != found.price


def test_bybit_weights_by_the_inverse_square_of_the_spread() -> None:
    rule = index_rule("bybit", parse_time("2021-01-01")).rule
    found = index(sources({"A": "99", "B": "100", "C": "104"}), rule)
    # the mean is 101: spreads −2, −1 and 3, weights 1/4, 1 and 1/9
    assert found.price == pytest.approx((99 / D(4) + 100 + 104 / D(9)) / (D(1) / 4 + 1 + D(1) / 9), abs=D("1e-20"))
    # (98 + 5·100 + 2·101) / 8 is B's own price: no spread, so it takes all the weight
    on_the_mean = index(sources({"A": "98", "B": "100", "C": "101"}, {"A": "1", "B": "5", "C": "2"}), rule)
    assert on_the_mean.price == 100


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"price": None}, "missing"),
        ({"price": D(0)}, "not a price"),
        ({"price": D(-5)}, "not a price"),
        ({"price": D("NaN")}, "not a price"),
        ({"enabled": False}, "disabled"),
        ({"time": -1}, "stale"),
        ({"time": 41}, "ahead"),
        ({"changed": 9}, "unchanged"),
    ],
)
def test_a_source_that_cannot_count_is_left_out_and_says_why(broken: dict[str, object], why: str) -> None:
    rule = IndexRule(outliers="keep", max_age=20, max_ahead=20, max_unchanged=10)
    bad = Source(**{"name": "A", "price": D(7)} | broken)  # type: ignore[arg-type]
    found = index([bad, Source(name="B", price=D(5), time=0, changed=20)], rule, at=20)
    assert found.price == 5
    assert found.part("A").verdict == "excluded"
    assert found.part("A").reason.startswith(why)


def test_exactly_as_old_as_allowed_counts() -> None:
    rule = IndexRule(outliers="keep", max_age=20, max_ahead=20, max_unchanged=10)
    for at_the_border in (Source(name="A", price=D(7), time=0), Source(name="A", price=D(7), time=40)):
        assert index([at_the_border], rule, at=20).price == 7
    assert index([Source(name="A", price=D(7), changed=10)], rule, at=20).price == 7


def test_without_a_source_there_is_no_index_unless_one_is_kept() -> None:
    rule = IndexRule(outliers="clamp", band=D("0.01"))
    assert index([Source(name="A", price=None)], rule).price is None
    kept = index([Source(name="A", price=None)], rule, last=D(3))
    assert (kept.price, kept.reason) == (D(3), "no source left: the last index is kept")
    assert index(sources({"A": "1"}, {"A": "0"}), rule).price is None


def test_windows_of_marks_and_deliveries_have_dates() -> None:
    days = ("2020-06-11", "2021-06-01", "2025-09-17", "2025-09-18T08:00:59Z", "2025-09-18T08:01Z")
    found = [mark_window("binance", parse_time(day)).rule for day in days]
    assert [(w.window // MICROSECONDS, w.samples) for w in found] == [
        (1800, 30),
        (150, 30),
        (60, 60),
        (60, 60),
        (30, 30),
    ]
    before, since = (
        delivery_window("binance", parse_time(day)).rule for day in ("2024-11-11T07:59Z", "2024-11-11T08:00Z")
    )
    assert (before.samples, since.samples) == (3600, 1800)
    assert delivery_window("deribit", parse_time("2019-01-01")).rule.samples == 300
    assert delivery_window("deribit", OCTOBER).rule.samples == 450


def test_what_nobody_confirmed_is_told_and_what_is_not_known_is_refused() -> None:
    assert index_rule("bybit", OCTOBER).unverified
    for venue in ("OKX", "Deribit", "BingX", "BitMEX", "Bybit", "Binance"):
        assert index_rule(venue.lower(), OCTOBER).source.startswith(venue), "of this venue, not of the last change"
    assert index_rule("binance", OCTOBER).unverified
    assert push_rule("chainlink/ETH-USD", OCTOBER).unverified == ("the day it took effect",)
    for wrong in (
        lambda: push_rule("chainlink/AAVE-USD", OCTOBER),
        lambda: index_rule("kraken", OCTOBER),
    ):
        with pytest.raises(BadInput):
            wrong()


PRICES = st.lists(st.decimals("0.01", "1000", places=2), min_size=1, max_size=7)
VENUES = st.sampled_from(("binance", "okx", "deribit", "bingx", "bitmex", "bybit", "thalex", "pionex"))


def made(prices: list[D], venue: str) -> tuple[Index, IndexRule]:
    rule = index_rule(venue, OCTOBER).rule
    return index([Source(name=str(n), price=price) for n, price in enumerate(prices)], rule), rule


@given(PRICES, VENUES)
def test_an_index_lies_between_the_prices_and_within_the_band_of_the_median(prices: list[D], venue: str) -> None:
    found, rule = made(prices, venue)
    if found.price is None:
        assert venue in ("bingx", "bitmex"), "only exclusion can leave nobody"
        return
    slack = D("1e-100")
    assert min(prices) - slack <= found.price <= max(prices) + slack
    if rule.outliers == "clamp" and len(prices) >= rule.outliers_from:
        assert abs(found.price - median(prices)) <= rule.band * median(prices) + slack
    assert sum(part.weight for part in found.parts) == pytest.approx(D(1), abs=D("1e-20"))


@given(PRICES, VENUES, st.randoms(use_true_random=False))
def test_the_order_of_sources_does_not_matter(prices: list[D], venue: str, random: object) -> None:
    shuffled = list(prices)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = made(prices, venue)[0].price, made(shuffled, venue)[0].price
    assert one == other or (one is not None and other is not None and abs(one - other) < D("1e-100"))
