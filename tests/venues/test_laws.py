"""Every rule set keeps every law, or declares why not and really breaks it."""

import pytest

from marginbook.testing import laws
from marginbook.testing.laws import LAWS, deviations, violations
from marginbook.venues.registry import all_rule_sets

RULES = [rules.name for rules in all_rule_sets()]
COUNT = 40
FEW = 10
"""For brokers' liquidation prices: each looks for the least requirement of all pairings at every price it tries."""


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("rules", RULES)
def test_law(rules: str, law: str) -> None:
    count = FEW if law == "liquidation_price_is_the_edge" and rules.startswith("broker/") else COUNT
    found = violations(rules, law, count)
    reason = deviations(rules).get(law)
    if reason is None:
        assert not found, f"{len(found)} of {count} accounts: {found[0]}"
    else:
        assert found, f"{rules} declares a deviation from {law} ({reason}) that {count} accounts do not show"


@pytest.mark.parametrize("rules", ["drift/2", "dydx/4", "perp/2"])
def test_shown_sums_that_do_not_follow_are_right_where_they_were_lowered(
    rules: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laws, "SHOWN_MOVES", laws.SHOWN_MOVES[:1])
    assert not violations(rules, "shown_sums_follow", COUNT)


def test_declared_deviations_name_laws_and_give_reasons() -> None:
    for rules in RULES:
        for law, reason in deviations(rules).items():
            assert law in LAWS
            assert len(reason) > 20
