"""Which asset a market follows: data for common moves, so that a fall of ETH is a fall of wstETH and of ETHUSDT too."""

from collections.abc import Set
from functools import cache

from marginbook.units import STABLE_ASSETS

FOLLOWERS = {
    "ETH": "WETH WETH.E STETH WSTETH WEETH EETH EZETH RETH CBETH OSETH ETHX RSETH WRSETH FRXETH SFRXETH METH ANKRETH "
    "SWETH TETH BETH WBETH LSETH UNIETH PUFETH OETH",
    "BTC": "WBTC WBTC.E BTC.B CBBTC TBTC LBTC XBT EBTC FBTC SOLVBTC RENBTC BTCB HBTC SBTC UNIBTC PUMPBTC KBTC",
    "SOL": "WSOL STSOL MSOL JITOSOL BSOL BNSOL JUPSOL",
    "POL": "WPOL MATIC WMATIC STMATIC MATICX",
    "AVAX": "WAVAX SAVAX",
    "BNB": "WBNB SLISBNB ASBNB",
    "GNO": "WGNO OSGNO",
    "S": "WS STS",
    "LINK": "LINK.E",
    "AAVE": "AAVE.E",
    "USDC": "USDC.E USDBC AUSDC SUSDC SYRUPUSDC",
    "USDT": "USDT.E USDT0 USD₮0 USD₮ AUSDT SYRUPUSDT",
    "DAI": "DAI.E SDAI XDAI WXDAI",
    "USDE": "SUSDE",
    "USDS": "SUSDS",
    "USD": "MAI MUSD USDG USD1",
    "CRVUSD": "SCRVUSD",
    "GHO": "SGHO STKGHO",
    "EURC": "EURE EURS",
}
"""Asset -> what follows its price: wrapped, staked, bridged and interest-bearing forms, by symbol in capitals."""
FOLLOWS = {follower: asset for asset, text in FOLLOWERS.items() for follower in text.split()}

QUOTE_ASSETS = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDE", "USD1", "USD", "DAI")
"""Assets that a market's name may end in, longest first."""
SEPARATORS = "/:-_"
MULTIPLIERS = ("1000000", "1000", "1M", "k")
"""Prefixes of contracts on many units of a cheap asset."""


@cache
def symbol(name: str) -> str:
    """The asset that a market or asset is about, in capitals: quote, contract and principal-token marks taken off.

    >>> [symbol(n) for n in ("wstETH", "ETHUSDT", "BTC/USDT:USDT", "ETH-PERP", "1000SHIBUSDT", "crvUSD", "kPEPE")]
    ['WSTETH', 'ETH', 'BTC', 'ETH', 'SHIB', 'CRVUSD', 'PEPE']
    """
    base = name.removeprefix("PT-")
    for separator in SEPARATORS:
        base = base.partition(separator)[0] or base
    capital = base.upper()
    if capital in FOLLOWS or capital in STABLE_ASSETS:
        return capital
    stems = [base[: -len(quote)] for quote in QUOTE_ASSETS if capital.endswith(quote) and capital != quote]
    if stems:
        known = [stem for stem in stems if stem.upper() in FOLLOWS or stem.upper() in FOLLOWERS]
        base = (known or stems)[0]
        capital = base.upper()
    for multiplier in MULTIPLIERS:
        if base.startswith(multiplier) and base != multiplier:
            return capital[len(multiplier) :]
    return capital


def underlying(name: str) -> str:
    """The asset whose price a market or asset follows.

    >>> [underlying(n) for n in ("WETH", "wstETH", "ETHUSDT", "USDC.e", "sUSDe")]
    ['ETH', 'ETH', 'ETH', 'USDC', 'USDE']
    """
    found = symbol(name)
    return FOLLOWS.get(found, found)


def is_stable(name: str, stable: Set[str]) -> bool:
    """Whether a common move of prices leaves this market or asset alone.

    >>> is_stable("USDCUSDT", {"USDC"}), is_stable("ETHUSDC", {"USDC"}), is_stable("sUSDe", {"USDE"})
    (True, False, True)
    """
    return underlying(name) in stable
