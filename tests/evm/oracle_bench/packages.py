"""Uniswap v2's pair, and v3's libraries behind a contract of ours that keeps a pool's memory and answers for it.

Nothing of the packages is kept in the repository.
"""

import json
from typing import Any

from tools.packages import Sources, compiled, installed

PACKAGES = ("@uniswap/v2-core@1.0.1", "@uniswap/v3-core@1.0.1", "@uniswap/v3-periphery@1.4.4", "solc@0.7.6")
ENTRY = "marginbook/Memory.sol"
MEMORY = """
pragma solidity =0.7.6;

import "@uniswap/v3-core/contracts/libraries/Oracle.sol";
import "@uniswap/v3-core/contracts/libraries/TickMath.sol";
import "@uniswap/v3-periphery/contracts/libraries/OracleLibrary.sol";

contract Memory {
    using Oracle for Oracle.Observation[65535];

    Oracle.Observation[65535] public observations;
    uint16 private last;
    uint16 private kept;
    uint16 private wanted;
    int24 private tick;
    uint128 private liquidity;

    function create(int24 tick_, uint128 liquidity_, uint16 cardinality) external {
        (kept, wanted) = observations.initialize(uint32(block.timestamp));
        wanted = observations.grow(wanted, cardinality);
        (tick, liquidity) = (tick_, liquidity_);
    }

    function move(int24 tick_, uint128 liquidity_) external {
        (last, kept) = observations.write(last, uint32(block.timestamp), tick, liquidity, kept, wanted);
        (tick, liquidity) = (tick_, liquidity_);
    }

    function observe(uint32[] calldata ago) external view returns (int56[] memory ticks, uint160[] memory liquid) {
        return observations.observe(uint32(block.timestamp), ago, tick, last, liquidity, kept);
    }

    function consult(uint32 window) external view returns (int24 mean, uint128 harmonic) {
        return OracleLibrary.consult(address(this), window);
    }

    function root(int24 at) external pure returns (uint160) {
        return TickMath.getSqrtRatioAtTick(at);
    }

    function tickAt(uint160 price) external pure returns (int24) {
        return TickMath.getTickAtSqrtRatio(price);
    }

    function quote(int24 at, uint128 amount, bool ofToken0) external pure returns (uint256) {
        return OracleLibrary.getQuoteAtTick(at, amount, address(ofToken0 ? 1 : 2), address(ofToken0 ? 2 : 1));
    }
}
"""


def pair() -> dict[str, Any]:
    """Artifacts of a v2 pair and of its package's own token."""
    build = installed("uniswap", PACKAGES) / "@uniswap" / "v2-core" / "build"
    found = {name: json.loads((build / f"{name}.json").read_text()) for name in ("UniswapV2Pair", "ERC20")}
    return {name: {"bytecode": made["bytecode"], "linkReferences": {}} for name, made in found.items()}


def memory() -> dict[str, Any]:
    """The artifact of the contract."""
    modules = installed("uniswap", PACKAGES)
    entry = modules / ENTRY
    if not entry.is_file() or entry.read_text() != MEMORY:
        entry.parent.mkdir(exist_ok=True)
        entry.write_text(MEMORY)
    settings = {"optimizer": {"enabled": True, "runs": 800}, "evmVersion": "istanbul"}
    artifact: dict[str, Any] = compiled("uniswap", modules, Sources((ENTRY,), settings=settings))["Memory"]
    return artifact
