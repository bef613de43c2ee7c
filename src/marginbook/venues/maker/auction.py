"""Liquidation 2.0: bark moves an unsafe vault, or as much as the limits leave room for, into a falling-price auction.

    room     min(Hole − Dirt, hole − dirt)                                       [rad] what auctions may still raise
    dart     min(art, ⌊⌊room·10^18 / rate⌋ / chop⌋); a rest below dust is taken too, a part below dust refused
    dink     ⌊ink·dart / art⌋;  due = dart·rate;  tab = ⌊due·chop⌋
    top      ⌊⌊price / par⌋·buf⌋; starting pays tip + ⌊tab·chip⌋
    price    linear       ⌊top·⌊(tau − t) / tau⌋⌋, 0 from tau on
             stairstep    ⌊top·rpow(cut, ⌊t / step⌋)⌋
             exponential  ⌊top·rpow(cut, t)⌋
    reset    t > tail, or ⌊price / top⌋ < cusp
    take     slice = min(lot, amount), owe = slice·price; above tab: owe = tab, slice = ⌊tab / price⌋; a part that
             leaves less than chost = ⌊dust·chop⌋ is cut so that chost is left, and refused where tab ≤ chost

Source: formulas of makerdao/dss fa4f663 (`Dog`, `Clipper`, `abaci`), run beside those contracts in an EVM
(`tests/evm`). What is left of a lot when tab is raised goes back to the vault's owner, outside the
vault.
"""

from dataclasses import dataclass, replace

from marginbook.exact import RAY, WAD, div_floor, mul_div_floor, rpow_half_up
from marginbook.venues.maker.parameters import Ilk
from marginbook.venues.maker.vat import Revert, Urn, feed_price, is_unsafe


@dataclass(frozen=True, slots=True)
class Bark:
    """What a liquidation takes out of a vault, and the auction that it starts."""

    dink: int  # [wad] collateral for sale
    dart: int  # [wad] normalized debt
    due: int  # [rad] debt
    tab: int  # [rad] debt with penalty: what the auction is to raise


@dataclass(frozen=True, slots=True)
class Sale:
    """A running auction."""

    tab: int  # [rad] still to raise
    lot: int  # [wad] still for sale
    top: int  # [ray] starting price
    tic: int  # [s] start


@dataclass(frozen=True, slots=True)
class Take:
    """A purchase: `sale` is what goes on, None where the auction is over."""

    slice: int  # [wad] bought
    owe: int  # [rad] paid
    price: int  # [ray]
    sale: Sale | None
    returned: int  # [wad] back to the vault's owner
    digs: int  # [rad] by which Dirt falls


def bark(urn: Urn, ilk: Ilk, rate: int, spot: int, hole: int, total_dirt: int, dirt: int) -> Bark:
    """One liquidation under the global limit `hole` and the type's own, of which dirt is used [rad]; or `Revert`."""
    if not (spot > 0 and is_unsafe(urn, rate, spot)):
        raise Revert("Dog/not-unsafe")
    if not (hole > total_dirt and ilk.hole > dirt):
        raise Revert("Dog/liquidation-limit-hit")
    room = min(hole - total_dirt, ilk.hole - dirt)
    dart = min(urn.art, div_floor(mul_div_floor(room, WAD, rate), ilk.chop))
    if urn.art > dart:
        if (urn.art - dart) * rate < ilk.dust:
            dart = urn.art
        elif dart * rate < ilk.dust:
            raise Revert("Dog/dusty-auction-from-partial-liquidation")
    dink = mul_div_floor(urn.ink, dart, urn.art)
    if not dink:
        raise Revert("Dog/null-auction")
    due = dart * rate
    return Bark(dink, dart, due, mul_div_floor(due, ilk.chop, WAD))


def kick(found: Bark, ilk: Ilk, price: int, par: int, now: int) -> tuple[Sale, int]:
    """(the auction of a bark at oracle price `price` [wad], what its starter is paid [rad])."""
    if not ilk.liquidations:
        raise Revert("Clipper/stopped-incorrect")
    return Sale(found.tab, found.dink, _top(ilk, price, par), now), _incentive(ilk, found.tab)


def price_at(ilk: Ilk, top: int, seconds: int) -> int:
    """The auction's price [ray] `seconds` after its start.

    >>> ilk = Ilk(name="ETH-A", collateral="ETH", mat=RAY, curve="stairstep", step=90, cut=99 * RAY // 100)
    >>> price_at(ilk, 1_000 * RAY, 89) // RAY, price_at(ilk, 1_000 * RAY, 90) // RAY
    (1000, 990)
    """
    match ilk.curve:
        case "linear":
            left = max(ilk.tau - seconds, 0)
            return mul_div_floor(top, mul_div_floor(left, RAY, ilk.tau), RAY)
        case "stairstep":
            return mul_div_floor(top, rpow_half_up(ilk.cut, div_floor(seconds, ilk.step), RAY), RAY)
        case "exponential":
            return mul_div_floor(top, rpow_half_up(ilk.cut, seconds, RAY), RAY)
    raise Revert("no price curve")


def needs_reset(sale: Sale, ilk: Ilk, now: int) -> bool:
    """After `tail` seconds, or below `cusp` of the starting price."""
    elapsed = now - sale.tic
    return elapsed > ilk.tail or mul_div_floor(price_at(ilk, sale.top, elapsed), RAY, sale.top) < ilk.cusp


def least_left(ilk: Ilk) -> int:
    """`chost` [rad]: what a part of an auction must leave to raise, ⌊dust·chop⌋."""
    return mul_div_floor(ilk.dust, ilk.chop, WAD)


def redo(sale: Sale, ilk: Ilk, price: int, par: int, now: int) -> tuple[Sale, int]:
    """(the auction from a new start, what that pays [rad]); small ones pay nothing."""
    if not needs_reset(sale, ilk, now):
        raise Revert("Clipper/cannot-reset")
    worth = sale.lot * feed_price(price, par)
    pays = sale.tab >= least_left(ilk) and worth >= least_left(ilk)
    return replace(sale, top=_top(ilk, price, par), tic=now), _incentive(ilk, sale.tab) if pays else 0


def take(sale: Sale, ilk: Ilk, amount: int, most_price: int, now: int) -> Take:
    """Buy up to `amount` [wad] at no more than `most_price` [ray]; or `Revert`."""
    if needs_reset(sale, ilk, now):
        raise Revert("Clipper/needs-reset")
    price = price_at(ilk, sale.top, now - sale.tic)
    if most_price < price:
        raise Revert("Clipper/too-expensive")
    tab, lot, least = sale.tab, sale.lot, least_left(ilk)
    part = min(lot, amount)
    owe = part * price
    if owe > tab:
        owe, part = tab, div_floor(tab, price)
    elif owe < tab and part < lot and tab - owe < least:
        if tab <= least:
            raise Revert("Clipper/no-partial-purchase")
        owe = tab - least
        part = div_floor(owe, price)
    tab, lot = tab - owe, lot - part
    over = not lot or not tab
    return Take(
        slice=part,
        owe=owe,
        price=price,
        sale=None if over else replace(sale, tab=tab, lot=lot),
        returned=lot if over else 0,
        digs=tab + owe if not lot else owe,
    )


def _top(ilk: Ilk, price: int, par: int) -> int:
    top = mul_div_floor(feed_price(price, par), ilk.buf, RAY)
    if not top:
        raise Revert("Clipper/zero-top-price")
    return top


def _incentive(ilk: Ilk, tab: int) -> int:
    return ilk.tip + mul_div_floor(tab, ilk.chip, WAD) if ilk.tip or ilk.chip else 0
