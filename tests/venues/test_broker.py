"""Margin accounts: the exchange's and a broker's figures, every strategy, events, plans, portfolio margin."""

import json
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from marginbook.domain.account import Account, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, OrderChange, Setting, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.testing.conformance import conform
from marginbook.units import parse_time
from marginbook.venues.broker.instruments import instrument_of
from marginbook.venues.registry import rule_set

AT = parse_time("2026-10-01T12:00:00Z")
POOL = "cross:USD"
NEAR, FAR = "2026-12-18", "2027-06-18"


def market(**prices: str) -> Market:
    return Market(
        quotes={("broker", name.replace("_", " "), "mark"): Quote(D(price)) for name, price in prices.items()}
    )


def held(name: str, quantity: str, entry: str = "1", **details: str) -> Position:
    size = D(quantity)
    return Position(
        market=name.replace("_", " "),
        side="long" if size > 0 else "short",
        quantity=abs(size),
        entry=D(entry),
        details=details,
    )


def account(cash: str, *positions: Position, rules: str = "broker/reg-t", **more: Any) -> Account:
    return Account(id="a", rules=rules, wallet={"USD": D(cash)}, positions=positions, **more)


def sums(found: Account, prices: Market, overlay: Any = None, at: int = AT) -> Any:
    rules = rule_set(found.rules)
    parameters = rules.module.parameters(rules.version, at, overlay)
    return rules.module.risk(found, prices, parameters, at)[POOL]


def numbers(found: Account, prices: Market, at: int = AT) -> Any:
    rules = rule_set(found.rules)
    return rules.module.quantities(found, prices, rules.module.parameters(rules.version, at), at)[POOL]


def option(kind: str, strike: int | str, expiry: str = NEAR) -> str:
    return f"X_{expiry}_{strike}_{kind}"


def asked(prices: dict[str, str], *positions: Position, at: int = AT) -> tuple[D, D]:
    """(to open, to keep) at a price of X and of its options."""
    found = sums(account("0", *positions), market(**prices), at=at)
    return found.demand_initial, found.demand


def test_figures_of_others() -> None:
    answer = conform([Path(__file__).parent.parent / "vectors" / "broker"])
    assert not answer["failures"]
    assert sum(row["passed"] for row in answer["results"]) == 132
    assert {row["function"]: row["unsupported"] for row in answer["results"] if row["unsupported"]} == {"ib": 6}


def test_walkthroughs_and_options_of_the_same_kinds(tmp_path: Path) -> None:
    steps = [
        {"event": "deposit 10000 cash", "sma": 10000},
        {"event": "buy 500 XYZ @ 40", "sma": 0, "cash": -10000},
        {"event": "price rises to 45", "elv": 12500, "im": 5625, "regt_margin": 11250, "sma": 1250},
        {"event": "end of day", "sma": 1250},
        {"event": "XYZ falls to 35.50", "elv": 7750, "mm": 4437.5, "excess": 3312.5, "sma": 1250},
        {"event": "sell 100 shares of XYZ at 35.50", "sma": 3025},
        {"event": "withdraw 1,000", "cash": -7450},
    ]
    options = [
        {"type": "call", "K": 100, "P": 2.5, "U": 101, "n": -1, "margin": 2270},
        {"type": "P", "K": 100, "P": 2.5, "U": 101, "n": 1, "leverage": 2, "margin": 4190},
    ]
    groups = [
        {"id": "more", "model": "Reg T account", "tolerance": "exact", "steps": steps},
        {"id": "others", "model": "FINRA 4210", "tolerance": "exact", "cases": options},
    ]
    file = tmp_path / "more.json"
    file.write_text(json.dumps({"groups": groups}))
    answer = conform([file])
    assert not answer["failures"]
    assert sum(row["passed"] for row in answer["results"]) == 16


@pytest.mark.parametrize(
    ("price", "kept", "opened"),
    [("100", "30", "50"), ("16.67", "5.001", "8.335"), ("16.66", "5", "8.33"), ("9", "5", "5"), ("5", "5", "5"),
     ("4.99", "4.99", "4.99"), ("2.50", "2.50", "2.50"), ("2.49", "2.50", "2.50"), ("0.01", "2.50", "2.50")],
)  # fmt: skip
def test_short_sales_by_class_of_price(price: str, kept: str, opened: str) -> None:
    assert asked({"X": price}, held("X", "-1")) == (D(opened), D(kept))


