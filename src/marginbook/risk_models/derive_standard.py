"""Standard margin of Derive (SRM): positions of a market one by one, or the largest loss at expiry if that is less.

    margin     = Σ markets + cash (negative: a shortfall)
    market     = perpetuals + Σ_e options_e + base + unsettled profit − depeg
    perpetuals = −|q|·P·rate
    options_e  = max(Σ isolated, largest loss);   long options count 0
      call     mark − |n|·S·9 % (maintenance);   mark − |n|·S·max(13 %, 15 % − (K − S)⁺ / S) (initial)
      put      mark + min(−|n|·S·9 %, 9 %·mark);   min(mark − |n|·S·max(…), 105 % · maintenance)
      largest loss = min over prices 0 and every strike of min(0, Σ payoff) + scale·F·min(0, Σ calls)
    base       = value·factor (· initial scale)
    depeg      = max(0, threshold − stable price)·factor·S·(|perpetuals| + Σ short options)   (initial only)

S spot, F forward, P price of the perpetual, K strike; mark is the value of the position by Black-76 without discount.
Initial margins lose another (1 − confidence)·factor·S·size where the least confidence of the oracles that a part needs
lies below its threshold (size: perpetuals, short options of the expiry, base). Percentages are parameters by market.

Source: derivexyz/v2-core at 7736900 (2026-01-21), StandardManager. The contracts use 18-digit fixed point; this is
float64, which agrees with the venue's 28 test cases to 3·10^-10 (its tolerance is 0.1 %) and with the whole dollars of
its 42 others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marginbook.params.records import record_or_error
from marginbook.risk_models.black_76 import value as option_value

RECORD = "derive_srm"
SECONDS_PER_YEAR = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Option:
    """A position in contracts of one unit."""

    strike: float
    is_call: bool
    amount: float
    volatility: float


@dataclass(frozen=True, slots=True)
class Expiry:
    """Options that expire together; `confidence` is the least of forward and volatility."""

    seconds: int
    forward: float
    confidence: float
    options: Sequence[Option]


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account holds in one market."""

    spot: float
    spot_confidence: float = 1.0
    perps: float = 0.0
    perp_price: float = 0.0
    perp_confidence: float = 1.0
    perp_profit: float = 0.0  # unsettled and unrealised profit and funding
    base: float = 0.0
    expiries: Sequence[Expiry] = ()


@dataclass(frozen=True, slots=True)
class Margin:
    """Initial and maintenance margin, and the mark to market of everything."""

    initial: float
    maintenance: float
    mark_to_market: float


def parameters_at(at: int, market: str) -> Mapping[str, float]:
    """The committed parameters of a market at `at` [µs UTC]; markets without a row of their own have those of `*`.

    >>> parameters_at(1_769_000_000_000_000, "BTC")["perp_initial"], parameters_at(1_769_000_000_000_000, "ETH")["base"]
    (0.1, 0.8)
    """
    rows = record_or_error(RECORD, at, "the SRM of Derive").rows
    return {name: float(number) for name, number in {**rows["*"], **rows.get(market, {})}.items()}


def margin(
    holdings: Sequence[tuple[Holding, Mapping[str, float]]], cash: float = 0.0, stable_price: float = 1.0
) -> Margin:
    """Margins of an account: its holdings with the parameters of their markets, and cash.

    One short call at 2 500 on 2 000, out of the money by 25 %: 13 % and 9 % of spot beside its mark.

    >>> parameters = parameters_at(1_769_000_000_000_000, "ETH")
    >>> short = Expiry(864_000, 2000.0, 1.0, [Option(2500.0, True, -1.0, 0.0)])
    >>> margin([(Holding(2000.0, expiries=[short]), parameters)], cash=500.0)
    Margin(initial=240.0, maintenance=320.0, mark_to_market=500.0)
    """
    initial = sum(_market(holding, parameters, True, stable_price) for holding, parameters in holdings)
    maintenance = sum(_market(holding, parameters, False, stable_price) for holding, parameters in holdings)
    marked = cash + sum(
        holding.base * holding.spot / stable_price
        + holding.perp_profit
        + sum(_mark(option, expiry) for expiry in holding.expiries for option in expiry.options)
        for holding, _ in holdings
    )
    return Margin(initial + cash, maintenance + cash, marked)


