"""Perps v3: the tree behind the headroom."""

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.synthetix.account import USD, book_of
from marginbook.venues.synthetix.margins import collateral_value, required_margins
from marginbook.venues.synthetix.parameters import Parameters
from marginbook.venues.synthetix.risk import Figures, figures, sums
from marginbook.venues.synthetix.wad import DECIMALS, KIND, VENUE, price_of

SOURCE = "Synthetixio/synthetix-v3 markets/perps-market @23585f73"


def wad_node(
    quantity: str, value: int, formula: str, source: str, inputs: tuple[Node, ...] = (), unit: str = USD
) -> Node:
    """A node whose value is a wad."""
    return Node(
        quantity=quantity, value=from_raw(value, DECIMALS), unit=unit, formula=formula, source=source, inputs=inputs
    )


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """Headroom = available margin − (maintenance margin + reward), down to prices and ratios."""
    book = book_of(account, parameters)
    found = figures(book, market, parameters, at)
    now = sums(found)
    own = f"account {account.id}"
    synths = tuple(
        wad_node(
            f"collateral {held.asset}",
            collateral_value(held.terms, held.amount, price_of(market, held.asset), True),
            "amount · price · (1 − discount)",
            parameters.source,
            (
                wad_node("amount", held.amount, "", own, unit=held.asset),
                wad_node("price", price_of(market, held.asset), "", f"{VENUE}:{held.asset} {KIND}"),
            ),
        )
        for held in book.synths
    )
    profits, requirements = [], []
    for held in book.holdings:
        price = wad_node("price", price_of(market, held.market), "", f"{VENUE}:{held.market} {KIND}")
        size = wad_node("size", held.size, "", own, unit=held.market)
        position = found.positions[held.market]
        ratio = required_margins(held.terms, held.size, price_of(market, held.market)).maintenance_ratio
        profits.append(
            wad_node(
                f"unrealized_pnl {held.market}",
                position.pnl,
                "size · (price − entry) + funding − interest",
                SOURCE,
                (
                    size,
                    price,
                    wad_node("entry", held.entry, "", own),
                    wad_node("funding", position.funding, "size · (funding value − at entry)", SOURCE),
                    wad_node("interest", position.interest, "notional · locked ratio · interest per dollar", SOURCE),
                ),
            )
        )
        requirements.append(
            wad_node(
                f"maintenance_margin {held.market}",
                position.maintenance,
                "notional · ratio + minimum_position_margin",
                SOURCE,
                (
                    wad_node("notional", position.notional, "|size| · price", SOURCE, (size, price)),
                    wad_node(
                        "ratio",
                        ratio,
                        "(|size| / skew scale · initial ratio + minimum ratio) · scalar",
                        parameters.source,
                        unit="fraction",
                    ),
                    wad_node("minimum_position_margin", held.terms.minimum_position_margin, "", parameters.source),
                ),
            )
        )
    requirements.append(
        wad_node("liquidation_reward", found.reward, "bounded flag rewards and costs of keepers", SOURCE)
    )
    given = (
        wad_node("snxUSD", book.usd, "", own),
        *synths,
        *profits,
        wad_node("debt", found.debt, "", own),
        wad_node("fixed_support", found.fixed_support, "", own),
    )
    formula = "snxUSD + Σ collateral + Σ unrealized_pnl − debt"
    asked = "Σ maintenance_margin + liquidation_reward"
    if not found.positions:
        formula, asked = "snxUSD + Σ collateral", "debt + liquidation_reward"
    elif found.flagged:
        formula = "0: the account is flagged, its collateral is seized"
    return _headroom(now.support, now.demand, formula, asked, given, tuple(requirements), found)


def _headroom(
    support: int,
    demand: int,
    formula: str,
    asked: str,
    given: tuple[Node, ...],
    requirements: tuple[Node, ...],
    found: Figures,
) -> Node:
    fixed = wad_node("fixed_demand", found.fixed_demand, "", "account")
    return wad_node(
        "headroom",
        support - demand,
        "available_margin − required",
        SOURCE,
        (
            wad_node("available_margin", support, formula, SOURCE, given),
            wad_node("required", demand, asked, SOURCE, (*requirements, fixed)),
        ),
    )
