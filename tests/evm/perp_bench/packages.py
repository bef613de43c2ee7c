"""Bytecode of Perpetual Protocol v2 from its npm package, of its pools' factory and of a token; nothing is compiled."""

import json
from pathlib import Path
from typing import Any

from tools.packages import packed

PERP = "@perp/curie-contract@2.8.4"
POOLS = "@uniswap/v3-core@1.0.1"
TOKENS = "@openzeppelin/contracts@3.4.1-solc-0.7-2"
NAMES = (
    "AccountBalance",
    "BaseToken",
    "ClearingHouse",
    "ClearingHouseConfig",
    "CollateralManager",
    "Exchange",
    "InsuranceFund",
    "MarketRegistry",
    "OrderBook",
    "QuoteToken",
    "Vault",
)


def contracts() -> dict[str, Any]:
    """Name -> artifact."""
    files = {name: f"artifacts/contracts/{name}.sol/{name}.json" for name in NAMES}
    factory, token = "artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json", "build/contracts/ERC20.json"
    found = _read(packed("perp", PERP, tuple(files.values())), files)
    found |= _read(packed("perp-pools", POOLS, (factory,)), {"UniswapV3Factory": factory})
    return found | _read(packed("perp-tokens", TOKENS, (token,)), {"ERC20": token})


def _read(folder: Path, files: dict[str, str]) -> dict[str, Any]:
    return {name: json.loads((folder / file).read_text()) for name, file in files.items()}