def test_a_call_is_below_the_requirement_not_at_it() -> None:
    rules, prices = rule_set("broker/reg-t"), market(X="40")
    parameters = rules.module.parameters("reg-t", AT)
    at_it = account("-15000", held("X", "500"))
    assert sums(at_it, prices).support == sums(at_it, prices).demand == 5000
    assert not rules.module.is_liquidatable(at_it, POOL, prices, parameters, AT)
    below = account("-15000.01", held("X", "500"))
    assert rules.module.is_liquidatable(below, POOL, prices, parameters, AT)
    (price,) = rules.module.liquidation_prices(at_it, prices, parameters, AT)
    assert (price.price, price.when) == (D("39.99999999"), "at_or_below")
    plan = rules.module.plan_liquidation(below, POOL, prices, parameters, AT)
    assert (plan.close_least, plan.close_most, plan.market) == (1, 500, "X")
    assert plan.flows[0].amount == 20000


@pytest.mark.parametrize(
    ("prices", "positions", "kept"),
    [
        ({"X": "100", option("C", 105): "2"}, [held(option("C", 105), "-1")], 1700),  # 2 + 20 − 5
        ({"X": "100", option("C", 130): "1"}, [held(option("C", 130), "-1")], 1100),  # 1 + 10 % of 100
        ({"X": "100", option("P", 70): "1"}, [held(option("P", 70), "-1")], 800),  # 1 + 10 % of 70
        ({"X": "100", option("C", 105): "2", option("P", 95): "3"},
         [held(option("C", 105), "-1"), held(option("P", 95), "-1")], 2000),  # 18 of the put + 2 of the call
        ({"X": "100", option("C", 95): "8", option("C", 105): "2"},
         [held(option("C", 95), "-2"), held(option("C", 105), "2")], 2000),  # width 10, twice
        ({"X": "100", option("C", 95): "8", option("C", 105): "2"},
         [held(option("C", 95), "2"), held(option("C", 105), "-2")], 0),
        ({"X": "100", option("C", 95): "8", option("C", 105, FAR): "9"},
         [held(option("C", 95), "-1"), held(option("C", 105, FAR), "1")], 1000),
        ({"X": "100", option("C", 95, FAR): "8", option("C", 105): "9"},
         [held(option("C", 95, FAR), "-1"), held(option("C", 105), "1")], 2800),  # the long one expires before
        ({"X": "100", option("P", 90): "1", option("P", 95): "2", option("C", 105): "2", option("C", 112): "1"},
         [held(option("P", 90), "1"), held(option("P", 95), "-1"), held(option("C", 105), "-1"),
          held(option("C", 112), "1")], 700),  # the wider side
        ({"X": "100", option("C", 95): "7", option("C", 100): "4", option("C", 105): "2"},
         [held(option("C", 95), "1"), held(option("C", 100), "-2"), held(option("C", 105), "1")], 0),
        ({"X": "100", option("C", 110): "1"}, [held("X", "100"), held(option("C", 110), "-1")], 2500),
        ({"X": "100", option("C", 80): "21"}, [held("X", "100"), held(option("C", 80), "-1")], 4000),  # 20 + 20
        ({"X": "100", option("P", 120): "21"}, [held("X", "-100"), held(option("P", 120), "-1")], 5600),  # 20 + 36
        ({"X": "100", option("P", 95): "1"}, [held("X", "100"), held(option("P", 95), "1")], 1450),  # 9.50 + 5
        ({"X": "100", option("P", 80): "1"}, [held("X", "100"), held(option("P", 80), "1")], 2500),
        ({"X": "100", option("C", 105): "1"}, [held("X", "-100"), held(option("C", 105), "1")], 1550),
        ({"X": "100", option("P", 95): "1", option("C", 95): "6"},
         [held("X", "100"), held(option("P", 95), "1"), held(option("C", 95), "-1")], 1450),  # conversion: 5 + 9.50
        ({"X": "100", option("P", 95): "1", option("C", 95): "6"},
         [held("X", "-100"), held(option("P", 95), "-1"), held(option("C", 95), "1")], 950),
        ({"X": "100", option("P", 90): "1", option("C", 110): "1"},
         [held("X", "100"), held(option("P", 90), "1"), held(option("C", 110), "-1")], 1900),  # 9 + 10
        ({"X": "100", option("C", 110): "1"}, [held("X", "250"), held(option("C", 110), "-1")], 6250),
    ],
)  # fmt: skip
def test_strategies(prices: dict[str, str], positions: list[Position], kept: int) -> None:
    assert asked(prices, *positions)[1] == kept


