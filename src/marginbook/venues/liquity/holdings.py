"""From an account and a market to the system with one trove, and back.

ETH as collateral and LUSD as debt (with the reserve of 200, as the contracts count it) are the trove, pool `main`. What
is stated includes what is pending from redistributions, unless the account's `details` name the trove's stake and its
snapshots of the running totals: `stake_raw`, `l_eth_raw`, `l_lusd_raw`. The system is, all optional,

    [state.liquity.system]
    total_collateral_raw, total_debt_raw   of all troves [wad]; without them there is no recovery mode
    stability_pool_raw                     LUSD in the stability pool [wad]; default 0
    trove_count                            default: more than one
    l_eth_raw, l_lusd_raw                  running totals per unit staked [wad]; needed where a trove states its stake
    total_stakes_raw, total_stakes_snapshot_raw, total_collateral_snapshot_raw   [wad] for new stakes
    eth_error_raw, lusd_error_raw          remainders that the running totals still owe [wad·wad]; default 0
    base_rate_raw, last_fee_time           [wad], [s]; default 0
"""

from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import to_raw_floor
from marginbook.units import seconds
from marginbook.venues.common.amounts import in_range, raw_amount
from marginbook.venues.liquity.parameters import SYSTEM, Parameters
from marginbook.venues.liquity.redistribution import Redistribution
from marginbook.venues.liquity.stability_pool import StabilityPool
from marginbook.venues.liquity.system import System, Trove

VENUE = "liquity"
USER = "account"
POOL = "main"
ASSET, DEBT = "ETH", "LUSD"
CURRENCY = "USD"
WAD_DECIMALS = 18
PRICE_BELOW = Decimal(10) ** 12
FIGURE_BITS = 192
"""Of a figure of the system: running totals outgrow 128 bits where redistributions have left hardly any stake."""
STAKE, L_ETH, L_LUSD = "stake_raw", "l_eth_raw", "l_lusd_raw"
TOTALS = ("total_collateral_raw", "total_debt_raw")
STAKES = ("total_stakes_raw", "total_stakes_snapshot_raw", "total_collateral_snapshot_raw")
ERRORS = ("eth_error_raw", "lusd_error_raw")
POOL_TOTAL, COUNT, BASE_RATE, FEE_TIME = "stability_pool_raw", "trove_count", "base_rate_raw", "last_fee_time"


def state_of(market: Market, name: str) -> int | None:
    """A figure of the system; None where it is not given, BadInput where it is none."""
    value = market.state.get((VENUE, SYSTEM, name))
    return None if value is None else in_range(int(value), f"state.{VENUE}.{SYSTEM}.{name}", FIGURE_BITS)


def is_known(market: Market) -> bool:
    """Whether the system's totals are given; BadInput where only one of them is."""
    given = [state_of(market, name) is not None for name in TOTALS]
    if any(given) and not all(given):
        missing = TOTALS[given.index(False)]
        raise BadInput(
            "missing_state", f"state.{VENUE}.{SYSTEM}.{missing}", "nothing", "an integer, as the other total"
        )
    return all(given)


def is_tracked(account: Account) -> bool:
    """Whether stakes of the account are known: it states its own, or has no trove yet."""
    return STAKE in account.details or not account.debt


def check_pool(account: Account, pool: str) -> None:
    """BadInput `unknown_pool` for any other than the trove's."""
    if pool != POOL:
        raise BadInput("unknown_pool", f"account {account.id}", pool, POOL)