def largest_loss(expiry: Expiry, unpaired: float) -> float:
    """The worst payoff at 0 and at the strikes, at most 0, beyond which net short calls lose `unpaired` forwards each.

    >>> spread = [Option(1800.0, True, -1.0, 0.5), Option(2000.0, True, 1.0, 0.5)]
    >>> largest_loss(Expiry(864_000, 2000.0, 1.0, spread), 1.1)
    -200.0
    """
    worst = 0.0
    for price in (0.0, *(option.strike for option in expiry.options)):
        payoff = sum(option.amount * max(0.0, _side(option) * (price - option.strike)) for option in expiry.options)
        worst = min(worst, payoff)
    net_calls = sum(option.amount for option in expiry.options if option.is_call)
    return worst + unpaired * expiry.forward * min(0.0, net_calls)


def isolated(option: Option, mark: float, spot: float, parameters: Mapping[str, float], is_initial: bool) -> float:
    """Margin of one short option whose position is worth `mark` (negative); 0 for a long one.

    >>> parameters = parameters_at(1_769_000_000_000_000, "ETH")
    >>> put = Option(2000.0, False, -1.0, 0.5)
    >>> isolated(put, -100.0, 2000.0, parameters, False), isolated(put, -100.0, 2000.0, parameters, True)
    (-280.0, -400.0)
    """
    if option.amount > 0:
        return 0.0
    outside = max(0.0, _side(option) * (option.strike - spot)) / spot
    rate = max(parameters["least_spot"], parameters["most_spot"] - outside)
    alone = mark + rate * spot * option.amount
    if option.is_call:
        return alone if is_initial else mark + parameters["call_spot"] * spot * option.amount
    kept = mark + min(parameters["put_spot"] * spot * option.amount, parameters["put_mark"] * mark)
    return min(alone, kept * parameters["put_offset"]) if is_initial else kept


def _side(option: Option) -> int:
    return 1 if option.is_call else -1


def _mark(option: Option, expiry: Expiry) -> float:
    years = expiry.seconds / SECONDS_PER_YEAR
    return option.amount * option_value(option.is_call, expiry.forward, option.strike, years, option.volatility)


def _market(holding: Holding, parameters: Mapping[str, float], is_initial: bool, stable_price: float) -> float:
    def doubt(confidence: float, threshold: str, size: float) -> float:
        if not is_initial or confidence >= parameters[threshold]:
            return 0.0
        return (1 - confidence) * parameters["confidence_factor"] * holding.spot * size

    trust, stage = holding.spot_confidence, "initial" if is_initial else "maintenance"
    size = abs(holding.perps)
    total = holding.perp_profit - size * holding.perp_price * parameters[f"perp_{stage}"]
    total -= doubt(min(trust, holding.perp_confidence), "perp_confidence", size)
    shorts_of_market = 0.0
    for expiry in holding.expiries:
        alone = sum(
            isolated(option, _mark(option, expiry), holding.spot, parameters, is_initial) for option in expiry.options
        )
        total += max(alone, largest_loss(expiry, parameters[f"unpaired_{stage}"]))
        shorts = sum(max(0.0, -option.amount) for option in expiry.options)
        shorts_of_market += shorts
        total -= doubt(min(trust, expiry.confidence), "option_confidence", shorts)
    base = holding.base * holding.spot * parameters["base"] * (parameters["base_initial"] if is_initial else 1.0)
    if base:
        total += base - doubt(trust, "base_confidence", holding.base)
    if is_initial:
        below = max(0.0, parameters["peg_threshold"] - stable_price)
        total -= below * parameters["peg_factor"] * holding.spot * (size + shorts_of_market)
    return total
