"""A deployed vault that takes the book's actions and shows every number of it."""

from dataclasses import dataclass
from typing import Any

from eth_abi import decode
from tools.chain import ADMIN, Chain, Reverted, calldata

from gmx_bench.scene_1 import DECIMALS, INDICES, STABLE, START, TOKENS, USERS, Action, World

KEEPER = "0x000000000000000000000000000000000000bEEF"
NAMED = {  # the vault's numbered refusals, as `vault_calls` names them
    29: "insufficient collateral for fees",
    30: "invalid position size",
    31: "empty position",
    32: "position size exceeded",
    33: "position collateral exceeded",
    35: "empty position",
    36: "position cannot be liquidated",
    40: "size must be more than collateral",
    49: "invalid increase",
    50: "reserve exceeds pool",
    52: "reserve exceeds pool",
}
TEXTS = {"maxLeverage exceeded": "max leverage exceeded", "poolAmount exceeded": "pool amount exceeded"}


def address_of(user: str) -> str:
    """An address for each name."""
    return KEEPER if user == "keeper" else f"0x{0xA11CE00 + USERS.index(user):040x}"


def reason_of(data: bytes) -> str:
    """The refusal as the model names it."""
    text = str(decode(["string"], data[4:])[0])
    text = text.removeprefix("Vault: ").removeprefix("SafeMath: ")
    return TEXTS.get(text, text)


@dataclass(kw_only=True)
class Deployed:
    """Addresses of one deployment."""

    chain: Chain
    vault: str
    feed: str
    desk: str
    tokens: dict[str, str]

    def do(self, action: Action) -> str | None:
        """Why it was refused, or None."""
        chain, token, index = self.chain, self.tokens.get(action.token, ADMIN), self.tokens.get(action.index, ADMIN)
        user = address_of(action.user) if action.user else ADMIN
        try:
            match action.kind:
                case "time":
                    chain.set_time(chain.time + action.size)
                case "price":
                    chain.call(self.feed, "set(address,uint256,uint256)", index, action.low, action.high)
                case "pool":
                    chain.call(self.desk, "deposit(address,address,uint256)", self.vault, index, action.tokens)
                case "fund":
                    chain.call(self.vault, "updateCumulativeFundingRate(address,address)", index, index)
                case "increase":
                    signature = "increase(address,address,address,address,uint256,uint256,bool)"
                    terms = (user, token, index, action.tokens, action.size, action.long)
                    chain.call(self.desk, signature, self.vault, *terms)
                case "decrease":
                    signature = "decreasePosition(address,address,address,uint256,uint256,bool,address)"
                    arguments = (user, token, index, action.taken, action.size, action.long, user)
                    chain.call(self.vault, signature, *arguments, sender=user)
                case "liquidate":
                    signature = "liquidatePosition(address,address,address,bool,address)"
                    chain.call(self.vault, signature, user, token, index, action.long, KEEPER, sender=KEEPER)
        except Reverted as refused:
            return reason_of(refused.data)
        return None

    def numbers(self) -> list[int]:
        """What `scene_1.numbers` has: the desk looks after funding, and undoes it by failing with what it saw."""
        tokens, users = [self.tokens[name] for name in TOKENS], [address_of(user) for user in (*USERS, "keeper")]
        data = calldata("look(address,address[],uint256,address[])", self.vault, tokens, len(INDICES), users)
        try:
            self.chain.send(self.desk, data)
        except Reverted as shown:
            return [int.from_bytes(shown.data[i : i + 32], "big") for i in range(0, len(shown.data), 32)]
        raise AssertionError("the desk always fails")


def deploy(contracts: dict[str, Any], world: World) -> Deployed:
    """The same vault, on chain."""
    chain = Chain(START)
    vault, desk, feed = (chain.deploy(contracts[name]) for name in ("Vault", "Desk", "Feed"))
    tokens = {name: chain.deploy(contracts["Coin"]) for name in TOKENS}
    terms, stable = world.terms("BTC"), world.terms(STABLE)
    types = "address,address,address,uint256,uint256,uint256"
    first = (desk, tokens[STABLE], feed, terms.liquidation_fee_usd, terms.funding_factor, stable.funding_factor)
    chain.call(vault, f"initialize({types})", *first)
    utils = chain.deploy(contracts["VaultUtils"], ["address"], [vault])
    chain.call(vault, "setVaultUtils(address)", utils)
    chain.call(vault, "setErrorController(address)", ADMIN)
    for code, reason in NAMED.items():
        chain.call(vault, "setError(uint256,string)", code, reason)
    chain.call(vault, "setMaxLeverage(uint256)", terms.max_leverage)
    factors = (terms.funding_interval, terms.funding_factor, stable.funding_factor)
    chain.call(vault, "setFundingRate(uint256,uint256,uint256)", *factors)
    fees = (50, 20, 30, 30, 4, terms.margin_fee, terms.liquidation_fee_usd, terms.min_profit_time, False)
    chain.call(vault, "setFees(" + "uint256," * 8 + "bool)", *fees)
    for name, token in tokens.items():
        prices, own = world.prices(name), world.terms(name)
        chain.call(feed, "set(address,uint256,uint256)", token, prices.low, prices.high)
        config = (DECIMALS[name], 10_000, own.min_profit, 0, name == STABLE, name != STABLE)
        chain.call(vault, "setTokenConfig(address,uint256,uint256,uint256,uint256,bool,bool)", token, *config)
        if own.max_short_size:
            chain.call(vault, "setMaxGlobalShortSize(address,uint256)", token, own.max_short_size)
    return Deployed(chain=chain, vault=vault, feed=feed, desk=desk, tokens=tokens)
