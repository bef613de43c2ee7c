"""What a pool owes and cannot pay once nothing of it is left to close, by asset; and the event that pays it.

in_wallets    the wallet's balance below 0, or what a closed isolated position cost the cross wallet
together      the loss of all balances together, in the assets that are owed, at index prices
as_debts      debts without collateral, in their own assets
in_value      a protocol's debts beyond its collateral, in the pool's currency
by_value      an account value below 0 without positions, in the pool's currency
"""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.events import Event
from marginbook.domain.risk import Risk
from marginbook.exact import ONE, ZERO, divide, in_exact_context, parse_decimal, round_ceil
from marginbook.liquidation.acts import FLOW_PLACES, action, currency_of, is_isolated, positions_of, settlement
from marginbook.liquidation.stages import Scene
from marginbook.venues.common.views import in_units

LOAN = "loan_"
PLACES = 8


def sums_of(scene: Scene) -> Risk[Decimal] | None:
    """The pool's sums in units of its currency; None where nothing is left of it."""
    found = scene.rules.module.risk(scene.account, scene.market, scene.parameters, scene.at).get(scene.pool)
    return None if found is None else in_units(found, scene.rules.risk_scale)


@in_exact_context
def in_wallets(before: Account, scene: Scene) -> dict[str, Decimal]:
    """Wallets below 0 of a cross pool; of an isolated one, by how much its close lowered the cross wallets."""
    if positions_of(scene):
        return {}
    now = scene.account.wallet
    if not is_isolated(scene):
        own = scene.pool.partition(":")[2]
        return {asset: _short(-held) for asset, held in now.items() if held < 0 and own in ("", asset)}
    lost = {asset: before.wallet.get(asset, ZERO) - held for asset, held in now.items()}
    return {asset: _short(amount) for asset, amount in lost.items() if amount > 0}


@in_exact_context
def together(before: Account, scene: Scene) -> dict[str, Decimal]:
    """The loss of all assets of one cross pool, in those that are owed; isolated positions as `in_wallets`."""
    if scene.pool != "cross":
        return in_wallets(before, scene)
    if positions_of(scene):
        return {}
    net = {asset: held for asset, held in balances(scene.account).items() if held}
    prices = {asset: index_price(scene, asset) for asset in net}
    missing = -sum((held * prices[asset] for asset, held in net.items()), ZERO)
    found: dict[str, Decimal] = {}
    for asset, held in net.items():
        if held < 0 < missing:
            found[asset] = min(_short(-held), round_ceil(divide(missing, prices[asset]), PLACES))
            missing -= found[asset] * prices[asset]
    return found


@in_exact_context
def balances(account: Account) -> dict[str, Decimal]:
    """Wallets and collateral less debts and loans, by asset.

    >>> balances(Account(id="a", rules="binance/portfolio", wallet={"BTC": Decimal(3)}, details={"loan_BTC": "1"}))
    {'BTC': Decimal('2')}
    """
    found = dict(account.wallet)
    parts = [(held.asset, held.amount or ZERO) for held in account.collateral]
    parts += [(owed.asset, -(owed.amount or ZERO)) for owed in account.debt]
    for name, text in account.details.items():
        if name.startswith(LOAN):
            parts.append((name.removeprefix(LOAN), -parse_decimal(text)))
    for asset, amount in parts:
        found[asset] = found.get(asset, ZERO) + amount
    return found


def index_price(scene: Scene, asset: str) -> Decimal:
    """An asset's price in the pool's currency; 1 where the venue quotes none, as of that currency itself."""
    quote = scene.market.quotes.get((scene.rules.venue, asset, "index"))
    return ONE if quote is None else quote.price


@in_exact_context
def as_debts(before: Account, scene: Scene) -> dict[str, Decimal]:
    """Debts of a pool without collateral or positions, in their own assets; the account states them as amounts."""
    sums = sums_of(scene)
    if sums is None or sums.assets > 0 or not sums.liabilities or positions_of(scene):
        return {}
    own, found = scene.pool.partition(":")[2], dict[str, Decimal]()
    for owed in scene.account.debt:
        if owed.pool in (None, own) and owed.amount:
            found[owed.asset] = found.get(owed.asset, ZERO) + owed.amount
    return found


@in_exact_context
def in_value(before: Account, scene: Scene) -> dict[str, Decimal]:
    """What a protocol's debts are worth beyond all collateral, in the pool's currency."""
    sums = sums_of(scene)
    if sums is None or sums.liabilities <= sums.assets:
        return {}
    return {currency_of(scene): sums.liabilities - sums.assets}


@in_exact_context
def by_value(before: Account, scene: Scene) -> dict[str, Decimal]:
    """The account value below 0 without positions, in the pool's currency."""
    return {} if positions_of(scene) else in_value(before, scene)


def nothing(before: Account, scene: Scene) -> dict[str, Decimal]:
    """The venue takes the loss with the step: nothing is left owed."""
    return {}


def payment(scene: Scene, how: str, asset: str, amount: Decimal) -> Event:
    """The event by which somebody else pays `amount` of what the account owes: a `repay`, or a `settlement`."""
    return action(scene, "repay", asset, amount) if how == "repay" else settlement(scene, asset, amount)


def _short(amount: Decimal) -> Decimal:
    """A quotient's last digits are rounded up: what is paid is never short of what is owed.

    >>> _short(Decimal("1.5")), _short(Decimal(1).scaleb(-90))
    (Decimal('1.5'), Decimal('1E-32'))
    """
    exponent = amount.as_tuple().exponent
    return round_ceil(amount, FLOW_PLACES) if isinstance(exponent, int) and exponent < -FLOW_PLACES else amount