def test_to_open_shares_ask_for_half_whatever_hedges_them() -> None:
    prices = {"X": "100", option("P", 95): "1", option("C", 110): "1"}
    assert asked(prices, held("X", "100"), held(option("P", 95), "1"))[0] == 5000
    assert asked(prices, held("X", "100"), held(option("C", 110), "-1"))[0] == 5000
    resting = Order(market="X", side="buy", quantity=D(10), price=D(99))
    found = sums(account("9000", held("X", "100"), orders=(resting,)), market(X="100"))
    assert (found.demand_initial, found.demand) == (5495, 2500)


def test_to_open_a_covered_share_asks_for_half_of_its_price_or_for_what_keeps_it() -> None:
    near, deep = option("C", 90), option("C", 20)
    prices = {"X": "92.38", near: "7", deep: "73"}
    assert asked(prices, held("X", "100"), held(near, "-1")) == (4619, 2488)  # 2.38 + 25 % of 90
    assert asked(prices, held("X", "100"), held(deep, "-1")) == (7738, 7738)  # 72.38 + 25 % of 20
    put = option("P", 120)
    assert asked({"X": "100", put: "21"}, held("X", "-100"), held(put, "-1")) == (5600, 5600)  # 20 + 30 % of 120
    low = option("P", 105)
    assert asked({"X": "100", low: "8"}, held("X", "-100"), held(low, "-1")) == (5000, 3650)


def test_before_october_2012_spreads_have_two_legs() -> None:
    condor = {"X": "100", option("P", 90): "1", option("P", 95): "2", option("C", 105): "2", option("C", 112): "1"}
    positions = [held(name, size) for name, size in zip(list(condor)[1:], ("1", "-1", "-1", "1"), strict=True)]
    # As the options were years away then, the long ones lose their loan value of 0.25 each.
    assert asked(condor, *positions, at=parse_time("2012-10-25"))[1] == 1250
    assert asked(condor, *positions, at=parse_time("2012-10-26"))[1] == 750


def test_long_options_beyond_nine_months_have_a_loan_value() -> None:
    far, near = option("C", 100, "2027-07-02"), option("C", 100, "2027-07-01")
    assert sums(account("0", held(far, "2")), market(**{"X": "100", far: "12"})).support == 600
    assert sums(account("0", held(near, "2")), market(**{"X": "100", near: "12"})).support == 0
    whole = numbers(account("0", held(near, "2")), market(**{"X": "100", near: "12"}))
    assert (whole.margin_balance, whole.account_equity) == (0, 2400)


def test_a_leveraged_fund_a_broad_index_and_a_house_margin() -> None:
    prices = market(**{"X": "100", option("C", 105): "2"})
    short = account("0", held(option("C", 105), "-1"))
    assert sums(short, prices, {"X": {"leverage": "3"}}).demand == 5700  # 2 + 60 − 5
    assert sums(short, prices, {"X": {"option_rate": "0.15"}}).demand == 1200
    assert sums(account("0", held("X", "10")), prices, {"X": {"maintenance_long": "0.4"}}).demand == 400
    with pytest.raises(BadInput, match="unknown_parameter"):
        sums(short, prices, {"X": {"margin": "1"}})
    with pytest.raises(BadInput, match="no_parameters"):
        sums(short, prices, at=parse_time("2007-04-01"))


