"""Contracts from public npm packages, installed and compiled once into a cache outside the repository.

Nothing of these packages is kept in the repository; they are only executed here.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

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
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def installed(name: str, packages: Sequence[str], keep: Sequence[str] = ()) -> Path:
    """`node_modules` with `packages` of a bench called `name`, in a folder of its own.

    Of a large package, `keep` names the files to unpack (glob patterns below `node_modules`); the rest is removed.
    """
    folder = cache() / name
    done = folder / "installed.json"
    wanted = [*packages, *keep]
    if done.is_file() and json.loads(done.read_text()) == wanted:
        return folder / "node_modules"
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise Missing(f"{tool} is not installed")
    with _locked(folder):
        if done.is_file() and json.loads(done.read_text()) == wanted:
            return folder / "node_modules"
        (folder / "package.json").write_text("{}")
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=peer", *packages]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=400, check=False)
        if result.returncode:
            raise Missing("npm could not install the contract packages: " + result.stderr[-300:])
        if keep:
            modules = folder / "node_modules"
            kept = {path for pattern in keep for path in modules.glob(pattern)}
            for path in modules.rglob("*"):
                if path.is_file() and path not in kept:
                    path.unlink()
        done.write_text(json.dumps(wanted))
    return folder / "node_modules"


def packed(name: str, package: str, keep: Sequence[str]) -> Path:
    """Files of one large package, without its dependencies: only `keep` (paths or patterns in it) leave the archive."""
    folder = cache() / name
    done = folder / "packed.json"
    wanted = [package, *keep]
    if done.is_file() and json.loads(done.read_text()) == wanted:
        return folder / "package"
    if shutil.which("npm") is None:
        raise Missing("npm is not installed")
    with _locked(folder):
        if not (done.is_file() and json.loads(done.read_text()) == wanted):
            command = ["npm", "pack", "--silent", package]
            result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=400, check=False)
            if result.returncode:
                raise Missing("npm could not fetch the contract package: " + result.stderr[-300:])
            archive = folder / result.stdout.split()[-1]
            with tarfile.open(archive) as files:
                for member in files.getmembers():
                    if any(fnmatch(member.name, f"package/{path}") for path in keep):
                        files.extract(member, folder, filter="data")
            archive.unlink()
            done.write_text(json.dumps(wanted))
    return folder / "package"


def artifacts_below(folder: Path) -> dict[str, Artifact]:
    """Hardhat artifacts by contract name."""
    found = (path for path in folder.rglob("*.json") if "dbg" not in path.name)
    return {path.stem: json.loads(path.read_text()) for path in found}


@dataclass(frozen=True)
class Sources:
    """What a compiler is given."""

    entries: tuple[str, ...]  # paths below node_modules
    remappings: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the compiler: optimizer, evmVersion, viaIR
    solc: str = "solc"  # npm package (or alias) of the compiler


def compiled(name: str, modules: Path, sources: Sources) -> dict[str, Artifact]:
    """Contracts by name, compiled once by the compiler's own npm package."""
    given = json.dumps([repr(sources), _sources(modules, sources)])
    digest = hashlib.sha256(given.encode()).hexdigest()[:12]
    output = cache() / name / f"compiled-{digest}.json"
    if not output.is_file():
        with _locked(output.parent):
            if not output.is_file():
                _compile(modules, sources, output)
    found: dict[str, Artifact] = json.loads(output.read_text())
    return found


def _compile(modules: Path, sources: Sources, output: Path) -> None:
    if shutil.which("node") is None:
        raise Missing("node is not installed")
    request = {
        "language": "Solidity",
        "sources": _sources(modules, sources),
        "settings": {
            "remappings": [f"{short}={long}" for short, long in sources.remappings.items()],
            **sources.settings,
            "outputSelection": {"*": {"*": ["evm.bytecode.object", "evm.bytecode.linkReferences"]}},
        },
    }
    script = f"process.stdout.write(require('{sources.solc}').compile(require('fs').readFileSync(0,'utf8')))"
    result = subprocess.run(
        ["node", "-e", script],
        cwd=modules.parent,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=400,
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


def _sources(modules: Path, sources: Sources) -> dict[str, dict[str, str]]:
    """The entries and everything they import, keyed by path inside the packages."""
    found: dict[str, dict[str, str]] = {}
    waiting = list(sources.entries)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        text = (modules / name).read_text()
        found[name] = {"content": text}
        waiting += [_resolve(name, target, sources.remappings) for target in _IMPORT.findall(text)]
    return found


def _resolve(importer: str, target: str, remappings: Mapping[str, str]) -> str:
    if target.startswith("."):
        return os.path.normpath(os.path.join(os.path.dirname(importer), target))
    for short, long in remappings.items():
        if target.startswith(short):
            return long + target.removeprefix(short)
    return target
