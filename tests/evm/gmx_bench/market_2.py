"""A deployed market that takes the model's actions and shows every number the model has."""

from typing import Any

from eth_abi import decode, encode
from eth_hash.auto import keccak
from tools.chain import Chain, Reverted, calldata, selector

from gmx_bench.figures_2 import JUDGED
from gmx_bench.model_2 import KEYS, NOTHING, SIDES, Action, Key, State
from gmx_bench.scene_2 import DISCOUNTED, START, TRADERS, UI, Setup

ADDRESSES = {name: f"0x{number + 0xA0:040x}" for number, name in enumerate((*TRADERS, UI, "market"))}
NOBODY = "0x" + "0" * 40
ORDER = "(address,address,bool,uint256,uint256,uint8,bool,address)"
KINDS = {"increase": 2, "decrease": 4, "adl": 4, "liquidate": 7}
BY = "uint256[2]"
TERMS = (
    f"({BY},{BY},{BY},{BY},uint256,uint256,uint256,{BY},uint256,uint256,uint256,uint256,{BY},bool,bool,{BY},{BY},"
    f"{BY},{BY},{BY},{BY},{BY},uint256[8],{BY},uint256,uint256,uint256,bool,int256,uint256,uint256)"
)
ITEMS = ("address", "uint256", "int256", "bool", "bytes32", "bytes", "string")
EVENT = "(" + ",".join(f"((string,{one})[],(string,{one}[])[])" for one in ITEMS) + ")"
PRINTED = ("executionPrice", "priceImpactUsd", "basePnlUsd", "totalImpactUsd", "values.priceImpactDiffUsd")
PRINTED += ("remainingCostUsd",)
SAME = {"pendingPriceImpactUsd": "priceImpactUsd"}
REFUSALS = {
    "InsufficientCollateralAmount(uint256,int256)": "insufficient_collateral",
    "InsufficientCollateralUsd(int256)": "insufficient_collateral",
    "UnableToWithdrawCollateral(int256)": "insufficient_collateral",
    "InsufficientFundsToPayForCosts(uint256,string)": "insufficient_collateral",
    "LiquidatablePosition(string,int256,int256,int256)": "liquidatable_position",
    "MinPositionSize(uint256,uint256)": "min_position_size",
    "InvalidPositionSizeValues(uint256,uint256)": "min_position_size",
    "PriceImpactLargerThanOrderSize(int256,uint256)": "impact_too_large",
    "EmptySizeDeltaInTokens()": "impact_too_large",
    "NegativeExecutionPrice(int256,uint256,uint256,int256,uint256)": "impact_too_large",
    "PositionShouldNotBeLiquidated(string,int256,int256,int256)": "not_liquidatable",
    "InvalidDecreaseOrderSize(uint256,uint256)": "closes_too_much",
    "EmptyPosition()": "unknown_pool",
}
BY_SELECTOR = {selector(text): code for text, code in REFUSALS.items()}
LIBRARIES = (
    "MarketEventUtils",
    "MarketStoreUtils",
    "OrderEventUtils",
    "PositionEventUtils",
    "PositionStoreUtils",
    "ReferralEventUtils",
    "DecreasePositionSwapUtils",
    "MarketUtils",
    "FeeUtils",
    "PositionUtils",
    "IncreasePositionUtils",
    "DecreasePositionCollateralUtils",
    "DecreasePositionUtils",
)
"""In the order in which they need each other."""


class Deployed:
    """One market on one chain."""

    def __init__(self, contracts: dict[str, Any], setup: Setup) -> None:
        self.setup, self.chain = setup, Chain(START)
        self.steps, self.last, self.printed = 0, KEYS[0], NOTHING
        chain, libraries = self.chain, {}
        for name in LIBRARIES:
            libraries[name] = chain.deploy(contracts[name], **libraries)
        roles = chain.deploy(contracts["RoleStore"])
        store = chain.deploy(contracts["DataStore"], ["address"], [roles])
        emitter = chain.deploy(contracts["EventEmitter"], ["address"], [roles])
        names = dict.fromkeys((*setup.prices, setup.terms.index_token))
        self.tokens = {name: f"0x{number + 0xF0:040x}" for number, name in enumerate(names)}
        terms = setup.terms
        market = (
            ADDRESSES["market"],
            *(self.tokens[t] for t in (terms.index_token, terms.long_token, terms.short_token)),
        )
        made = (["address", "address", "(address,address,address,address)"], [store, emitter, market])
        self.harness = chain.deploy(contracts["Harness2"], *made, **libraries)
        controller = keccak(encode(["string"], ["CONTROLLER"]))
        for one in (self.harness, *libraries.values()):
            chain.call(roles, "grantRole(address,bytes32)", one, controller)
        who = (ADDRESSES[DISCOUNTED], ADDRESSES[UI])
        chain.call(self.harness, f"configure({TERMS},address,address)", _terms(setup), *who)
        for token, price in setup.prices.items():
            self._price(token, price, price)

    def _price(self, token: str, low: int, high: int) -> None:
        self.chain.call(self.harness, "setPrice(address,uint256,uint256)", self.tokens[token], low, high)

    def do(self, action: Action, state: State) -> str | None:
        """Why it was refused."""
        self.steps, self.printed = self.steps + 1, NOTHING
        if action.key[0]:
            self.last = action.key
        try:
            if action.kind == "time":
                self.chain.set_time(self.chain.time + action.size)
            elif action.kind == "price":
                self._price(action.token, action.size, action.amount)
            elif action.kind == "update":
                self.chain.call(self.harness, "update()")
            else:
                self._order(action, state)
        except Reverted as reverted:
            return BY_SELECTOR.get(reverted.data[:4]) or _text(reverted.data)
        return None

    def _order(self, action: Action, state: State) -> None:
        name, side, held = action.key
        size, amount = action.size, action.amount
        if action.kind == "liquidate":
            position = state.held(action.key)
            size, amount = position.size_usd if position else 0, 0
        terms = self.setup.terms
        collateral = self.tokens[terms.pnl_token(held == "long")]
        receiver = ADDRESSES[UI] if self.setup.ui_factor and size and action.kind != "liquidate" else NOBODY
        kind, adl = KINDS[action.kind], action.kind == "adl"
        order = (ADDRESSES[name], collateral, side == "long", size, amount, kind, adl, receiver)
        function = "increase" if action.kind == "increase" else "decrease"
        self.chain.call(self.harness, f"{function}({ORDER})", order)
        self.printed = _printed(self.chain.evm.result.logs)

    def numbers(self) -> list[int]:
        """In the order of `figures_2.model_numbers`."""
        found = self._words(calldata("totals()"))
        found += self._words(calldata("holdings(address[])", [ADDRESSES[name] for name in TRADERS]))
        found += [number % 2**256 for number in self.printed]
        for key in (self.last, KEYS[self.steps % len(KEYS)]):
            found += self._words(_judge(key))
        return found

    def _words(self, data: bytes) -> list[int]:
        return self.chain.words(self.harness, data)[2:]

    def labels(self) -> list[str]:
        """Names of the numbers."""
        return labels()


