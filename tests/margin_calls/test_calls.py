"""The life of a call, told step by step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.zones import Zone
from marginbook.margin_calls.calls import (
    CallPolicy,
    Grace,
    acknowledge,
    deadline_of,
    expire,
    follow,
    issuer_of,
)
from marginbook.units import parse_time

OURS = CallPolicy()
BROKER = CallPolicy(
    venue_calls=True,
    grace=Grace(kind="business_days", amount=3, close=16 * 60, utc_offset=-300, holidays=frozenset({"2026-11-26"})),
)
MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE


def walk(zones, policy=OURS, cause="price", step=1):
    call, told = None, []
    for number, zone in enumerate(zones, 1):
        call, changes = follow(
            call, account="a", pool="main", zone=zone, at=number * step, sequence=number, cause=cause, policy=policy
        )
        told += changes
    return call, told


def test_a_call_rises_eases_and_is_cured():
    zones = [Zone.SAFE, Zone.WARNING, Zone.WARNING, Zone.CALL, Zone.WARNING, Zone.LIQUIDATION, Zone.SAFE]
    call, told = walk(zones)
    assert call is None
    assert [(change.sequence, change.action, change.issuer, change.to_zone) for change in told] == [
        (2, "opened", "ours", "warning"),
        (4, "escalated", "ours", "call"),
        (5, "eased", "ours", "warning"),
        (6, "escalated", "venue", "liquidation"),
        (7, "cured", "venue", "safe"),
    ]
    assert len({change.call for change in told}) == 1


@pytest.mark.parametrize("cause", ["liquidation", "adl", "account closed"])
def test_what_ends_a_call_without_a_cure(cause):
    call, _ = walk([Zone.LIQUIDATION])
    _, told = follow(call, account="a", pool="main", zone=Zone.SAFE, at=9, sequence=9, cause=cause, policy=OURS)
    assert [change.action for change in told] == ["closed"]


def test_the_first_acknowledgement_is_kept():
    call, _ = walk([Zone.CALL])
    call, told = acknowledge(call, "ada", at=5, sequence=2, policy=OURS)
    assert (told[0].action, told[0].by) == ("acknowledged", "ada")
    again, nothing = acknowledge(call, "bob", at=6, sequence=3, policy=OURS)
    assert (again, nothing) == (call, ())


def test_within_its_grace_a_shortfall_is_the_venues_call():
    friday = parse_time("2026-11-20T20:00:00Z")
    call, told = follow(
        None, account="a", pool="main", zone=Zone.LIQUIDATION, at=friday, sequence=1, cause="price", policy=BROKER
    )
    assert (call.zone, call.found, told[0].issuer, told[0].to_zone) == (Zone.CALL, Zone.LIQUIDATION, "venue", "call")
    assert call.deadline == parse_time("2026-11-25T21:00:00Z")
    same, nothing = expire(call, at=call.deadline - 1, sequence=2, policy=BROKER)
    assert (same, nothing) == (call, ())
    late, told = expire(call, at=call.deadline, sequence=2, policy=BROKER)
    assert (late.zone, told[0].action, told[0].to_zone) == (Zone.LIQUIDATION, "expired", "liquidation")
    cured, told = follow(
        call, account="a", pool="main", zone=Zone.SAFE, at=friday + 1, sequence=2, cause="deposit", policy=BROKER
    )
    assert cured is None
    assert (told[0].action, told[0].cause) == ("cured", "deposit")


def test_a_deadline_stays_while_the_call_does():
    call, _ = walk([Zone.CALL, Zone.LIQUIDATION, Zone.CALL], BROKER, step=DAY)
    assert call.deadline == deadline_of(BROKER.grace, DAY)


def test_easing_takes_the_deadline_away():
    call, _ = walk([Zone.CALL, Zone.WARNING], BROKER)
    assert call.deadline is None


def test_business_days_skip_weekends_and_holidays():
    tuesday = parse_time("2026-11-24T15:00:00Z")
    assert deadline_of(BROKER.grace, tuesday) == parse_time("2026-11-30T21:00:00Z")
    assert deadline_of(Grace(kind="minutes", amount=15), 7) == 7 + 15 * MINUTE
    assert deadline_of(Grace(), 7) is None


def test_whose_word_a_zone_is():
    assert [issuer_of(zone, OURS) for zone in (Zone.WARNING, Zone.CALL, Zone.LIQUIDATION)] == ["ours", "ours", "venue"]
    assert issuer_of(Zone.CALL, BROKER) == "venue"


@given(st.lists(st.sampled_from([Zone.SAFE, Zone.WARNING, Zone.CALL, Zone.LIQUIDATION, Zone.BANKRUPT]), max_size=30))
def test_what_is_told_chains_from_zone_to_zone_and_ends_where_the_pool_is(zones):
    call, told = walk(zones)
    position = "safe"
    for change in told:
        assert change.from_zone == position != change.to_zone
        position = change.to_zone
    assert position == (zones[-1].label if zones else "safe")
    assert (call is None) == (position == "safe")
    assert all(change.issuer == "ours" for change in told if {change.from_zone, change.to_zone} <= {"safe", "warning"})
