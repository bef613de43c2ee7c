"""The contracts: public npm packages, installed and compiled once into a cache outside the repository.

Nothing of these packages is kept in the repository; they are only executed here.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PACKAGES = (
    "@aave/core-v3@1.19.3",
    "@aave-dao/aave-v3-origin@3.6.0",
    "@bgd-labs/solidity-utils@1.1.2",
    "@openzeppelin/contracts@5.7.0",
    "@openzeppelin/contracts-upgradeable@5.7.0",
    "solc@0.8.27",
)
ORIGIN = "@aave-dao/aave-v3-origin/src/contracts/"
REMAPPINGS = {
    "openzeppelin-contracts/contracts/": "@openzeppelin/contracts/",
    "openzeppelin-contracts-upgradeable/contracts/": "@openzeppelin/contracts-upgradeable/",
    "solidity-utils/": "@bgd-labs/solidity-utils/src/",
}
ENTRIES_3_6 = (
    "protocol/configuration/PoolAddressesProvider.sol",
    "protocol/configuration/ACLManager.sol",
    "misc/AaveOracle.sol",
    "helpers/AaveProtocolDataProvider.sol",
    "misc/DefaultReserveInterestRateStrategyV2.sol",
    "instances/PoolInstance.sol",
    "instances/PoolConfiguratorInstance.sol",
    "instances/ATokenInstance.sol",
    "instances/VariableDebtTokenInstance.sol",
    "mocks/tokens/MintableERC20.sol",
    "mocks/oracle/CLAggregators/MockAggregator.sol",
)
_IMPORT = re.compile(r"""^\s*import\s+(?:[^'";]*\sfrom\s+)?['"]([^'"]+)['"]""", re.MULTILINE)

Artifact = dict[str, Any]
"""`bytecode` (hex with placeholders) and `linkReferences`."""


class Missing(Exception):
    """A tool or package that the bench needs is not here."""


def cache() -> Path:
    """Where packages and compiled contracts are kept."""
    root = os.environ.get("MARGINBOOK_CACHE") or Path.home() / ".cache" / "marginbook"
    return Path(root) / "evm"


@contextmanager
def _locked() -> Iterator[Path]:
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def packages() -> Path:
    """The folder of installed packages."""
    done = cache() / "installed.json"
    if done.is_file() and json.loads(done.read_text()) == list(PACKAGES):
        return cache() / "node_modules"
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise Missing(f"{tool} is not installed")
    with _locked() as folder:
        (folder / "package.json").write_text("{}")
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *PACKAGES]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        if result.returncode:
            raise Missing("npm could not install the contract packages: " + result.stderr[-300:])
        done.write_text(json.dumps(PACKAGES))
    return cache() / "node_modules"


def core_3_0() -> dict[str, Artifact]:
    """Artifacts of 3.0, which come with bytecode."""
    root = packages() / "@aave" / "core-v3" / "artifacts" / "contracts"
    return {path.stem: json.loads(path.read_text()) for path in root.rglob("*.json") if "dbg" not in path.name}


def compiled_3_6() -> dict[str, Artifact]:
    """Contracts of 3.6, compiled once by the compiler's own npm package."""
    modules = packages()
    output = cache() / f"compiled-3.6-{_digest(PACKAGES, ENTRIES_3_6)}.json"
    if not output.is_file():
        with _locked():
            if not output.is_file():
                _compile(modules, output)
    found: dict[str, Artifact] = json.loads(output.read_text())
    return found


def _digest(*inputs: object) -> str:
    """A short name for what was compiled."""
    return hashlib.sha256(repr(inputs).encode()).hexdigest()[:12]


def _compile(modules: Path, output: Path) -> None:
    if shutil.which("node") is None:
        raise Missing("node is not installed")
    request = {
        "language": "Solidity",
        "sources": _sources(modules, [ORIGIN + entry for entry in ENTRIES_3_6]),
        "settings": {
            "remappings": [f"{short}={long}" for short, long in REMAPPINGS.items()],
            "optimizer": {"enabled": True, "runs": 200},
            "evmVersion": "shanghai",
            "outputSelection": {"*": {"*": ["evm.bytecode.object", "evm.bytecode.linkReferences"]}},
        },
    }
    script = "process.stdout.write(require('solc').compile(require('fs').readFileSync(0,'utf8')))"
    result = subprocess.run(
        ["node", "-e", script],
        cwd=modules.parent,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=300,
    )
    if result.returncode:
        raise Missing("the Solidity compiler failed: " + result.stderr[-300:])
    answer = json.loads(result.stdout)
    errors = [e["formattedMessage"] for e in answer.get("errors", ()) if e["severity"] == "error"]
    if errors:
        raise Missing("the contracts did not compile: " + errors[0])
    artifacts = {
        name: {"bytecode": c["evm"]["bytecode"]["object"], "linkReferences": c["evm"]["bytecode"]["linkReferences"]}
        for file in answer["contracts"].values()
        for name, c in file.items()
        if c["evm"]["bytecode"]["object"]
    }
    partial = output.with_suffix(".partial")
    partial.write_text(json.dumps(artifacts))
    partial.replace(output)


def _sources(modules: Path, entries: list[str]) -> dict[str, dict[str, str]]:
    """The entries and everything they import, keyed by path inside the packages."""
    sources: dict[str, dict[str, str]] = {}
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        text = (modules / name).read_text()
        sources[name] = {"content": text}
        waiting += [_resolve(name, target) for target in _IMPORT.findall(text)]
    return sources


def _resolve(importer: str, target: str) -> str:
    if target.startswith("."):
        return os.path.normpath(os.path.join(os.path.dirname(importer), target))
    for short, long in REMAPPINGS.items():
        if target.startswith(short):
            return long + target.removeprefix(short)
    return target
