"""The position libraries of GMX v2, compiled from a checkout that the reader brings: they are in no package registry.

    git clone https://github.com/gmx-io/gmx-synthetics   (at a5c0c8835182)

MARGINBOOK_GMX_2 names the folder. Nothing of it is kept in the repository; `Harness2.sol` is ours.
"""

import hashlib
import os
import shutil
from pathlib import Path

from tools.packages import Artifact, Missing, Sources, compiled, installed

VARIABLE = "MARGINBOOK_GMX_2"
COMMIT = "a5c0c8835182"
PACKAGES = ("solc@0.8.29", "@openzeppelin/contracts@4.9.3", "prb-math@2.4.3")
REPOSITORY = "gmx-synthetics"
HARNESS = Path(__file__).parent / "Harness2.sol"
SETTINGS = {"optimizer": {"enabled": True, "runs": 10, "details": {"constantOptimizer": True}}}
"""As the repository's own build configuration has them."""


def contracts() -> dict[str, Artifact]:
    """Artifacts by contract name."""
    given = os.environ.get(VARIABLE)
    if not given or not (Path(given) / "contracts").is_dir():
        raise Missing(f"{VARIABLE} does not name a checkout of gmx-io/{REPOSITORY} at {COMMIT}")
    modules = installed("gmx-2", PACKAGES)
    target = modules / REPOSITORY / "contracts"
    if not target.is_dir():
        shutil.copytree(Path(given) / "contracts", target)
    harness = f"harness-{hashlib.sha256(HARNESS.read_bytes()).hexdigest()[:12]}/Harness2.sol"
    if not (modules / harness).is_file():
        (modules / harness).parent.mkdir(exist_ok=True)
        shutil.copyfile(HARNESS, modules / harness)
    return compiled("gmx-2", modules, Sources((harness,), settings=SETTINGS))
