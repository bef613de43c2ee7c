"""The whole deployment: real contracts everywhere; price feeds are ours, balances of tokens are written."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from eth_abi import encode
from eth_hash.auto import keccak
from tools.chain import Chain, calldata

from perp_bench.scene import COLLATERALS, FEE, FUND_SHARE, MARKETS, SHOWN, START, TERMS

POOL_FEE = 10_000
OBSERVATIONS = 800
MOST = 2**256 - 1
FEED = "60003560e01c63313ce56714601e57" + "6004351515545b60005260206000f3" + "5b60{decimals:02x}601556"
"""Runtime code of a feed: `decimals`; else slot 0 where the interval asked for is 0, and slot 1 for any other."""
STARTER = "60{size:02x}8060095f395ff3"
LINKS = ("Exchange", "AccountBalance", "MarketRegistry", "OrderBook", "Vault")


@dataclass(kw_only=True)
class Addresses:
    """Where everything is."""

    chain: Chain
    of: dict[str, str]  # contract -> address
    bases: dict[str, str]
    pools: dict[str, str]
    tokens: dict[str, str]
    feeds: dict[str, str]
    users: dict[str, str]


def feed(chain: Chain, decimals: int) -> str:
    """A price feed."""
    runtime = FEED.format(decimals=decimals)
    return chain.deploy({"bytecode": STARTER.format(size=len(runtime) // 2) + runtime, "linkReferences": {}})


def set_price(at: Addresses, name: str, spot: int, mean: int) -> None:
    """What a feed answers, for now and for any window."""
    at.chain.evm.insert_account_storage(at.feeds[name], 0, spot)
    at.chain.evm.insert_account_storage(at.feeds[name], 1, mean)


def token(chain: Chain, artifact: dict[str, Any], name: str, decimals: int, holders: list[str]) -> str:
    """A token of which all holders have plenty."""
    address = chain.deploy(artifact, ["string", "string"], [name, name])
    chain.evm.insert_account_storage(address, 5, decimals)
    for holder in holders:
        slot = int.from_bytes(keccak(encode(["address", "uint256"], [holder, 0])), "big")
        chain.evm.insert_account_storage(address, slot, 10**60)
    return address


def deploy(contracts: dict[str, Any]) -> Addresses:
    """Everything but liquidity and deposits, at the scene's first prices."""
    chain = Chain(START)
    of = {name: chain.deploy(contracts[name]) for name in contracts if name not in ("ERC20", "BaseToken")}
    users = {name: f"0x{0xA11CE00 + i:040x}" for i, name in enumerate(SHOWN)}
    decimals = {"USDC": 6} | {name: terms.decimals for name, terms in COLLATERALS.items()}
    tokens = {name: token(chain, contracts["ERC20"], name, n, list(users.values())) for name, n in decimals.items()}
    feeds = {name: feed(chain, terms.feed) for name, terms in (MARKETS | COLLATERALS).items()}
    at = Addresses(chain=chain, of=of, bases={}, pools={}, tokens=tokens, feeds=feeds, users=users)
    for name, terms in (MARKETS | COLLATERALS).items():
        set_price(at, name, terms.price, terms.price)
    _initialize(at)
    for name in MARKETS:
        _open_market(at, contracts["BaseToken"], name)
    for holder in users.values():
        for address in tokens.values():
            chain.call(address, "approve(address,uint256)", of["Vault"], MOST, sender=holder)
    return at


def _initialize(at: Addresses) -> None:
    of, call = at.of, at.chain.call
    book, exchange, config, vault = of["OrderBook"], of["Exchange"], of["ClearingHouseConfig"], of["Vault"]
    accounts, registry, fund = of["AccountBalance"], of["MarketRegistry"], of["InsuranceFund"]
    factory, quote, house = of["UniswapV3Factory"], of["QuoteToken"], of["ClearingHouse"]
    call(quote, "initialize(string,string)", "vUSD", "vUSD")
    call(config, "initialize()")
    call(config, "setSettlementTokenBalanceCap(uint256)", MOST)
    call(registry, "initialize(address,address)", factory, quote)
    call(book, "initialize(address)", registry)
    call(exchange, "initialize(address,address,address)", registry, book, config)
    call(exchange, "setAccountBalance(address)", accounts)
    call(book, "setExchange(address)", exchange)
    call(accounts, "initialize(address,address)", config, book)
    call(fund, "initialize(address)", at.tokens["USDC"])
    call(vault, "initialize(address,address,address,address)", fund, config, accounts, exchange)
    call(fund, "setVault(address)", vault)
    call(accounts, "setVault(address)", vault)
    types = "address,address,uint8,uint24,uint24,uint24,uint24,uint256,uint256"
    call(of["CollateralManager"], f"initialize({types})", config, vault, len(COLLATERALS), *TERMS.values())
    call(vault, "setCollateralManager(address)", of["CollateralManager"])
    for name, terms in COLLATERALS.items():
        given = (at.feeds[name], terms.ratio, terms.discount, MOST)
        signature = "addCollateral(address,(address,uint24,uint24,uint256))"
        call(of["CollateralManager"], signature, at.tokens[name], given)
    call(
        house, "initialize(" + ",".join(["address"] * 7) + ")", config, vault, quote, factory, exchange, accounts, fund
    )
    call(quote, "mintMaximumTo(address)", house)
    call(quote, "addWhitelist(address)", house)
    for name in LINKS:
        call(of[name], "setClearingHouse(address)", house)


def _open_market(at: Addresses, artifact: dict[str, Any], name: str) -> None:
    of, call, terms = at.of, at.chain.call, MARKETS[name]
    house, quote = of["ClearingHouse"], of["QuoteToken"]
    base = at.chain.deploy(artifact)
    while base.lower() > quote.lower():  # a pool's first token is the one of the lower address
        base = at.chain.deploy(artifact)
    call(base, "initialize(string,string,address)", name, name, at.feeds[name])
    call(base, "mintMaximumTo(address)", house)
    raw = call(of["UniswapV3Factory"], "createPool(address,address,uint24)", base, quote, POOL_FEE)
    pool = "0x" + raw[-20:].hex()
    for asset in (base, quote):
        call(asset, "addWhitelist(address)", pool)
    call(base, "addWhitelist(address)", house)
    call(pool, "initialize(uint160)", terms.root)
    call(pool, "increaseObservationCardinalityNext(uint16)", OBSERVATIONS)
    call(of["MarketRegistry"], "addPool(address,uint24)", base, POOL_FEE)
    call(of["MarketRegistry"], "setFeeRatio(address,uint24)", base, FEE)
    call(of["MarketRegistry"], "setInsuranceFundFeeRatio(address,uint24)", base, FUND_SHARE)
    call(of["MarketRegistry"], "setMarketMaxPriceSpreadRatio(address,uint24)", base, 10**7)
    call(of["Exchange"], "setMaxTickCrossedWithinBlock(address,uint24)", base, 1_000)
    at.bases[name], at.pools[name] = base, pool


_calldata = lru_cache(4_096)(calldata)


def view_of(at: Addresses, contract: str, signature: str, *arguments: Any) -> list[int]:
    """A view's words, as signed integers."""
    words = at.chain.words(at.of[contract], _calldata(signature, *arguments))
    return [word - 2**256 if word >> 255 else word for word in words]
