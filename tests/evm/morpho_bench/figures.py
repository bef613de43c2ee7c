"""The model's side of every comparison, with or without a chain."""

from dataclasses import dataclass, replace

from marginbook.venues.morpho import market as steps
from marginbook.venues.morpho.market import FEE_RECIPIENT, Isolated, Revert, Totals

YEAR = 31_536_000
USERS = ("whale", "ann", "bob", "cid", "dot")
SHOWN = (*USERS, FEE_RECIPIENT)
LLTVS = (385, 625, 770, 860, 915, 945, 965, 980)


@dataclass(frozen=True)
class Action:
    """One call, or a move of time or price. Exactly one of `assets` and `shares`, unless the call is to be refused."""

    kind: str
    user: str = ""
    assets: int = 0
    shares: int = 0


def rate_of(totals: Totals, elapsed: int) -> int:
    """The package's own mock: utilization per year, by the second."""
    if not totals.supply_assets:
        return 0
    return totals.borrow_assets * 10**18 // totals.supply_assets // YEAR


def scene(seed: int) -> Isolated:
    """The empty market of a seed: every LLTV once in eight seeds, fees of 0, 10 and 25 %."""
    return Isolated(
        lltv=LLTVS[(seed - 1) % len(LLTVS)] * 10**15,
        totals=Totals(),
        price=3_000 * 10**24 if seed % 2 else 12 * 10**35,
        updated=1_700_000_000,
        time=1_700_000_000,
        rate_of=rate_of,
        fee=(0, 10**17, 25 * 10**16)[seed % 3],
    )


def step(m: Isolated, action: Action) -> tuple[Isolated, list[int] | None, str | None]:
    """(market, what the call returned, why it was refused)."""
    kind, user, assets, shares = action.kind, action.user, action.assets, action.shares
    try:
        match kind:
            case "time":
                return replace(m, time=m.time + assets), None, None
            case "price":
                return replace(m, price=assets), None, None
            case "accrue":
                return steps.accrued(m), None, None
            case "supply_collateral":
                return steps.supply_collateral(m, user, assets), None, None
            case "withdraw_collateral":
                return steps.withdraw_collateral(m, user, assets), None, None
            case "liquidate":
                m, call = steps.liquidate(m, user, seized=assets, shares=shares)
                return m, [call.seized, call.repaid], None
        m, assets, shares = getattr(steps, kind)(m, user, assets=assets, shares=shares)
        return m, [assets, shares], None
    except Revert as revert:
        return m, None, revert.reason


def numbers(m: Isolated) -> list[int]:
    """Totals, time of the last interest, and every user's three balances."""
    t = m.totals
    found = [t.supply_assets, t.supply_shares, t.borrow_assets, t.borrow_shares, m.updated]
    for user in SHOWN:
        p = m.position(user)
        found += [p.supply_shares, p.borrow_shares, p.collateral]
    return found
