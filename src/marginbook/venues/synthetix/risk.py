"""Perps v3: what an account has against what it must keep.

    profit              size · (price − entry) + size · (funding value − at entry) − interest
    interest            |size| · price · locked_oi_ratio · (interest per dollar − at entry)
    available margin    discounted collateral + Σ profit − debt
    reward              keeper_reward(max(Σ flag rewards, collateral · share), flag cost + liquidate cost, collateral)
                        + (windows − 1) · keeper_reward(0, liquidate cost, 0)
    liquidatable        Σ maintenance margin + reward > available margin
    without positions   discounted collateral − debt − reward < 0, and there is a debt

Support is the available margin, demand maintenance + reward, initially Σ initial margin + reward; without positions
support is the collateral and demand debt + reward. A flagged account has lost its margin: support 0, and it stays
liquidatable until its positions are gone. Source: `PerpsAccount.sol`, `Position.sol`, `InterestRate.sol`,
`LiquidationModule.sol` at 23585f73 (2025-06-12). State: `flag_cost` and `liquidate_cost` [snxUSD, default 0] of
`system`; see `interest`, and `funding` for the markets'.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import Quantities, Risk
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.common.views import derivative_quantities, is_breached
from marginbook.venues.synthetix.account import POOL, USD, Book, Holding, book_of
from marginbook.venues.synthetix.funding import funding_value
from marginbook.venues.synthetix.interest import interest_per_dollar
from marginbook.venues.synthetix.margins import collateral_value, keeper_reward, liquidation_windows, required_margins
from marginbook.venues.synthetix.parameters import SYSTEM, Guards, Parameters
from marginbook.venues.synthetix.wad import DECIMALS, mul, price_of, state_wad


@dataclass(frozen=True, slots=True)
class Costs:
    """What keepers spend [wad snxUSD], as the venue's oracle of gas prices says."""

    flag: int
    liquidate: int


@dataclass(frozen=True, slots=True)
class PositionFigures:
    """One position at a price [wad]."""

    price_pnl: int
    funding: int
    interest: int
    notional: int
    initial: int
    maintenance: int
    flag_reward: int

    @property
    def pnl(self) -> int:
        """Profit with funding and interest."""
        return self.price_pnl + self.funding - self.interest


@dataclass(frozen=True, slots=True)
class Figures:
    """The account at the present prices [wad snxUSD]."""

    collateral: int  # in full
    discounted: int
    debt: int
    positions: Mapping[str, PositionFigures]
    windows: int
    reward: int
    flagged: bool
    fixed_support: int
    fixed_demand: int

    @property
    def pnl(self) -> int:
        """Profit of all positions."""
        return sum(position.pnl for position in self.positions.values())

    @property
    def initial(self) -> int:
        """Initial margin of all positions, without the reward."""
        return sum(position.initial for position in self.positions.values())

    @property
    def maintenance(self) -> int:
        """Maintenance margin of all positions, without the reward."""
        return sum(position.maintenance for position in self.positions.values())

    @property
    def available(self) -> int:
        """Available margin."""
        return self.discounted + self.pnl - self.debt


def costs_of(market: Market) -> Costs:
    """Costs of keepers; 0 where the state does not tell."""
    return Costs(state_wad(market, SYSTEM, "flag_cost", 0), state_wad(market, SYSTEM, "liquidate_cost", 0))


def position_figures(holding: Holding, price: int, funding: int, interest: int) -> PositionFigures:
    """A position at `price`, with the market's funding value and the system's interest per dollar."""
    notional = mul(abs(holding.size), price)
    required = required_margins(holding.terms, holding.size, price)
    return PositionFigures(
        price_pnl=mul(holding.size, price - holding.entry),
        funding=mul(holding.size, funding - holding.funding),
        interest=mul(mul(notional, holding.terms.locked_oi_ratio), interest - holding.interest),
        notional=notional,
        initial=required.initial,
        maintenance=required.maintenance,
        flag_reward=mul(notional, holding.terms.flag_reward_ratio),
    )


def liquidation_reward(guards: Guards, flag_rewards: int, collateral: int, costs: Costs, windows: int) -> int:
    """What liquidating the account may pay to keepers, over all its windows.

    Until #2245 and #2330 (deployed on Base on 2024-11-01) neither the collateral's share nor the cost of the first
    window counted.
    """
    reward = flag_rewards
    if guards.collateral_reward:
        reward = max(reward, mul(collateral, guards.collateral_reward_ratio))
    cost = costs.flag + (costs.liquidate if guards.first_window_cost else 0)
    first = keeper_reward(guards, reward, cost, collateral)
    return first + (keeper_reward(guards, 0, costs.liquidate, 0) * (windows - 1) if windows else 0)


