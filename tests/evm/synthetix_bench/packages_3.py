"""Synthetix's perps market v3: the modules of its npm package at one address, around them stand-ins of ours.

Its imports of the core system, of oracles, of spot markets, of distributors and of the trusted forwarder are met by
`contracts_3`, because no registry carries them. Nothing of the packages is kept in the repository.
"""

import hashlib
from pathlib import Path
from typing import Any

from tools.packages import Sources, compiled, installed

PACKAGE = "@synthetixio/perps-market@3.13.0"
PACKAGES = (
    PACKAGE,
    "@synthetixio/core-contracts@3.1.1",
    "@synthetixio/core-modules@3.1.1",
    "solc@0.8.22",
)
OURS = Path(__file__).parent / "contracts_3"
CORE = {
    "main/contracts/storage/": ("Account", "AccountRBAC"),
    "main/contracts/interfaces/external/": ("IMarket", "IRewardDistributor"),
    "main/contracts/interfaces/": (
        "ICollateralConfigurationModule",
        "IMarketCollateralModule",
        "IMarketManagerModule",
        "IUtilsModule",
        "IVaultModule",
    ),
    "oracle-manager/contracts/interfaces/": ("INodeModule",),
    "oracle-manager/contracts/storage/": ("NodeOutput",),
    "rewards-distributor/src/": ("RewardsDistributor",),
    "spot-market/contracts/interfaces/": (
        "IAtomicOrderModule",
        "IMarketConfigurationModule",
        "ISpotMarketFactoryModule",
    ),
    "spot-market/contracts/storage/": ("Price",),
}
"""What `Core.sol` stands in for."""


def contracts() -> dict[str, Any]:
    """Name -> artifact of `Perps`, `World` and `Synth`."""
    modules = installed("synthetix-3", PACKAGES)
    texts = {path.name: path.read_text() for path in sorted(OURS.glob("*.sol"))}
    folder = "marginbook-" + hashlib.sha256(repr(texts).encode()).hexdigest()[:12]
    (modules / folder).mkdir(exist_ok=True)
    for name, text in texts.items():
        (modules / folder / name).write_text(text)
    remappings = {"@synthetixio/core-contracts/contracts/utils/ERC2771Context.sol": f"{folder}/Sender.sol"}
    for place, names in CORE.items():
        remappings |= {f"@synthetixio/{place}{name}.sol": f"{folder}/Core.sol" for name in names}
    sources = Sources(
        (f"{folder}/Perps.sol", f"{folder}/World.sol"),
        remappings=remappings,
        settings={"optimizer": {"enabled": False}, "evmVersion": "shanghai"},
    )
    return compiled("synthetix-3", modules, sources)
