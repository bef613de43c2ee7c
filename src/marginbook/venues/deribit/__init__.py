"""Deribit: standard margin (futures, perpetuals, options) and portfolio margin of inverse futures.

Source: support articles 25944738177565 (linear perpetual) and 25944756247837 (portfolio margin), the option formulas as
mirrored by doc.tslab.pro; checked against printed figures, see `tests/venues/test_deribit.py`.
"""

from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.venues.deribit import portfolio, standard
from marginbook.venues.deribit.applying import apply
from marginbook.venues.deribit.parameters import parameters
from marginbook.venues.rules import RuleSet
from marginbook.venues.statements.functions import module_of

RULE_SETS = (
    RuleSet(
        name="deribit/standard",
        version="standard",
        venue="deribit",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=module_of(standard.MAKER, parameters, apply, standard.lower),
        verified=(
            "worked examples of linear perpetuals; margins that accounts printed of 12 inverse futures, 2022 to 2025",
            "margins that accounts printed of a short put and a short call, both at the least initial margin",
        ),
        unverified=(
            "out-of-the-money part of an option's initial margin; long options; the factors of options on other coins",
            "the day, 2023-07-15 to 2024-10-30, from which dated BTC futures ask 4 % and 2 %",
            "liquidation at maintenance margin = equity, not only above it",
            "margin of open orders",
            "what a liquidation closes first",
        ),
    ),
    RuleSet(
        name="deribit/portfolio",
        version="portfolio",
        venue="deribit",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=module_of(portfolio.MAKER, parameters, apply, portfolio.lower),
        verified=("one simulated portfolio of inverse futures in the API documentation",),
        unverified=(
            "the worst case is rounded to 9 decimals (half up here) before the roll shock is added",
            "roll shock above its floor: dated futures of more than 48 days are refused",
            "delta shock: total deltas above 20 million USD are refused",
            "options: refused",
        ),
    ),
)