def test_special_memorandum_account_over_events() -> None:
    rules, prices = rule_set("broker/reg-t"), market(X="40")
    parameters = rules.module.parameters("reg-t", AT)
    found: Account = account("0", details={"sma": "0"})
    stamp = Stamp()
    events: list[Any] = [
        Transfer(stamp=stamp, account="a", kind="deposit", asset="USD", amount=D(10000)),
        Fill(stamp=stamp, account="a", market="X", side="buy", quantity=D(300), price=D(40), fee=D(1)),
        Fill(stamp=stamp, account="a", market="X", side="sell", quantity=D(400), price=D(42)),
    ]
    seen = []
    for event in events:
        found, prices = rules.module.apply(found, prices, event, parameters, AT)
        seen.append((found.wallet["USD"], found.details["sma"]))
    assert seen == [(10000, "10000"), (-2001, "3999"), (14799, "8199")]
    (short,) = found.positions
    assert (short.side, short.quantity, short.entry) == ("short", 100, 42)
    risen = numbers(replace(account("-10000", held("X", "500")), details={"sma": "100"}), market(X="50"))
    assert (risen.venue["sma"], risen.venue["buying_power"]) == (2500, 5000)
    kept = numbers(replace(account("-10000", held("X", "500")), details={"sma": "100"}), market(X="38"))
    assert (kept.venue["sma"], kept.venue["buying_power"]) == (100, 200)
    # Equity 3,500 is 25 above maintenance: more than 100 bought would lead below it, whatever the SMA.
    scarce = numbers(replace(account("-10400", held("X", "500")), details={"sma": "5000"}), market(X="27.80"))
    assert (scarce.headroom, scarce.venue["buying_power"]) == (25, 100)
    free = rules.module.parameters("reg-t", AT, {"*": {"initial_long": "0", "maintenance_long": "0"}})
    (unbound,) = rules.module.quantities(account("5", held("X", "1")), market(X="9"), free, AT).values()
    assert "buying_power" not in unbound.venue


def test_a_written_option_takes_what_it_asks_for_less_its_premium() -> None:
    rules, call = rule_set("broker/reg-t"), option("C", 105).replace("_", " ")
    parameters, prices = rules.module.parameters("reg-t", AT), market(**{"X": "100", call: "2"})
    found: Account = account("10000", details={"sma": "10000"})
    trades: list[tuple[str, Any, str, int, int, str]] = [
        (call, "sell", "2", 1, 0, "8500"),  # 200 of premium, 100 · (2 + 20 − 5) asked for
        ("X", "buy", "100", 100, 1, "5199"),  # covers it: half of 10,000, less 1,700
        (call, "buy", "2", 1, 0, "4999"),  # it asked for nothing any more
        ("X", "sell", "100", 100, 0, "9999"),
    ]
    for name, side, price, size, fee, after in trades:
        event = Fill(stamp=Stamp(), account="a", market=name, side=side, quantity=D(size), price=D(price), fee=D(fee))
        found, prices = rules.module.apply(found, prices, event, parameters, AT)
        assert found.details["sma"] == after
    written = Fill(stamp=Stamp(), account="a", market=call, side="sell", quantity=D(1), price=D(2))
    unknown, _ = rules.module.apply(found, Market(), written, parameters, AT)
    assert (unknown.wallet["USD"], dict(unknown.details)) == (10199, {}), "without the share's price no SMA is stated"


def test_orders_and_events_that_a_broker_does_not_know() -> None:
    rules = rule_set("broker/reg-t")
    parameters, found = rules.module.parameters("reg-t", AT), account("5")
    placed = OrderChange(stamp=Stamp(), account="a", order_id="1", market="X", side="buy", quantity=D(1), price=D(9))
    after, _ = rules.module.apply(found, Market(), placed, parameters, AT)
    assert [order.id for order in after.orders] == ["1"]
    gone, _ = rules.module.apply(after, Market(), replace(placed, quantity=D(0)), parameters, AT)
    assert gone.orders == ()
    refused: list[Any] = [
        Setting(stamp=Stamp(), account="a", kind="leverage", market="X", value="3"),
        Transfer(stamp=Stamp(), account="a", kind="deposit", asset="EUR", amount=D(1)),
        Fill(
            stamp=Stamp(),
            account="a",
            market=option("C", 5).replace("_", " "),
            side="buy",
            quantity=D("0.5"),
            price=D(1),
        ),
        Fill(stamp=Stamp(), account="a", market="X", side="buy", quantity=D(1), price=D(1), mode="isolated"),
    ]
    for event in refused:
        with pytest.raises(BadInput):
            rules.module.apply(found, Market(), event, parameters, AT)


