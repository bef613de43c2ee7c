"""The contracts of the vault system, compiled from a checkout that the reader brings: they are in no package registry.

    git clone https://github.com/makerdao/dss   (at fa4f663)

MARGINBOOK_MAKER names the folder. Nothing of it is kept in the repository. The price feed and a probe are ours.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from tools.packages import Missing, Sources, compiled, installed

SOLC = ("solc-0.6.12@npm:solc@0.6.12",)
NAME = "dss"
ENTRY = "marginbook/MakerProbe.sol"
OPTIMIZED = {"optimizer": {"enabled": True, "runs": 1}, "evmVersion": "istanbul"}
FILES = ("vat", "vow", "jug", "spot", "dog", "clip", "abaci")


def contracts() -> dict[str, Any]:
    """Name -> artifact of the whole system."""
    given = os.environ.get("MARGINBOOK_MAKER")
    folder = Path(given or "") / "src"
    if not given or not (folder / "clip.sol").is_file():
        raise Missing("MARGINBOOK_MAKER does not name a checkout of makerdao/dss at fa4f663")
    modules = installed("maker", SOLC)
    if not (modules / NAME).is_dir():
        shutil.copytree(folder, modules / NAME)
    text = (Path(__file__).parent / "Probe.sol").read_text()
    entry = modules / ENTRY
    if not entry.is_file() or entry.read_text() != text:
        entry.parent.mkdir(exist_ok=True)
        entry.write_text(text)
        for old in entry.parents[2].glob("compiled-*.json"):
            old.unlink()
    sources = Sources((*(f"{NAME}/{name}.sol" for name in FILES), ENTRY), settings=OPTIMIZED, solc="solc-0.6.12")
    return compiled("maker", modules, sources)
