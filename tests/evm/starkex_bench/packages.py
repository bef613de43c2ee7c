"""The circuit, compiled from a checkout that the reader brings: it is in no package registry.

    git clone https://github.com/starkware-libs/stark-perpetual   (at 40f0282)
    python3.10 -m venv cairo && cairo/bin/pip install cairo-lang==0.12.3 'sympy<1.12'

MARGINBOOK_STARK_PERPETUAL names the first folder and MARGINBOOK_CAIRO_PYTHON the Python of the second: cairo-lang does
not run on Python 3.11 and later. This version compiles the program to the very hash that the repository states.
"""

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools.packages import Missing, cache

VERSION = "cairo-lang 0.12.3"
ENTRY = Path(__file__).with_name("circuit.cairo")
MAIN = "services/perpetual/cairo/main.cairo"
STATED = "services/perpetual/cairo/program_hash.json"


@dataclass(frozen=True)
class Program:
    """A Python that has the Cairo machine, a compiled program, and the folder of its sources."""

    python: str
    file: Path
    sources: Path


def _sources() -> Path:
    given = os.environ.get("MARGINBOOK_STARK_PERPETUAL")
    folder = Path(given or "") / "src"
    if not given or not (folder / MAIN).is_file():
        raise Missing(
            "MARGINBOOK_STARK_PERPETUAL does not name a checkout of starkware-libs/stark-perpetual at 40f0282"
        )
    return folder


def _python() -> str:
    found = os.environ.get("MARGINBOOK_CAIRO_PYTHON", "")
    known = subprocess.run([found or "false", "-c", "import starkware.cairo.lang.vm.cairo_runner"], check=False)
    if known.returncode:
        raise Missing(f"MARGINBOOK_CAIRO_PYTHON does not name a Python with {VERSION}")
    return found


def _compiled(python: str, sources: Path, entry: Path) -> Path:
    text = entry.read_bytes() + b"".join(path.read_bytes() for path in sorted(sources.rglob("*.cairo")))
    file = cache() / "starkex" / f"{entry.stem}-{hashlib.sha256(text).hexdigest()[:16]}.json"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}")
        module = "starkware.cairo.lang.compiler.cairo_compile"
        command = [python, "-m", module, str(entry), "--cairo_path", str(sources), "--output", str(partial)]
        subprocess.run(command, check=True, capture_output=True)
        partial.replace(file)
    return file


def circuit() -> Program:
    """The bench's entry to the circuit's functions, compiled once."""
    sources, python = _sources(), _python()
    return Program(python, _compiled(python, sources, ENTRY), sources)


def hashes() -> tuple[str, str]:
    """(hash that the repository states, hash of its program as compiled here)."""
    sources, python = _sources(), _python()
    program = _compiled(python, sources, sources / MAIN)
    module = "starkware.cairo.bootloaders.hash_program"
    command = [python, "-m", module, "--program", str(program)]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return json.loads((sources / STATED).read_text())["program_hash"], found
