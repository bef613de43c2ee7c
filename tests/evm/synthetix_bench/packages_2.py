"""The contracts of perps v2, compiled once from the package, and one contract of ours for what stands around them."""

from pathlib import Path

from tools.packages import Artifact, Sources, compiled, installed

PACKAGE = "synthetix@2.102.1"
OPENZEPPELIN = "openzeppelin-solidity-2.3.0"
PACKAGES = (PACKAGE, f"{OPENZEPPELIN}@npm:openzeppelin-solidity@2.3.0", "solc@0.5.16")
CONTRACTS = (
    "AddressResolver",
    "FlexibleStorage",
    "FuturesMarketManager",
    "PerpsV2ExchangeRate",
    "PerpsV2Market",
    "PerpsV2MarketDelayedExecution",
    "PerpsV2MarketDelayedIntent",
    "PerpsV2MarketLiquidate",
    "PerpsV2MarketSettings",
    "PerpsV2MarketState",
    "PerpsV2MarketViews",
    "ProxyPerpsV2",
    "test-helpers/MockPyth",
    "test-helpers/TestablePerpsV2Market",
)
OURS = Path(__file__).parent / "contracts_2" / "Surroundings.sol"
ENTRY = "marginbook/Surroundings.sol"
SOURCES = Sources(
    entries=(*(f"synthetix/contracts/{name}.sol" for name in CONTRACTS), ENTRY),
    settings={"optimizer": {"enabled": True, "runs": 200}, "evmVersion": "istanbul"},
)


def contracts() -> dict[str, Artifact]:
    """Artifacts by contract name."""
    modules = installed("synthetix-2", PACKAGES)
    entry = modules / ENTRY
    if not entry.is_file() or entry.read_text() != OURS.read_text():
        entry.parent.mkdir(exist_ok=True)
        entry.write_text(OURS.read_text())
    return compiled("synthetix-2", modules, SOURCES)
