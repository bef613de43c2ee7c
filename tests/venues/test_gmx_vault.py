"""GMX v1: states of the vault's check at their borders, payouts, averaging, funding."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, IndexUpdate, Stamp, Transfer
from marginbook.domain.market import Index, Market, Quote
from marginbook.testing.laws import kernel_sums, settings
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.common.views import in_units
from marginbook.venues.gmx.vault import held_named, parameters, validate
from marginbook.venues.gmx.vault_books import TOTALS
from marginbook.venues.gmx.vault_steps import apply
from marginbook.venues.gmx.vault_views import lower
from marginbook.venues.registry import rule_set

AT = parse_time("2023-01-01")
STAMP = Stamp(time=AT)
FEES = {"BTC/USD": {"liquidation_fee_usd": "5"}}


def setting_of(
    *, side: Any = "short", collateral: str = "99", size: int = 1000, price: str = "40000", overlay: Any = None
) -> Setting:
    """1,000 dollars of BTC from 40,000 with 99 of collateral, as the vault's own test of a stop-loss has it."""
    held = Position(
        market="BTC/USD",
        side=side,
        quantity=D(size) / 40000,
        entry=D(40000),
        mode="isolated",
        isolated_wallet=D(collateral),
    )
    quotes = {("gmx", "BTC/USD", kind): Quote(D(price)) for kind in ("min", "max")}
    account = Account(id="a", rules="gmx/1", mode="isolated", position_mode="hedge", positions=(held,))
    return Setting(account, Market(quotes=quotes), parameters("1", AT, overlay or FEES), AT)


def pool_of(setting: Setting) -> str:
    return f"isolated:BTC/USD:{setting.account.positions[0].side}"


def state_of(setting: Setting) -> int:
    held = held_named(setting.account, pool_of(setting), setting.parameters)
    return validate(held, setting.market, setting.at).state


@pytest.mark.parametrize(
    ("price", "state"), [("39000", 0), ("41000", 0), ("43119.999", 0), ("43160.001", 2), ("43600", 2), ("45000", 1)]
)
def test_states_of_a_short_as_the_price_rises(price: str, state: int) -> None:
    """1x in 50 must remain: 20 of 99, so a loss of 79 at 43,160."""
    assert state_of(setting_of(price=price)) == state


def test_payout_of_a_stop_loss_and_of_a_liquidation() -> None:
    """At 43,600 a loss of 90 and a fee of 1 leave 8 to the trader; at 45,000 nothing, and 5 to the keeper."""
    flows = {
        f.party: f.amount for f in setting_of(price="43600").call("plan_liquidation", "isolated:BTC/USD:short").flows
    }
    assert (flows["account"], flows["pool"], flows["protocol"]) == (-91, 90, 1)
    plan = setting_of(price="45000").call("plan_liquidation", "isolated:BTC/USD:short")
    flows = {flow.party: flow.amount for flow in plan.flows}
    assert (flows["account"], flows["liquidator"], flows["protocol"], flows["pool"]) == (-99, 5, 1, 93)
    assert plan.bad_debt == 26


def test_the_border_is_where_the_vault_puts_it() -> None:
    setting = setting_of()
    (price,) = setting.call("liquidation_prices")
    assert (price.price, price.when) == (D("43160.00000001"), "at_or_above")
    long = setting_of(side="long", collateral="9.91", size=90, price="39000")
    (price,) = long.call("liquidation_prices")
    # 9.91 − 0.09 − 5 = 4.82 may be lost of 90
    assert (price.price, price.when) == (D("37857.77777777"), "at_or_below")


