"""Compound's contracts, compiled from a checkout that the reader brings: they are in no package registry.

    git clone https://github.com/compound-finance/compound-protocol   (at a3214f6)
    git clone https://github.com/compound-finance/comet               (at d5a30b0a)

MARGINBOOK_COMPOUND_2 and MARGINBOOK_COMPOUND_3 name the two folders. Nothing of them is kept in the repository.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from tools.packages import Missing, Sources, compiled, installed

SOLC = ("solc-0.8.10@npm:solc@0.8.10", "solc-0.8.15@npm:solc@0.8.15")
OPTIMIZED = {"optimizer": {"enabled": True, "runs": 200}, "evmVersion": "london"}


def _checkout(variable: str, name: str, commit: str, folders: tuple[str, ...]) -> Path:
    given = os.environ.get(variable)
    if not given or not (Path(given) / folders[0]).is_dir():
        raise Missing(f"{variable} does not name a checkout of compound-finance/{name} at {commit}")
    modules = installed("compound", SOLC)
    for folder in folders:
        target = modules / name / folder
        if not target.is_dir():
            shutil.copytree(Path(given) / folder, target)
    return modules


def compound_2() -> dict[str, Any]:
    """Name -> artifact of the money market."""
    name = "compound-protocol"
    modules = _checkout("MARGINBOOK_COMPOUND_2", name, "a3214f6", ("contracts", "tests/Contracts"))
    names = ("CErc20Immutable", "Comptroller", "JumpRateModelV2", "SimplePriceOracle")
    entries = (*(f"{name}/contracts/{n}.sol" for n in names), f"{name}/tests/Contracts/FaucetToken.sol")
    return compiled("compound", modules, Sources(entries, settings=OPTIMIZED, solc="solc-0.8.10"))


def compound_3() -> dict[str, Any]:
    """Name -> artifact of Comet."""
    modules = _checkout("MARGINBOOK_COMPOUND_3", "comet", "d5a30b0a", ("contracts",))
    names = ("Comet", "CometExt", "test/SimplePriceFeed", "test/FaucetToken")
    entries = tuple(f"comet/contracts/{n}.sol" for n in names)
    settings = {**OPTIMIZED, "viaIR": True}
    return compiled("compound", modules, Sources(entries, settings=settings, solc="solc-0.8.15"))
