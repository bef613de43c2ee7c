"""Assets of one account sold for the assets that it owes, at index prices: what is left to do without positions.

    sold   = min(held, ⌈missing · price owed / price held⌉),  bought = min(missing, ⌊sold · price held / price owed⌋)

8 decimals; the roundings are the buyer's. Loans are repaid from the same asset first where the venue keeps them apart.
"""

from decimal import Decimal

from marginbook.domain.events import Event
from marginbook.domain.risk import Flow
from marginbook.exact import ZERO, divide, in_exact_context, round_ceil, round_floor
from marginbook.liquidation.acts import action, after, settlement
from marginbook.liquidation.deficits import LOAN, PLACES, balances, index_price
from marginbook.liquidation.stages import Done, Scene


@in_exact_context
def exchanged(scene: Scene) -> Done | None:
    """The exchanges and repayments that are possible; None where nothing changes."""
    net = balances(scene.account)
    prices = {asset: index_price(scene, asset) for asset, held in net.items() if held}
    own = sorted((asset for asset, held in net.items() if held > 0), key=lambda asset: -net[asset] * prices[asset])
    events: list[Event] = []
    flows: list[Flow] = []
    for short in [asset for asset, held in net.items() if held < 0]:
        for held in own:
            sold = min(net[held], round_ceil(divide(-net[short] * prices[short], prices[held]), PLACES))
            bought = min(-net[short], round_floor(divide(sold * prices[held], prices[short]), PLACES))
            if bought <= 0:
                continue
            net[held], net[short] = net[held] - sold, net[short] + bought
            for asset, amount in ((held, -sold), (short, bought)):
                events.append(settlement(scene, asset, amount))
                flows += [Flow("account", asset, amount), Flow("counterparties", asset, -amount)]
    found = after(scene, events)
    repaid: list[Event] = []
    for name in sorted(found.account.details):
        if not name.startswith(LOAN):
            continue
        asset, owed = name.removeprefix(LOAN), Decimal(found.account.details[name])
        amount = round_floor(min(owed, found.account.wallet.get(asset, ZERO)), PLACES)
        if amount > 0:
            repaid.append(action(found, "repay", asset, amount))
    if not events and not repaid:
        return None
    return Done(scene=after(found, repaid), events=(*events, *repaid), flows=tuple(flows), quantity=ZERO, price=None)