def margin_only_reward(guards: Guards, collateral: int, costs: Costs) -> int:
    """The keeper's reward for an account without positions."""
    share = mul(collateral, guards.collateral_reward_ratio)
    return keeper_reward(guards, share, costs.flag + costs.liquidate, collateral)


def figures(
    book: Book, market: Market, parameters: Parameters, at: int, prices: Mapping[str, int] | None = None
) -> Figures:
    """Everything that decisions are made of; `prices` [wad] stand in for quotes. BadInput for a missing price."""
    known = prices or {}
    interest = interest_per_dollar(market, at)
    positions = {}
    for holding in book.holdings:
        terms = holding.terms
        price = known.get(holding.market) or price_of(market, holding.market)
        funding = funding_value(market, holding.market, terms.skew_scale, terms.max_funding_velocity, price, at)
        positions[holding.market] = position_figures(holding, price, funding, interest)
    collateral = discounted = book.usd
    for synth in book.synths:
        price = known.get(synth.asset) or price_of(market, synth.asset)
        collateral += collateral_value(synth.terms, synth.amount, price, False)
        discounted += collateral_value(synth.terms, synth.amount, price, True)
    costs, guards = costs_of(market), parameters.guards
    windows = max((liquidation_windows(held.terms, held.size) for held in book.holdings), default=0)
    if positions:
        flags = sum(position.flag_reward for position in positions.values())
        reward = liquidation_reward(guards, flags, collateral, costs, windows)
    else:
        reward = margin_only_reward(guards, collateral, costs) if book.debt else 0
    return Figures(
        collateral,
        discounted,
        book.debt,
        positions,
        windows,
        reward,
        book.flagged,
        book.fixed_support,
        book.fixed_demand,
    )


def sums(found: Figures) -> Risk[int]:
    """The seven sums [wad snxUSD]."""
    if found.flagged and found.positions:
        demand = max(1, found.maintenance + found.reward)
        return Risk(0, 0, 0, 0, demand, 0, demand)
    if found.positions:
        support, owed = found.available, 0
    else:
        support, owed = found.discounted, found.debt
    support += found.fixed_support
    required = owed + found.reward + found.fixed_demand
    return Risk(
        found.collateral + found.pnl + found.fixed_support,
        found.debt,
        support,
        support,
        found.initial + required,
        support,
        found.maintenance + required,
    )


@in_exact_context
def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[int]]:
    """The seven sums of the account's one pool."""
    return {POOL: sums(figures(book_of(account, parameters), market, parameters, at))}


def checked_pool(account: Account, pool: str) -> None:
    """BadInput `unknown_pool` for any but the one pool."""
    if pool != POOL:
        raise BadInput("unknown_pool", f"account {account.id}", pool, POOL)


@in_exact_context
def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """Maintenance margin + reward > available margin, or flagged already."""
    checked_pool(account, pool)
    found = sums(figures(book_of(account, parameters), market, parameters, at))
    return is_breached(found.support, found.demand, False)


def withdrawable(found: Figures) -> int:
    """Margin that may be withdrawn [wad]: none with a debt; without positions all collateral, undiscounted.

    Below 0 the venue lets nothing out, not even an amount worth nothing.
    """
    if found.debt or found.flagged:
        return 0
    if not found.positions:
        return found.collateral
    return found.available - found.initial - found.reward


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of the account, and the venue's own names for some."""
    found = figures(book_of(account, parameters), market, parameters, at)
    shown: dict[str, int] = {
        "available_margin": found.available,
        "liquidation_reward": found.reward,
        "required_initial_margin": found.initial,
        "required_maintenance_margin": found.maintenance,
        "liquidation_windows": found.windows * 10**DECIMALS,
    }
    return {
        POOL: derivative_quantities(
            sums(found),
            USD,
            scale=DECIMALS,
            wallet_balance=_decimal(found.collateral - found.debt),
            unrealized_pnl=_decimal(found.pnl),
            collateral_value=_decimal(found.discounted),
            debt_value=_decimal(found.debt),
            notional=_decimal(sum(position.notional for position in found.positions.values())),
            withdrawable=_decimal(max(0, withdrawable(found))),
            venue={name: _decimal(value) for name, value in shown.items()},
        )
    }


def _decimal(value: int) -> Decimal:
    return from_raw(value, DECIMALS)
