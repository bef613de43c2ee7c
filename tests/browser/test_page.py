"""The dashboard as a person uses it, in a real browser."""

import json
import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.chromium

BOOK = """
[[account]]
id = "trader-1"
rules = "binance/usdm"
wallet = { USDT = "10000" }
position = [ { market = "BTCUSDT", side = "long", quantity = "0.5", entry = "62000", leverage = "20" } ]

[[account]]
id = "misspelt"
rules = "binance/usdn"

[prices]
as_of = "2026-10-01T12:00:00Z"
binance = { BTCUSDT = "60000" }
"""


def number(text: str) -> int:
    return int(re.sub(r"[^0-9]", "", text))


def api(address: str, path: str, **options: Any) -> Any:
    with urllib.request.urlopen(urllib.request.Request(f"{address}/api/v1{path}", **options)) as answer:
        return json.load(answer)


def wait(page: Any, expression: str, seconds: float = 15.0) -> None:
    """Polls from outside: the page's own policy forbids evaluating text inside it."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


@pytest.fixture
def overview(open_page: Callable[..., Any]) -> Any:
    page = open_page()
    page.wait_for_selector("#accounts tr a")
    return page


def test_calls_and_liquidations_appear_while_one_watches(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.wait_for_selector("#events .pill.zone-call", timeout=60_000)
    page.wait_for_selector("#events .pill.zone-liquidation", timeout=60_000)
    assert "DEMO" in page.inner_text("#banner")
    assert re.match(r"2026-10-01 2\d:\d\d:\d\d UTC", page.inner_text("#clock"))
    before = page.inner_text("#clock")
    wait(page, f"document.querySelector('#clock').textContent !== {before!r}")


def test_prices_and_parameters_show_their_age(overview: Any) -> None:
    assert "prices" in overview.inner_text("#price-age")
    assert re.search(r"parameters \d{4}-\d\d-\d\d", overview.inner_text("#parameter-age"))
    assert overview.inner_text("#line") == "connected"


def test_cards_count_every_account_once(overview: Any) -> None:
    overview.click("#pause")
    overview.wait_for_timeout(800)
    counts = [number(text) for text in overview.locator(".card-count").all_inner_texts()]
    assert len(counts) == 6
    assert sum(counts) == 1500
    overview.click("#pause")


def test_the_table_sorts_searches_filters_and_pages(overview: Any) -> None:
    first = overview.inner_text("#accounts tr:first-child a")
    overview.click("th[data-key=exposure] button")
    wait(overview, "document.querySelector('th[data-key=exposure]').getAttribute('aria-sort') === 'descending'")
    overview.click("th[data-key=account] button")
    wait(overview, "document.querySelector('#accounts tr:first-child a').textContent.startsWith('aave-')")
    overview.click("#next")
    wait(overview, "document.querySelector('#range').textContent.startsWith('26')")
    overview.fill("#search", "binance-0001")
    wait(overview, "/of 10$|of [1-9]$/.test(document.querySelector('#range').textContent)")
    assert all("binance-0001" in name for name in overview.locator("#accounts a").all_inner_texts())
    overview.fill("#search", "nobody at all")
    overview.click("text=Clear the filters")
    overview.select_option("#venue", "aave")
    wait(overview, "[...document.querySelectorAll('#accounts a')].every((a) => a.textContent.startsWith('aave-'))")
    overview.select_option("#venue", "")
    overview.click("#card-warning")
    wait(overview, "[...document.querySelectorAll('#accounts .pill')].every((p) => p.textContent === 'Warning')")
    assert overview.get_attribute("#card-warning", "aria-pressed") == "true"
    overview.click("#card-warning")
    assert first


def test_an_account_page_has_gauge_numbers_prices_and_explanation(overview: Any) -> None:
    overview.select_option("#zone", "warning")
    wait(overview, "[...document.querySelectorAll('#accounts .pill')].every((p) => p.textContent === 'Warning')")
    name = overview.inner_text("#accounts tr:first-child a")
    overview.click("#accounts tr:first-child a")
    overview.wait_for_selector("svg.gauge .needle")
    assert overview.inner_text("h1") == name
    assert len(overview.locator(".fact").all()) >= 8
    overview.click("#explain")
    overview.wait_for_selector(".tree details[open]")
    assert "headroom" in overview.inner_text(".tree")
    overview.fill("#whatif-amount", "a lot")
    overview.click(".whatif button")
    assert "Type an amount" in overview.inner_text(".whatif-answer")
    overview.fill("#whatif-amount", "1000")
    overview.click(".whatif button")
    overview.wait_for_selector(".whatif-answer table")
    overview.click(".crumbs a")
    overview.wait_for_selector("#accounts tr a")
    overview.select_option("#zone", "")


def test_the_slider_answers_at_once_for_any_asset(overview: Any) -> None:
    wait(overview, "/accounts? liquidatable/.test(document.querySelector('#shock-sentence').textContent)")
    overview.select_option("#shock-asset", "ETH")
    overview.focus("#shock-move")
    for _ in range(10):
        overview.keyboard.press("ArrowLeft")
    wait(overview, "document.querySelector('#shock-sentence').textContent.startsWith('ETH −30 %')")
    fall = number(overview.inner_text("#shock-sentence strong:nth-of-type(1)"))
    overview.click(".presets >> text=+10 %")
    wait(overview, "document.querySelector('#shock-sentence').textContent.startsWith('ETH +10 %')")
    assert fall > number(overview.inner_text("#shock-sentence strong:nth-of-type(1)"))
    overview.select_option("#shock-asset", "ALL")


def test_the_ladder_has_both_directions_and_a_bar_sets_the_slider(overview: Any) -> None:
    overview.wait_for_selector(".ladder .bar")
    assert len(overview.locator(".ladder .bar").all()) == 21
    overview.click(".ladder >> text=Accounts")
    overview.click(".ladder >> text=Per step")
    overview.locator(".ladder .bar").nth(2).focus()
    overview.keyboard.press("Enter")
    wait(overview, "document.querySelector('.shock-value').value === '−40 %'")
    overview.click(".ladder >> text=Cumulative")


def test_ones_own_file_is_shown_with_its_problems_and_the_demo_comes_back(overview: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(BOOK)
    overview.set_input_files("#file", str(path))
    overview.wait_for_selector(".notice.bad")
    assert "account misspelt: rules: got binance/usdn" in overview.inner_text(".notice.bad")
    wait(overview, "document.querySelector('#banner').textContent.includes('FILE')")
    wait(overview, "document.querySelectorAll('#accounts tr').length === 1")
    assert overview.inner_text("#accounts a") == "trader-1"
    overview.click("#restore")
    wait(overview, "document.querySelector('#banner').textContent.includes('DEMO')")
    wait(overview, "document.querySelectorAll('#accounts tr').length === 25")


def test_a_file_that_is_no_book_says_where_and_leaves_the_book(overview: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("account = [\n")
    overview.set_input_files("#file", str(path))
    overview.wait_for_selector(".notice.bad")
    assert "bad.toml" in overview.inner_text(".notice.bad")
    assert "DEMO" in overview.inner_text("#banner")


def test_dark_and_light_follow_the_system_and_the_button(open_page: Callable[..., Any]) -> None:
    shade = "getComputedStyle(document.documentElement).backgroundColor"
    dark, light = open_page(color_scheme="dark"), open_page(color_scheme="light")
    assert dark.evaluate(shade) != light.evaluate(shade)
    wanted = light.evaluate(shade)
    dark.click("#theme")
    wait(dark, f"{shade} === {wanted!r}")
    dark.reload()
    wait(dark, f"{shade} === {wanted!r}")


@pytest.mark.parametrize("where", ["overview", "account"])
def test_a_phone_sees_everything_without_scrolling_sideways(open_page: Callable[..., Any], where: str) -> None:
    page = open_page(width=360, height=740, is_mobile=True, has_touch=True)
    page.wait_for_selector("#accounts tr a")
    if where == "account":
        page.tap("#accounts tr:first-child a")
        page.wait_for_selector("svg.gauge")
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_an_unknown_account_says_so(open_page: Callable[..., Any]) -> None:
    page = open_page("/#/account/nobody")
    page.wait_for_selector("text=There is no such account")


def test_everything_can_be_reached_by_keyboard_and_has_a_name(overview: Any) -> None:
    overview.keyboard.press("Tab")
    assert overview.evaluate("document.activeElement.textContent") == "Skip to content"
    nameless = overview.evaluate(
        """[...document.querySelectorAll('button, a, input, select')].filter((e) => !e.hidden && !(e.textContent.trim()
        || e.getAttribute('aria-label') || e.title || e.labels?.length)).map((e) => e.outerHTML)"""
    )
    assert nameless == []
