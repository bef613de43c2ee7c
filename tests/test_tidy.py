"""House rules as tests: each failure names the place and the fix."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "marginbook"
ROOMS = (
    "exact",
    "units",
    "domain",
    "params",
    "oracle",
    "risk_models",
    "venues",
    "book",
    "margin_calls",
    "liquidation",
    "engine",
    "simulate",
    "ledger",
    "connectors",
    "service",
    "render",
    "cli",
)
BESIDE = {"demo", "benchmarks", "testing", "__init__", "__main__"}
FILES = sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports_of(tree: ast.AST) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            found.append((node.lineno, node.module or ""))
    return found


def test_every_module_lies_in_a_room_that_the_architecture_page_names() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    for path in FILES:
        room = room_of(path)
        assert room in ROOMS or room in BESIDE, f"{path}: {room} is not a room of docs/architecture.md"
        assert room.startswith("__") or f"`{room}`" in page, f"docs/architecture.md does not name the room {room}"


def test_rooms_import_only_from_rooms_above() -> None:
    wrong = []
    for path in FILES:
        room = room_of(path)
        if room not in ROOMS:
            continue
        for line, name in imports_of(ast.parse(path.read_text())):
            parts = name.split(".")
            if parts[0] != "marginbook" or len(parts) < 2:
                continue
            target = parts[1]
            allowed = target in ROOMS and ROOMS.index(target) <= ROOMS.index(room)
            if not allowed and not (room in ("cli", "service") and target in BESIDE):
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {room} imports {name}; move the shared part up a room")
    assert not wrong, "\n".join(wrong)


def test_the_engine_never_imports_the_test_adapters() -> None:
    for path in FILES:
        if room_of(path) in ("testing", "cli", "benchmarks"):
            continue
        for line, name in imports_of(ast.parse(path.read_text())):
            assert not name.startswith("marginbook.testing"), f"{path}:{line} imports {name}"


class Divisions(ast.NodeVisitor):
    """Divisions, remainders, `round` and `float` outside functions named lower*."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if not node.name.lstrip("_").startswith("lower"):
            self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        text = isinstance(node.left, ast.Constant | ast.JoinedStr) and isinstance(node.op, ast.Mod)
        if isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod) and not text:
            self.found.append((node.lineno, type(node.op).__name__))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in ("round", "float", "divmod"):
            self.found.append((node.lineno, node.func.id))
        self.generic_visit(node)


@pytest.mark.parametrize("room", ["venues", "margin_calls", "liquidation"])
def test_rules_divide_only_through_named_rounding(room: str) -> None:
    wrong = []
    for path in sorted((SOURCE / room).rglob("*.py")):
        visitor = Divisions()
        visitor.visit(ast.parse(path.read_text()))
        wrong += [
            f"{path.relative_to(ROOT)}:{line}: {what}; use exact.mul_div_*, div_* or divide"
            for line, what in visitor.found
        ]
    assert not wrong, "\n".join(wrong)


def test_no_clock_network_or_randomness_in_the_core() -> None:
    banned = {"random", "socket", "urllib", "requests", "httpx", "logging", "secrets"}
    core = ("exact", "units", "domain", "params", "oracle", "risk_models", "venues", "margin_calls", "liquidation")
    for path in FILES:
        if room_of(path) in core:
            for line, name in imports_of(ast.parse(path.read_text())):
                assert name.split(".")[0] not in banned | {"time"}, f"{path}:{line}: {name} belongs at the rim"


def test_every_public_name_is_documented() -> None:
    missing = []
    for path in FILES:
        tree = ast.parse(path.read_text())
        if path.name != "__init__.py" and not ast.get_docstring(tree):
            missing.append(f"{path.relative_to(ROOT)}: module docstring")
        for node in tree.body:
            if (
                isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
                and not node.name.startswith("_")
                and not ast.get_docstring(node)
            ):
                missing.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}")
    assert not missing, "give these a docstring:\n" + "\n".join(missing)


def test_nothing_is_left_for_later_and_nothing_is_dead() -> None:
    banned = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError|breakpoint\(\)|^\s*print\(", re.MULTILINE)
    for path in FILES:
        for match in banned.finditer(path.read_text()):
            line = path.read_text().count("\n", 0, match.start()) + 1
            assert False, f"{path.relative_to(ROOT)}:{line}: {match.group().strip()}"  # noqa: B011, PT015


def test_files_stay_small_enough_to_read_in_one_sitting() -> None:
    for path in FILES:
        lines = path.read_text().count("\n")
        assert lines <= 700, f"{path.relative_to(ROOT)} has {lines} lines: split it by idea"


def test_every_page_has_one_title() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        titles = re.findall(r"^# .+", text, flags=re.MULTILINE)
        assert len(titles) == 1, f"{page.relative_to(ROOT)}: {len(titles)} titles"
