"""One book of every venue: checked, explained, stressed, in the fast book, and served."""

import json
import re
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from marginbook.book.book import Book
from marginbook.cli import app
from marginbook.connectors.books import BookFile, load_book, market_of
from marginbook.connectors.starters import starter
from marginbook.domain.zones import Zone
from marginbook.engine.evaluate import parameters_source
from marginbook.margin_calls.zones import zone_of_pool
from marginbook.venues.registry import all_rule_sets, rule_set

RULES = [rules.name for rules in all_rule_sets()]
NAMES = [rules.replace("/", "-") for rules in RULES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter books of all rule sets, their accounts and overlays renamed so that none clash."""
    found = tmp_path_factory.mktemp("venues")
    for rules in RULES:
        name = rules.replace("/", "-")
        text = starter(rules)
        assert text is not None
        text = re.sub(r'^id = ".*"', f'id = "{name}"\nowner = "fund"', text, flags=re.MULTILINE)
        text = text.replace('parameters = "mine"', f'parameters = "{name}"')
        text = re.sub(r"^\[parameters\.mine\.", f'[parameters."{name}".', text, flags=re.MULTILINE)
        (found / f"{name}.toml").write_text(text)
    rates = 'rates = { ETH = "2600", BTC = "60000", XBT = "60000", USDT = "1", USDC = "1", DAI = "1"'
    rates += ', sUSD = "1", snxUSD = "1" }'
    (found / "rates.toml").write_text(f'[prices]\nas_of = "2026-10-01T12:00:00Z"\n{rates}\n')
    return found


@pytest.fixture(scope="module")
def loaded(folder: Path) -> BookFile:
    found = load_book([folder])
    assert not found.problems
    assert not found.rejected
    return found


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code in (0, 3, 4), result.output
    return result.stdout


def test_it_is_checked(folder: Path) -> None:
    answer = json.loads(run("check", folder, "--json"))
    assert {row["rules"] for row in answer["accounts"]} == set(RULES)
    assert [row["account"] for row in answer["accounts"] if row["error"]] == []
    (owner,) = answer["owners"]
    assert len(owner["venues"]) >= 10
    assert owner["distance"]["down"] is not None
    assert owner["currency"] == "USD"


def test_every_account_is_explained(folder: Path) -> None:
    for name in NAMES:
        assert json.loads(run("explain", folder, name, "--json"))["inputs"], name


def test_a_fall_of_ether_moves_it_on_every_venue(folder: Path, loaded: BookFile) -> None:
    answer = json.loads(run("stress", folder, "--shock", "ETH=-20%", "--json"))
    assert len({moved["venue"] for moved in answer["moved"]}) >= 10
    assert sum(answer["after"]["counts"].values()) == len(loaded.accounts)


def test_the_fast_book_agrees_with_the_exact_functions(loaded: BookFile) -> None:
    at, market = loaded.as_of or 0, market_of(loaded)
    parameters_of = parameters_source(loaded.overlays, at)
    book = Book.from_accounts(loaded.accounts, market, parameters_of, at)
    assert not book.problems
    for factor in (1, "0.8", "0.5", "1.3", "2"):
        frame = {key: quote.price * type(quote.price)(factor) for key, quote in market.quotes.items()}
        before = {account.id: book.pool_zones(account.id) for account in loaded.accounts}
        book.prices(frame, at)
        for account in loaded.accounts:
            rules, parameters = rule_set(account.rules), parameters_of(account)
            for pool, risk in rules.module.risk(account, book.market, parameters, at).items():
                previous = before[account.id].get(pool, Zone.SAFE)
                zone = zone_of_pool(rules, account, pool, book.market, parameters, at, risk=risk, previous=previous)
                assert book.pool_zones(account.id)[pool] == zone, f"{account.rules} {pool} at {factor}"


def test_it_is_served(folder: Path) -> None:
    from starlette.testclient import TestClient

    from marginbook.service.app import create_app
    from marginbook.service.live_provider import LiveProvider
    from marginbook.service.run import files_setup

    provider = LiveProvider(files_setup([folder], []))
    with TestClient(create_app(provider), base_url="http://127.0.0.1") as client:
        deadline = time.monotonic() + 40
        while provider.runner.view is None and provider.runner.failure is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert provider.runner.failure is None, provider.runner.failure
        summary = client.get("/api/v1/summary").json()
        assert set(summary["rules"]) == set(RULES)
        rows = client.get("/api/v1/accounts", params={"limit": 100}).json()
        assert {row["account"] for row in rows["rows"]} == set(NAMES)
        for name in NAMES:
            account = client.get(f"/api/v1/accounts/{name}")
            assert account.status_code == 200, f"{name}: {account.text[:300]}"
            assert account.json()["account"]["error"] is None, name
        shocked = client.get("/api/v1/shock", params={"asset": "ETH", "move": "-0.2"})
        assert shocked.status_code == 200, shocked.text
