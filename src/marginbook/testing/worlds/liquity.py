"""Random troves of Liquity: alone, pending redistributions, or in a system in normal or recovery mode."""

from decimal import Decimal
from random import Random

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Market, Quote, StateKey
from marginbook.exact import from_raw
from marginbook.testing.vectors import Setting
from marginbook.venues.registry import rule_set

AT = 1_717_243_200_000_000  # 2024-06-01T12:00:00Z
WAD = 10**18
DEVIATIONS = {
    "liquity/1": {
        "a_planned_call_is_what_happens": "pending rewards are liquidated too, and a surplus is kept to be claimed",
        "shown_sums_follow": "recovery mode asks for more at once, a step at one price; legs show normal mode",
    },
}


def world(rules: str, random: Random) -> Setting:
    """A trove of `liquity/1`."""
    parameters = rule_set(rules).module.parameters("1", AT)
    price = Decimal(random.randrange(800 * 10**6, 4_000 * 10**6)) / 10**6
    debt = int(10 ** random.uniform(3.31, 6) * WAD)
    share = random.choice((random.uniform(0.9, 3), 1.1 * (1 + random.gauss(0, 1e-3)), 1.1 * (1 + 1e-10)))
    collateral = int(debt * share / float(price))
    state: dict[StateKey, int | Decimal] = {}
    details = {}
    if random.random() < 0.7:
        total = random.choice((random.uniform(0.9, 3), 1.5 * (1 + random.gauss(0, 1e-2))))
        total_debt = debt + int(10 ** random.uniform(3.3, 8) * WAD)
        values = {
            "total_debt_raw": total_debt,
            "total_collateral_raw": max(int(total_debt * total / float(price)), collateral),
            "stability_pool_raw": random.choice((0, debt // 2, debt, debt * 3)),
        }
        if random.random() < 0.3:
            values |= {"trove_count": random.choice((1, 2, 900))}
        if random.random() < 0.3:
            values |= {"base_rate_raw": random.randrange(WAD // 10), "last_fee_time": AT // 10**6 - 7_200}
        state |= {("liquity", "system", name): value for name, value in values.items()}
    if random.random() < 0.4:
        rewards = random.randrange(WAD // 1_000), random.randrange(WAD)
        first = random.randrange(WAD), random.randrange(WAD)
        details = {"stake_raw": str(collateral), "l_eth_raw": str(first[0]), "l_lusd_raw": str(first[1])}
        for name, one, more in zip(("l_eth_raw", "l_lusd_raw"), first, rewards, strict=True):
            state["liquity", "system", name] = one + more
    holding = Collateral(asset="ETH", amount=from_raw(collateral, 18))
    owed = Debt(asset="LUSD", amount=from_raw(debt, 18), pool=random.choice((None, "main")))
    if random.random() < 0.2:
        owed = Debt(asset="LUSD", scaled_raw=debt)
    account = Account(
        id="random",
        rules=rules,
        collateral=() if random.random() < 0.03 else (holding,),
        debt=() if random.random() < 0.05 and not details else (owed,),
        details=details,
    )
    if not account.collateral:
        account = Account(id="random", rules=rules, debt=(owed,))
    market = Market(quotes={("liquity", "ETH", "oracle"): Quote(price)}, state=state, as_of=AT)
    return Setting(account, market, parameters, AT)


def step(setting: Setting, name: str) -> Decimal:
    """Last decimal of the price feed."""
    return Decimal(1).scaleb(-18)
