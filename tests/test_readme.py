"""Every command and every Python example of README and docs runs, and prints what the page says."""

import contextlib
import doctest
import io
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from marginbook.cli import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NOT_RUN = ("make ", "git ", "cd ")
"""Commands that other tests, or the person reading, run."""


def blocks(kind: str) -> list[object]:
    found = []
    for page in PAGES:
        for match in BLOCK.finditer(page.read_text()):
            if match[1] == kind:
                if match[2].startswith(">>>"):
                    continue
                line = page.read_text().count("\n", 0, match.start()) + 1
                found.append(pytest.param(match[2], id=f"{page.relative_to(ROOT)}:{line}"))
    return found


@pytest.mark.parametrize("text", blocks("console"))
def test_commands_print_what_the_page_shows(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`$ command` lines are run; each line after one must appear in its output, blanks folded, `…` being anything."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "240")
    output = ""
    for line in text.splitlines():
        if line.startswith("$ "):
            command = line[2:].partition("  #")[0]
            output = "" if command.startswith(NOT_RUN) else _run(command)
        elif line.strip() and output:
            pattern = ".*?".join(re.escape(part.strip()) for part in " ".join(line.split()).split("…"))
            assert re.search(pattern, output), f"{line!r} is not printed; the output is\n{output}"


def _run(command: str) -> str:
    words = shlex.split(command.partition(" | ")[0])
    assert words[0] == "marginbook", f"{command}: only marginbook commands are run"
    if words[1:2] == ["serve"] or words[1:2] == ["bench"]:
        result = CliRunner().invoke(app, [words[1], "--help"])
        for word in words[2:]:
            assert not word.startswith("--") or word.partition("=")[0] in result.output, f"{command}: no {word}"
        return ""
    result = CliRunner().invoke(app, words[1:])
    assert result.exit_code != 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return " ".join(result.output.split())


@pytest.mark.parametrize("text", blocks("python"))
def test_python_examples_print_what_the_page_shows(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each `print` is followed by its output in a comment."""
    monkeypatch.chdir(ROOT)
    expected = re.findall(r"^(?:print.*?)?\s*# (?:→ )?(.*)$", text, re.MULTILINE) if "# →" in text else []
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, "example", "exec"), {})
    for line in expected:
        assert line in printed.getvalue(), f"{line!r} was not printed:\n{printed.getvalue()}"


@pytest.mark.parametrize("page", [page for page in PAGES if ">>>" in page.read_text()], ids=lambda page: page.name)
def test_sessions_print_what_the_page_shows(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The `>>>` examples of a page are one session."""
    monkeypatch.chdir(ROOT)
    result = doctest.testfile(str(page), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert result.attempted
    assert not result.failed