def test_a_small_early_profit_does_not_count() -> None:
    overlay = {"BTC/USD": {"liquidation_fee_usd": "5", "min_profit": "0.015"}}
    setting = setting_of(collateral="15", price="39700", overlay=overlay)
    fresh = replace(setting.account.positions[0], details={"last_increased_time": str(AT // 10**6 - 10)})
    early = replace(setting, account=replace(setting.account, positions=(fresh,)))
    # 1.5 % of 1,000 is 15: 7.5 of profit count only later
    assert (state_of(setting), state_of(early)) == (0, 2)
    assert lower(early.account, early.market, early.parameters).pools[0].opaque
    late = replace(early, at=AT + 2 * 86_400_000_000)
    assert state_of(late) == 0


def test_funding_is_cut_and_belongs_to_the_collateral_token() -> None:
    setting = setting_of()
    market = replace(setting.market, indices={("gmx", "USDC", "funding"): Index(1234 * 10**12)})
    position = replace(setting.account.positions[0], funding_index_raw=34 * 10**12)
    funded = replace(setting, market=market, account=replace(setting.account, positions=(position,)))
    held = held_named(funded.account, pool_of(funded), funded.parameters)
    assert validate(held, market, AT).fees == (1 + D("1.2")) * 10**30
    event = IndexUpdate(stamp=STAMP, venue="gmx", asset="USDC", kind="funding", value=D("0.002"))
    _, moved = apply(funded.account, market, event, funded.parameters, AT)
    assert moved.indices["gmx", "USDC", "funding"].value_raw == 2 * 10**15


def applied(setting: Setting, event: Any) -> Account:
    return apply(setting.account, setting.market, event, setting.parameters, setting.at)[0]


def fill(side: Any, quantity: str, price: str, **more: Any) -> Fill:
    return Fill(stamp=STAMP, account="a", market="BTC/USD", side=side, quantity=D(quantity), price=D(price), **more)


def test_fills_average_as_the_vault_does() -> None:
    setting = setting_of()
    empty = replace(setting, account=Account(id="a", rules="gmx/1", mode="isolated", wallet={"USD": D(1000)}))
    opened = applied(empty, fill("sell", "0.025", "40000", leverage=D(10), fee=D(1)))
    assert (opened.wallet["USD"], opened.positions[0].isolated_wallet) == (900, 99)
    # 1,000 more at 41,000: a loss of 25, average 41,000 · 2,000 / 2,025
    dearer = setting_of(price="41000")
    grown = applied(replace(dearer, account=opened), fill("sell", "0.024390243902439025", "41000"))
    assert grown.positions[0].entry.quantize(D("1e-6")) == D("40493.827160")
    half = applied(replace(setting, account=opened), fill("buy", "0.0125", "38000", fee=D("0.5")))
    assert (half.wallet["USD"], half.positions[0].isolated_wallet) == (D("924.5"), 99)
    closed = applied(replace(setting, account=opened), fill("buy", "0.025", "41000", fee=D(1)))
    assert (closed.positions, closed.wallet["USD"]) == ((), 973)
    for code, event in (
        ("missing_leverage", fill("sell", "1", "40000")),
        ("size must be more than collateral", fill("sell", "0.001", "40000", leverage=D("0.5"))),
        ("max leverage exceeded", fill("sell", "0.1", "40000", leverage=D(51))),
        ("closes_too_much", fill("buy", "1", "40000", position_side="short")),
    ):
        with pytest.raises(BadInput, match=code):
            applied(empty, event)


def test_what_is_left_must_stand_and_a_loss_beyond_the_collateral_is_the_liquidator_s() -> None:
    """Verified against the vault: a part that leaves too little, and a close that cannot pay its loss, are refused."""
    weak = setting_of(price="43500")
    for event, reason in (
        (fill("buy", "0.0125", "43600"), "max leverage exceeded"),
        (fill("buy", "0.025", "44000"), "subtraction overflow"),
    ):
        with pytest.raises(BadInput, match=reason):
            applied(weak, event)
    assert applied(weak, fill("buy", "0.025", "43500", fee=D(1))).wallet["USD"] == D("10.5")
    gone = applied(setting_of(price="45000"), fill("buy", "0.025", "45000", kind="liquidation"))
    assert (gone.positions, gone.wallet) == ((), {})
    better = applied(setting_of(price="45000"), fill("buy", "0.025", "43000", kind="liquidation"))
    assert (better.positions, better.wallet["USD"]) == ((), 23)
    with pytest.raises(BadInput, match="cannot be liquidated"):
        applied(setting_of(), fill("buy", "0.025", "40000", kind="liquidation"))


def test_an_average_takes_the_profit_at_the_price_that_would_close() -> None:
    """A short of 1,000 from 40,000, 1,000 more at a min of 40,900 with a max of 41,000: the loss so far is 25."""
    setting = setting_of(price="41000")
    quotes = {**setting.market.quotes, ("gmx", "BTC/USD", "min"): Quote(D(40900))}
    spread = replace(setting, market=replace(setting.market, quotes=quotes))
    grown = applied(spread, fill("sell", "0.02444987775061124694376528117359413203", "40900"))
    assert grown.positions[0].entry.quantize(D("1e-6")) == D("40395.061728")


def whole(setting: Setting, *, at: int, collateral: str = "99") -> Setting:
    """The same in a vault that is known whole: 1,000,000 USDC, half of it reserved, 0.1 % an hour at full use."""
    totals = (10**12, 5 * 10**11, 0, 0, 2 * 10**12)
    market = replace(
        setting.market,
        state={("gmx", "USDC", name): value for name, value in zip(TOTALS, totals, strict=True)},
        indices={("gmx", "USDC", "funding"): Index(0, time=AT // 10**6)},
    )
    held = replace(setting.account.positions[0], details={"reserve_raw": str(10**9)}, isolated_wallet=D(collateral))
    terms = parameters("1", AT, {**FEES, "USDC": {"funding_factor": "1000"}})
    return Setting(replace(setting.account, positions=(held,)), market, terms, at)


def test_a_vault_that_is_known_whole_moves_with_its_calls_and_its_clock() -> None:
    """Two whole hours of 0.1 % at half use are 1 dollar of 1,000; a moment less is half of it."""
    hour = 3_600 * 10**6
    for at, funding in ((AT + 2 * hour, 1), (AT + 2 * hour - 1, D("0.5"))):
        setting = whole(setting_of(), at=at)
        held = held_named(setting.account, pool_of(setting), setting.parameters)
        assert validate(held, setting.market, setting.at).fees == (1 + funding) * 10**30
        assert lower(setting.account, setting.market, setting.parameters).pools[0].timed
        account, market = apply(
            setting.account, setting.market, fill("buy", "0.025", "40000", fee=D(1)), setting.parameters, at
        )
        assert account.wallet["USD"] == 98 - funding
        changes = [market.state["gmx", "USDC", name] - setting.market.state["gmx", "USDC", name] for name in TOTALS]
        assert changes == [0, -(10**9), (1 + funding) * 10**6, 0, -(98 - funding) * 10**6]
    late = whole(setting_of(), at=AT + hour)
    index = Index(0, time=AT // 10**6 + 1_800)  # a report of half past counts from the hour
    late = replace(late, market=replace(late.market, indices={("gmx", "USDC", "funding"): index}))
    held = held_named(late.account, pool_of(late), late.parameters)
    assert validate(held, late.market, late.at).fees == D("1.5") * 10**30
    (found,) = whole(setting_of(), at=AT + 2 * hour, collateral="23").call("quantities").values()
    assert found.withdrawable == 3  # 20 must remain, and the dollar of funding is paid out of what is taken
    poor = whole(setting_of(price="30000"), at=AT)
    state = {**poor.market.state, ("gmx", "USDC", "pool_raw"): 499 * 10**9 + 249 * 10**6}
    refused = replace(poor, market=replace(poor.market, state=state))
    with pytest.raises(BadInput, match="reserve exceeds pool"):
        applied(refused, fill("buy", "0.025", "30000"))


def test_collateral_moves_in_dollars() -> None:
    setting = setting_of()

    def transfer(kind: Any, amount: str, asset: str = "USD") -> Transfer:
        pool = pool_of(setting)
        return Transfer(stamp=STAMP, account="a", kind=kind, asset=asset, amount=D(amount), pool=pool)

    assert applied(setting, transfer("deposit", "1")).positions[0].isolated_wallet == 100
    assert applied(setting, transfer("withdrawal", "-79")).positions[0].isolated_wallet == 20
    with pytest.raises(BadInput, match="max leverage exceeded"):
        applied(setting, transfer("withdrawal", "-79.01"))
    with pytest.raises(BadInput, match="wrong_asset"):
        applied(setting, transfer("deposit", "1", "USDC"))


def test_longs_hold_their_index_token() -> None:
    setting = setting_of(side="long")
    wrong = replace(setting.account.positions[0], details={"collateral": "USDC"})
    with pytest.raises(BadInput, match="unknown_collateral"):
        replace(setting, account=replace(setting.account, positions=(wrong,))).call("risk")
    with pytest.raises(BadInput, match="no_parameters"):
        parameters("1", parse_time("2020-01-01"))
    with pytest.raises(BadInput, match="bad_parameter"):
        parameters("1", AT, {"*": {"max_leverage": "0"}})


def test_the_kernel_follows_funding_that_overtakes_the_least_for_leverage() -> None:
    """Both demands bend where fees with funding exceed size / max leverage, with the legs lowered before."""
    overtaken = 0
    for setting in settings("gmx/1", 60, 5):
        lowered = rule_set("gmx/1").module.lower(setting.account, setting.market, setting.parameters).pools
        for growth in (0, 10_000, 40_000):
            indices = {
                key: replace(index, value_raw=index.value_raw + growth) for key, index in setting.market.indices.items()
            }
            now = replace(setting, market=replace(setting.market, indices=indices))
            for legs in (legs for legs in lowered if not legs.opaque):
                exact, ours = in_units(now.call("risk")[legs.pool], 30), kernel_sums(legs, now)[0]
                overtaken += ours.demand > legs.constants.demand
                assert ours.demand == pytest.approx(float(exact.demand), rel=1e-9)
                free = float(exact.support_initial - exact.demand_initial)
                assert ours.support_initial - ours.demand_initial == pytest.approx(free, rel=1e-9, abs=1e-5)
    assert overtaken > 20
