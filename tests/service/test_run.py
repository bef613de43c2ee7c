"""From command-line arguments to a server: tokens, databases, and a real process that answers."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from marginbook.domain.errors import BadInput
from marginbook.service.run import TOKEN_VARIABLE, ledger_of, token_for


def test_loopback_needs_no_token_and_others_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert token_for("127.0.0.1", None) is None
    assert token_for("::1", None) is None
    made = token_for("0.0.0.0", None)
    assert made is not None
    assert len(made) >= 24
    assert token_for("0.0.0.0", None) != made
    monkeypatch.setenv(TOKEN_VARIABLE, "x" * 16)
    assert token_for("0.0.0.0", None) == token_for("127.0.0.1", None) == "x" * 16
    monkeypatch.setenv(TOKEN_VARIABLE, "short")
    with pytest.raises(BadInput, match="at least 16"):
        token_for("127.0.0.1", None)


@pytest.mark.parametrize("text", ["book.sqlite", "postgres://host/db", "sqlite:///"])
def test_only_a_sqlite_address_is_a_database(text: str) -> None:
    with pytest.raises(BadInput, match="sqlite:///path"):
        ledger_of(text)


def test_a_real_process_serves_beyond_loopback_with_the_token_that_it_prints(tmp_path: Path) -> None:
    code = (
        "import socket\n"
        "from marginbook.service.run import run_service\n"
        "probe = socket.socket(); probe.bind(('127.0.0.1', 0)); port = probe.getsockname()[1]; probe.close()\n"
        "run_service(demo=True, accounts=200, host='0.0.0.0', port=port, say=lambda line: print(line, flush=True))\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://0\.0\.0\.0:(\d+)/\?token=(\S+)", line)
        assert found, line
        address, token = f"http://127.0.0.1:{found[1]}/api/v1/summary", found[2]
        deadline = time.monotonic() + 40
        while True:
            try:
                request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
                with urllib.request.urlopen(request, timeout=5) as answer:
                    assert json.load(answer)["mode"] == "demo"
                break
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < deadline
                time.sleep(0.1)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(address, timeout=5)
        assert refused.value.code == 401
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) is not None
    finally:
        process.kill()
