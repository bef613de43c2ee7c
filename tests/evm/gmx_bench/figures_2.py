"""The model's side of every comparison of v2, with or without a chain."""

from gmx_bench.model_2 import KEYS, MARKET, SIDES, VENUE, Key, State, balances, borrowing_rate, token_of
from gmx_bench.scene_2 import TRADERS
from marginbook.exact import in_exact_context
from marginbook.venues.gmx.impact import balance_of, price_impact
from marginbook.venues.gmx.margin import check, fees_of, pnl_of, pool_profit, required_to_open
from marginbook.venues.gmx.positions import claimable_funding
from marginbook.venues.gmx.risk import is_liquidatable, risk

JUDGED = 21
REASONS = {"": 0, "< 0": 3, "min collateral": 14, "min collateral for leverage": 27}
"""Lengths of the venue's texts, which is how the harness shows them."""


def watched(state: State) -> tuple[Key, Key]:
    """The positions whose decision is compared after a step: the last one touched, and each in turn."""
    return state.last, KEYS[state.steps % len(KEYS)]


@in_exact_context
def model_numbers(state: State) -> list[int]:
    """What `totals`, `holdings` and twice `judged` of the harness show."""
    found = [*_totals(state), *_holdings(state), *state.printed]
    for key in watched(state):
        found += _judged(state, key)
    return [number % 2**256 for number in found]


def _totals(state: State) -> list[int]:
    terms, indices, found = state.terms, state.market.indices, []
    for side in SIDES:
        own = token_of(terms, side)
        for held in SIDES:
            token = token_of(terms, held)
            found += [state.total(name, side, token) for name in ("interest", "tokens", "collateral")]
            key = f"{MARKET}:{side}:{token}"
            found += [indices[VENUE, key, kind].value_raw for kind in ("funding", "supply")]
        found += [indices[VENUE, f"{MARKET}:{side}", "borrow"].value_raw, state.total("borrowing", side)]
        found.append(state.number(f"{side}_pool_amount", terms.decimals(own)))
        found += [state.total(name, own) for name in ("fees", "ui", "claims", "funding")]
    found += [state.saved, state.number("impact_pool", terms.index_decimals), 0, state.total("pending")]
    inventory = [0, 0]
    if state.setup.virtual is not None:
        decimals = terms.index_decimals if terms.open_interest_in_tokens else 30
        inventory[int(terms.open_interest_in_tokens)] = state.number("virtual_inventory", decimals)
    return [*found, *inventory, state.updated]


def _holdings(state: State) -> list[int]:
    terms, found = state.terms, []
    for name in TRADERS:
        found += [state.total("paid", name, token_of(terms, side)) for side in SIDES]
        for key in (key for key in KEYS if key[0] == name):
            held = state.held(key)
            if held is None:
                found += [0] * 8
                continue
            details = held.position.details
            found += [held.size_usd, held.size_tokens, held.collateral, held.pending_impact]
            found.append(state.borrowing_factor(key))
            found.append(int(details["funding_fee_per_size_raw"]))
            found += [int(details[f"claimable_{token}_raw"]) for token in (terms.long_token, terms.short_token)]
    return found


def _judged(state: State, key: Key) -> list[int]:
    held, market = state.held(key), state.market
    if held is None:
        return [0] * JUDGED
    found = []
    for liquidation in (True, False):
        one = check(held, market, state.at, for_liquidation=liquidation)
        found += [REASONS[one.reason], one.remaining, one.min_for_leverage]
    account, names = state.account(key), (held.pool, market, state.parameters, state.at)
    sums = risk(account, *names[1:])[held.pool]
    assert sums.support == found[1]
    assert is_liquidatable(account, *names) == bool(found[0]) == (sums.support < sums.demand)
    pnl, own = pnl_of(held, market), balances(state)
    delta = -held.size_usd
    if held.terms.open_interest_in_tokens:
        delta = -held.size_tokens * state.middle_price()
    balance = balance_of(held, market)
    assert balance is not None
    assert own == (balance.long, balance.short)
    impact = price_impact(held.terms, balance, delta, held.is_long)
    fees = fees_of(held, market, state.at, held.size_usd, impact.improved, liquidation=True)
    claims = claimable_funding(held, market)
    if held.terms.long_token == held.terms.short_token:
        claims = {token: amount // 2 for token, amount in claims.items()}
    found += [pnl.capped, pnl.uncapped, impact.usd, int(impact.improved)]
    found += [fees.position, fees.discount, fees.borrowing, fees.funding, fees.liquidation, fees.total]
    found += [claims[held.terms.long_token], claims[held.terms.short_token]]
    enough = one.collateral >= required_to_open(held, market)
    return [*found, int(enough), borrowing_rate(state, key[1]), pool_profit(held, market)]