def test_minimum_equity_and_pattern_day_traders_by_date() -> None:
    before, after = parse_time("2026-06-03"), parse_time("2026-06-04")
    details = {"day_trader": "yes", "equity_at_close": "40000", "maintenance_at_close": "10000"}
    trader = account("-10000", held("X", "500"), details=details)
    assert numbers(trader, market(X="60"), before).venue["day_trading_buying_power"] == 120000
    assert numbers(trader, market(X="60"), before).venue["minimum_equity_shortfall"] == 5000
    assert "day_trading_buying_power" not in numbers(trader, market(X="60"), after).venue
    assert numbers(trader, market(X="60"), after).venue["minimum_equity_shortfall"] == 0
    slow = replace(trader, details={**details, "day_trader": "phase-in"})
    assert numbers(slow, market(X="60"), after).venue["day_trading_buying_power"] == 120000
    poor = replace(trader, details={**details, "equity_at_close": "24999.99"})
    assert numbers(poor, market(X="60"), before).venue["day_trading_buying_power"] == 0
    # Of 3,000 with a debit balance, 1,000 may leave at most; without one, cash may.
    assert numbers(account("-1000", held("X", "100")), market(X="40")).withdrawable == 1000
    assert numbers(account("500", held("X", "10")), market(X="40")).withdrawable == 500
    gone = replace(held("Y", "-1"), quantity=D(0))
    assert numbers(account("500", held("X", "10"), gone), market(X="40")).withdrawable == 500


def test_names_tell_what_they_are_of() -> None:
    spelled, cleared = instrument_of("AAPL 2026-12-18 150 C", {}), instrument_of("AAPL  261218C00150000", {})
    assert spelled == cleared
    told = instrument_of("odd", {"underlying": "AAPL", "expiry": NEAR, "strike": "150", "right": "C"})
    assert told == spelled
    for details in ({"strike": "5"}, {"strike": "5", "right": "X", "expiry": NEAR, "underlying": "Y"}):
        with pytest.raises(BadInput):
            instrument_of("odd", details)
    with pytest.raises(BadInput, match="bad_detail"):
        instrument_of("AAPL 2026-12-18 150 C", {"style": "bermudan"})
    with pytest.raises(BadInput, match="bad_detail"):
        instrument_of("AAPL 2026-13-18 150 C", {})


def test_portfolio_margin_of_shares_and_given_values() -> None:
    rules = "broker/portfolio"
    assert sums(account("0", held("X", "100"), rules=rules), market(X="100")).demand == 1500
    assert sums(account("0", held("SPX", "-1"), rules=rules), market(SPX="6000")).demand == 360
    assert sums(account("0", held("SPX", "1"), rules=rules), market(SPX="6000")).demand == 480
    put = option("P", 100)
    values = "15.5 12.6 9.8 7.2 4.9 2.1 1.2 0.6 0.3 0.1"
    hedged = account("0", held("X", "100"), held(put, "1", values=values), rules=rules)
    found = sums(hedged, market(**{"X": "100", put: "3.4"}))
    assert found.support == 10340
    assert found.demand == 290  # −15 %: shares −1,500, put +1,210
    dear = sums(hedged, market(**{"X": "100", put: "0.3"}), {"X": {"least_per_unit": "4"}})
    assert dear.demand == 400


