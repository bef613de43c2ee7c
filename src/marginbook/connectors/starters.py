"""Commented books to start from, one per kind of rule set: what `marginbook new RULES` prints."""

from collections.abc import Mapping

_HEAD = """# A book for marginbook: accounts, and the prices to judge them at.
#   marginbook check FILE          every number, zone and liquidation price
#   marginbook explain FILE {id}   where they come from
# Numbers may be quoted or not; both are read exactly as written.
"""

BINANCE = """
[[account]]
id = "{id}"
rules = "{rules}"
mode = "cross"                   # a position may say mode = "isolated", isolated_wallet = "500"
position_mode = "one-way"        # or "hedge": a long and a short of one market side by side
wallet = {{ USDT = "10000" }}      # the cross wallet: deposits and realised profit, without unrealised profit
position = [
  {{ market = "BTCUSDT", side = "long",  quantity = "0.5", entry = "62000", leverage = "20" }},
  {{ market = "ETHUSDT", side = "short", quantity = "4",   entry = "2500",  leverage = "10" }} ]
# order = [ {{ market = "BTCUSDT", side = "buy", quantity = "0.1", price = "58000" }} ]

# Leverage brackets come from the shipped, dated table. To use your own, add parameters = "mine" above and:
# [parameters.mine.BTCUSDT]
# brackets = [["0", "300000", "0.004", "150", "0"], ["300000", "800000", "0.005", "100", "300"]]

[prices]
as_of = "2026-10-01T12:00:00Z"   # also the default of --at
binance = {{ BTCUSDT = "60000", ETHUSDT = "2600" }}   # mark prices
"""

AAVE = """
[[account]]
id = "{id}"
rules = "{rules}"
network = "ethereum"
# emode = 1                      # e-mode category, 0 = none
collateral = [
  {{ asset = "WETH", amount = "10" }},                        # with interest
  {{ asset = "USDC", amount = "5000", enabled = false }} ]    # supplied, but not used as collateral
debt = [ {{ asset = "USDC", amount = "15000" }} ]             # with interest; or scaled_raw and index_raw

# Risk parameters come from the shipped, dated table. To try others, add parameters = "mine" above and:
# [parameters.mine.WETH]
# ltv = "0.805"
# liquidation_threshold = "0.83"

[prices]
as_of = "2026-10-01T12:00:00Z"   # also the default of --at
aave = {{ WETH = "3000", USDC = "1" }}   # the protocol's oracle prices, in USD
"""

DERIVATIVES = """
[[account]]
id = "{id}"
rules = "{rules}"
parameters = "mine"              # this rule set has no table of its own
wallet = {{ USD = "10000" }}
position = [ {{ market = "ETH", side = "long", quantity = "10", entry = "3000", leverage = "5" }} ]
# order = [ {{ market = "ETH", side = "buy", quantity = "1", price = "2800" }} ]

[parameters.mine."*"]            # "*": every market without a table of its own
maintenance_rate = "0.05"        # of the notional; or brackets = [[floor, cap, rate, greatest leverage, cum], …]
initial_rate = "0.1"             # where a position has no leverage of its own
# basis = "entry"                # default "mark"
# contract = "inverse"           # default "linear"
# taker_fee = "0.0005"           # demanded on top of maintenance
# operator = "<="                # default "<": liquidatable below the requirement, not at it

[prices]
as_of = "2026-10-01T12:00:00Z"   # also the default of --at
generic = {{ ETH = "3000" }}
"""

LENDING = """
[[account]]
id = "{id}"
rules = "{rules}"
parameters = "mine"              # this rule set has no table of its own
collateral = [ {{ asset = "ETH", amount = "5" }} ]
debt = [ {{ asset = "USDC", amount = "10000" }} ]

[parameters.mine."*"]            # "*": every asset without a table of its own
liquidation_threshold = "0.8"    # or collateral_factor, or minimum_collateral_ratio = "1.5"
ltv = "0.75"                     # how much may be borrowed; default: the threshold
liquidation_bonus = "0.05"
close_factor = "0.5"             # most of a debt that one liquidation may repay

[prices]
as_of = "2026-10-01T12:00:00Z"   # also the default of --at
generic = {{ ETH = "2750", USDC = "1" }}
"""

STARTERS: Mapping[str, tuple[str, str]] = {
    "binance/usdm": ("trader-1", BINANCE),
    "aave": ("treasury", AAVE),
    "generic/derivatives": ("trader-1", DERIVATIVES),
    "generic/lending": ("borrower-1", LENDING),
}
"""Rule set, or family of rule sets -> (account id, text)."""


def starter(rules: str) -> str | None:
    """The starter text of a rule set; None if there is none."""
    found = STARTERS.get(rules) or STARTERS.get(rules.partition("/")[0])
    if found is None:
        return None
    account, text = found
    return (_HEAD + text).format(id=account, rules=rules)