def _printed(logs: Any) -> tuple[int, ...]:
    """What the venue's own events say of an order, as `State.printed`."""
    found: dict[str, int] = {}
    for log in logs:
        _, name, data = decode(["address", "string", EVENT], log.data[1])
        if name in ("PositionIncrease", "PositionDecrease", "InsolventClose"):
            found |= {SAME.get(key, key): value for key, value in (*data[1][0], *data[2][0])}
    return tuple(found.get(name, 0) for name in PRINTED)


def labels() -> list[str]:
    """Names of the numbers, in order."""
    found = []
    for side in SIDES:
        for held in SIDES:
            names = ("open interest", "tokens", "collateral", "funding fee", "claimable funding")
            found += [f"{side} {name} in {held}" for name in names]
        found += [f"{side} borrowing factor", f"{side} total borrowing"]
        found += [f"{name} of {side} token" for name in ("pool", "fees", "interface fees", "claims", "funding claims")]
    found += [
        "saved funding",
        "impact pool",
        "lent impact",
        "pending impact",
        "virtual USD",
        "virtual tokens",
        "updated",
    ]
    held = ("size", "tokens", "collateral", "pending", "borrowing", "funding", "long claim", "short claim")
    for name in TRADERS:
        found += [f"{name} paid {side}" for side in SIDES]
        found += [f"{' '.join(key)} {one}" for key in KEYS if key[0] == name for one in held]
    found += ["price", "impact", "profit", "total impact", "impact beyond", "unpaid"]
    judged = ("liquidatable", "remaining", "minimum", "thin", "remaining", "minimum to change", "profit", "uncapped")
    judged += ("impact", "improved", "position fee", "discount", "borrowing", "funding", "liquidation fee", "costs")
    judged += ("long claim", "short claim", "sufficient", "borrowing rate", "pool's profit")
    assert len(judged) == JUDGED
    return found + [f"{which} {name}" for which in ("last", "other") for name in judged]


def _judge(key: Key) -> bytes:
    return calldata("judged(address,bool,bool)", ADDRESSES[key[0]], key[1] == "long", key[2] == "long")


def _text(data: bytes) -> str:
    if data[:4] == selector("Error(string)"):
        text = str(decode(["string"], data[4:])[0])
        return "insufficient_collateral" if text == "Invalid state: negative collateralSum" else text
    return data.hex()[:72]


def _terms(setup: Setup) -> tuple[Any, ...]:
    terms = setup.terms

    def both(value: int) -> tuple[int, int]:
        return value, value

    return (
        (terms.position_fee_factor_positive, terms.position_fee_factor_negative),
        (terms.positive_impact_factor, terms.negative_impact_factor),
        (terms.positive_impact_exponent, terms.negative_impact_exponent),
        (terms.positive_max_impact_factor, terms.negative_max_impact_factor),
        terms.max_impact_factor_for_liquidations,
        terms.min_collateral_factor,
        terms.min_collateral_factor_for_liquidation,
        both(terms.min_collateral_factor_for_open_interest_multiplier),
        terms.min_collateral_usd,
        terms.min_position_size_usd,
        terms.liquidation_fee_factor,
        terms.fee_receiver_factor,
        both(terms.max_pnl_factor or 0),
        terms.open_interest_in_tokens,
        terms.skip_borrowing_for_smaller_side,
        both(10**33),
        both(terms.open_interest_reserve_factor),
        both(terms.borrowing_factor),
        both(terms.borrowing_exponent),
        both(terms.optimal_usage_factor),
        both(terms.base_borrowing_factor),
        both(terms.above_optimal_borrowing_factor),
        (
            terms.funding_factor,
            terms.funding_exponent,
            terms.funding_increase_factor,
            terms.funding_decrease_factor,
            terms.stable_funding_threshold,
            terms.decrease_funding_threshold,
            terms.min_funding_factor,
            terms.max_funding_factor,
        ),
        setup.pool,
        setup.impact_pool,
        setup.least_impact_pool,
        setup.distribution,
        setup.virtual is not None,
        setup.virtual or 0,
        setup.ui_factor,
        setup.discount,
    )
