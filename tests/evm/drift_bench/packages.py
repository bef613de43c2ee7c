"""Drift's own SDK from npm, without its dependencies: only its arithmetic is run, on stand-ins for the rest."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.packages import Missing, packed

SDK = "@drift-labs/sdk@2.156.0"
NUMBERS = "bn.js@5.2.1"
SCRIPT = Path(__file__).with_name("sdk.js")


@dataclass(frozen=True)
class Sdk:
    """The unpacked packages."""

    sdk: Path
    numbers: Path

    def ask(self, questions: list[dict[str, Any]]) -> list[Any]:
        """The SDK's answers, in order."""
        command = ["node", str(SCRIPT), str(self.sdk), str(self.numbers)]
        text = json.dumps(questions)
        answer = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise RuntimeError(answer.stderr[-2000:])
        found: list[Any] = json.loads(answer.stdout)
        return found


def load() -> Sdk:
    """Fetched once."""
    if shutil.which("node") is None:
        raise Missing("node is not installed")
    sdk = packed("drift-sdk", SDK, ("lib/node/*.js",))
    numbers = packed("drift-bn", NUMBERS, ("lib/bn.js", "package.json"))
    return Sdk(sdk / "lib" / "node", numbers / "lib" / "bn.js")