def system_of(account: Account, market: Market, parameters: Parameters, at: int, price: int) -> System:
    """The system with the account's trove, if it has ETH or LUSD; `price` 0 where none is needed."""
    trove = trove_of(account, market)
    known, tracked = is_known(market), is_tracked(account)
    return System(
        terms=parameters.terms,
        price=price,
        time=seconds(at),
        troves={} if trove is None else {USER: trove},
        total_collateral=state_of(market, TOTALS[0]) if known else None,
        total_debt=state_of(market, TOTALS[1]) if known else None,
        count=state_of(market, COUNT),
        pool=StabilityPool(total=state_of(market, POOL_TOTAL) or 0),
        redistribution=Redistribution(
            l_eth=state_of(market, L_ETH) or 0,
            l_lusd=state_of(market, L_LUSD) or 0,
            eth_error=state_of(market, ERRORS[0]) or 0,
            lusd_error=state_of(market, ERRORS[1]) or 0,
            total_stakes=state_of(market, STAKES[0]) if tracked else None,
            stakes_snapshot=state_of(market, STAKES[1]) if tracked else None,
            collateral_snapshot=state_of(market, STAKES[2]) if tracked else None,
        ),
        base_rate=state_of(market, BASE_RATE) or 0,
        fee_time=state_of(market, FEE_TIME) or 0,
    )


def trove_of(account: Account, market: Market) -> Trove | None:
    """The account's trove; BadInput for what a trove cannot hold."""
    place = f"account {account.id}"
    held: tuple[Collateral | Debt, ...] = (*account.collateral, *account.debt)
    for holding in held:
        asset = ASSET if isinstance(holding, Collateral) else DEBT
        if holding.asset != asset:
            raise BadInput("unknown_asset", f"{place}.{holding.asset}", holding.asset, f"{ASSET} against {DEBT}")
        if holding.pool not in (None, POOL):
            raise BadInput("unknown_pool", f"{place}.{holding.asset}.pool", holding.pool, POOL)
    if len(account.collateral) > 1 or len(account.debt) > 1:
        raise BadInput("duplicate_asset", place, ASSET, f"one holding of {ASSET} and one of {DEBT}")
    if not held:
        return None
    collateral = raw_of(account.collateral[0], f"{place}.collateral.{ASSET}") if account.collateral else 0
    debt = raw_of(account.debt[0], f"{place}.debt.{DEBT}") if account.debt else 0
    if STAKE not in account.details:
        snapshots = [state_of(market, name) or 0 for name in (L_ETH, L_LUSD)]
        return Trove(collateral=collateral, debt=debt, l_eth=snapshots[0], l_lusd=snapshots[1])
    return Trove(
        collateral=collateral,
        debt=debt,
        stake=_detail(account, STAKE),
        l_eth=_snapshot(account, market, L_ETH),
        l_lusd=_snapshot(account, market, L_LUSD),
    )


def _snapshot(account: Account, market: Market, name: str) -> int:
    total, snapshot = state_of(market, name), _detail(account, name)
    if total is None:
        expected = f"an integer: account {account.id} states its stake"
        raise BadInput("missing_state", f"state.{VENUE}.{SYSTEM}.{name}", "nothing", expected)
    if snapshot > total:
        raise BadInput("bad_value", f"account {account.id}.details.{name}", snapshot, f"at most the system's {total}")
    return snapshot


def _detail(account: Account, name: str) -> int:
    value, place = account.details.get(name), f"account {account.id}.details.{name}"
    if value is None:
        raise BadInput("missing_value", place, "nothing", "an integer in quotes, beside the other two of the trove")
    if not (value.isascii() and value.isdigit()):
        raise BadInput("bad_value", place, value, "an integer in quotes")
    return in_range(int(value), place, FIGURE_BITS)


def raw_of(holding: Collateral | Debt, place: str) -> int:
    """Amount or stored balance [wad]."""
    if holding.amount is not None:
        return raw_amount(holding.amount, WAD_DECIMALS, place)
    return in_range(holding.scaled_raw or 0, place)


def price_raw(market: Market) -> int:
    """The price feed's last good price [USD per ETH, wad]; further decimals are cut."""
    price = market.price(VENUE, ASSET, "oracle")
    raw = to_raw_floor(price, WAD_DECIMALS) if price.is_finite() and 0 < price < PRICE_BELOW else 0
    if not raw:
        raise BadInput("bad_price", f"prices.{VENUE}.{ASSET}", price, "above 0 and below 10^12, to 18 decimals")
    return raw


def price_if_owed(account: Account, market: Market) -> int:
    """The price, or 0 for an account that holds nothing, which needs none."""
    return price_raw(market) if account.collateral or account.debt else 0