def test_portfolio_margin_by_black_and_scholes_is_against_the_holder() -> None:
    put, prices = option("P", 100), {"X": "100", option("P", 100): "4.1"}
    details = {"implied_volatility": "0.25", "rate": "0.04"}
    sold = sums(account("0", held(put, "-1", **details), rules="broker/portfolio"), market(**prices))
    bought = sums(account("0", held(put, "1", **details), rules="broker/portfolio"), market(**prices))
    # At −15 % the put is worth 15 by exercise, 14.59… where that must wait; at +15 % 0.34… (bought: 4.10 − 0.34).
    assert (sold.demand, bought.demand % 1) == (1090, 0)
    assert 350 < bought.demand < 410
    european = account("0", held(put, "-1", style="european", **details), rules="broker/portfolio")
    assert sums(european, market(**prices)).demand == 1050
    with pytest.raises(BadInput, match="missing_detail"):
        sums(account("0", held(put, "1"), rules="broker/portfolio"), market(**prices))
    with pytest.raises(BadInput, match="bad_detail"):
        sums(account("0", held(put, "1", values="1 2 3"), rules="broker/portfolio"), market(**prices))
    with pytest.raises(BadInput, match="implied_volatility"):
        sums(account("0", held(put, "1", implied_volatility="-0.1"), rules="broker/portfolio"), market(**prices))
    rules = rule_set("broker/portfolio")
    parameters = rules.module.parameters("portfolio", AT)
    later = parse_time("2026-12-17T21:00:00Z")
    near = rules.module.risk(european, market(**prices), parameters, later)[POOL]
    assert near.demand == 1089, "options are valued at the time asked for"


@pytest.mark.parametrize(
    "bad",
    [
        {"wallet": {"EUR": D(1)}},
        {"position_mode": "hedge"},
        {"mode": "isolated"},
        {"positions": (held("X", "1"), held("X", "2"))},
    ],
)
def test_accounts_that_no_broker_has(bad: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        sums(replace(account("1", held("X", "1")), **bad), market(X="10"))


@pytest.mark.parametrize("rules", ["broker/reg-t", "broker/finra-4210", "broker/portfolio"])
def test_a_debit_that_nothing_backs_is_asked_for(rules: str) -> None:
    found = rule_set(rules)
    parameters = found.module.parameters(found.version, AT)
    for cash, called in (("-0.01", True), ("0", False), ("5", False)):
        bare = account(cash, rules=rules)
        assert found.module.is_liquidatable(bare, POOL, Market(), parameters, AT) is called
        shown = found.module.quantities(bare, Market(), parameters, AT)[POOL]
        assert (shown.margin_balance, shown.headroom, shown.free_margin) == (D(cash), D(cash), D(cash))
        (pool,) = found.module.lower(bare, Market(), parameters).pools
        assert (pool.constants.support < pool.constants.demand) is called
    call = option("C", 105)
    if rules != "broker/portfolio":
        long = account("-1", held(call, "1"), rules=rules)
        assert found.module.is_liquidatable(long, POOL, market(**{"X": "100", call: "3"}), parameters, AT)
        assert numbers(long, market(**{"X": "100", call: "3"})).maintenance_margin == 0


@pytest.mark.parametrize(
    ("legs", "quoted"),
    [
        ({"C300": -1, "C310": 1}, 1000),  # bear call spread
        ({"C300": 1, "C310": -1}, 0),
        ({"P300": 1, "P310": -1}, 1000),  # bull put spread
        ({"P300": -1, "P310": 1}, 0),
        ({"C300": 1, "C310": -2, "C320": 1}, 0),  # butterflies
        ({"C300": -1, "C310": 2, "C320": -1}, 1000),
        ({"P300": 1, "P310": -2, "P320": 1}, 0),
        ({"P300": -1, "P310": 2, "P320": -1}, 1000),
        ({"P300": 1, "P310": -1, "C320": -1, "C330": 1}, 1000),  # iron condor
        ({"P300": -1, "P310": 1, "C320": 1, "C330": -1}, 0),
        ({"C300": 1, "P300": 1}, 0),  # long straddle
    ],
)
def test_requirements_that_a_broker_quoted(legs: dict[str, int], quoted: int) -> None:
    """Interactive Brokers' figures in the tests of QuantConnect Lean (Apache-2.0): calls and puts ten apart, far below
    the share."""
    names = {leg: option(leg[0], leg[1:]) for leg in legs}
    values = {"C": {"300": 112, "310": 102, "320": 92, "330": 82}, "P": {"300": "0.02", "310": "0.03", "320": "0.04"}}
    prices = {names[leg]: str(values[leg[0]][leg[1:]]) for leg in legs}
    positions = [held(names[leg], str(size)) for leg, size in legs.items()]
    assert asked({"X": "412", **prices}, *positions) == (quoted, quoted)
