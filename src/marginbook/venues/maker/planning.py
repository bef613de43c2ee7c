"""What a keeper may do to a vault now: one bark, and the auction that it starts; and one purchase from an auction."""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import WAD, from_raw, in_exact_context, round_floor
from marginbook.units import seconds
from marginbook.venues.maker.auction import Bark, Sale, bark, kick
from marginbook.venues.maker.holdings import DEBT, VENUE, WAD_DECIMALS, Vault, prices_of, vault_of
from marginbook.venues.maker.parameters import RAD_DECIMALS, SYSTEM, Parameters
from marginbook.venues.maker.vat import Revert

DIRT = "dirt_raw"
"""State of `system` and of each vault type: what running auctions are to raise [rad]; without it, nothing."""


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """The vault, or what the limits leave room for, goes to an auction; the keeper is paid for starting it.

    `close_most` = `close_least` is the debt that leaves the vault, down at 18 decimals as events state it (no unit of
    normalized debt is worth less, so that it stands for the same). In the flows the account is relieved of it and the
    protocol bears it. `seized` is the lot, `fee` the penalty that the auction is to raise on top, `price` the auction's
    starting price. Who gets the lot in the end is decided by `auction.take`.
    """
    v = vault_of(account, pool, market, parameters, at)
    try:
        found, sale, coin = liquidation(v, market, parameters, at)
    except Revert as revert:
        return Plan(pool=pool, market=DEBT, reason=revert.reason)
    due, lot = round_floor(from_raw(found.due, RAD_DECIMALS), WAD_DECIMALS), from_raw(found.dink, WAD_DECIMALS)
    paid = from_raw(coin, RAD_DECIMALS)
    flows = [Flow("account", v.ilk.collateral, -lot), Flow("pool", v.ilk.collateral, lot)]
    flows += [Flow("account", DEBT, due), Flow("protocol", DEBT, -due)]
    if coin:
        flows += [Flow("protocol", DEBT, -paid), Flow("liquidator", DEBT, paid)]
    return Plan(
        pool=pool,
        market=DEBT,
        collateral=v.ilk.collateral,
        close_least=due,
        close_most=due,
        price=from_raw(sale.top, 27),
        seized=lot,
        fee=from_raw(found.tab - found.due, RAD_DECIMALS),
        bonus=from_raw(v.ilk.chop - WAD, WAD_DECIMALS),
        bad_debt=Decimal(0),
        flows=tuple(flows),
    )


def liquidation(v: Vault, market: Market, parameters: Parameters, at: int) -> tuple[Bark, Sale, int]:
    """(what a bark takes, the auction that it starts, what the keeper is paid [rad]); or `Revert`."""
    price, spot = prices_of(v, market, parameters)
    if v.urn.art and not v.urn.ink:
        raise Revert("Dog/null-auction")
    found = bark(v.urn, v.ilk, v.rate, spot, parameters.hole, _dirt(market, SYSTEM), _dirt(market, v.ilk.name))
    sale, coin = kick(found, v.ilk, price, parameters.par, seconds(at))
    return found, sale, coin


def _dirt(market: Market, name: str) -> int:
    return int(market.state.get((VENUE, name, DIRT), 0))
