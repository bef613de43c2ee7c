"""The cascade view as a person uses it, in a real browser."""

import json
import os
import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.chromium

PICTURES = os.environ.get("MARGINBOOK_PICTURES")
"""A folder: where it is named, the view's picture is taken into it."""


def wait(page: Any, expression: str, seconds: float = 60.0) -> None:
    """Polls from outside: the page's own policy forbids evaluating text inside it."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


def opened(open_page: Callable[..., Any], **options: Any) -> Any:
    page = open_page("/#/cascade", **options)
    page.wait_for_selector("#cascade-asset option[value=ETH]", state="attached")
    return page


def run(page: Any, asset: str = "ETH", move: str = "-30", depth: str = "5e6") -> None:
    page.select_option("#cascade-asset", asset)
    page.fill("#cascade-move", move)
    page.select_option("#cascade-curve", "linear")
    page.fill("#cascade-depth", depth)
    page.click("#cascade-run")
    page.wait_for_selector("#cascade-progress:not([hidden])")
    page.wait_for_selector("#cascade-progress", state="hidden", timeout=60_000)
    page.wait_for_selector("#cascade-round")


def test_a_cascade_runs_and_is_stepped_through(open_page: Callable[..., Any], address: str) -> None:
    page = opened(open_page)
    page.focus("#cascade-run")
    page.keyboard.press("Enter")
    page.wait_for_selector("#cascade-progress:not([hidden])")
    assert page.is_disabled("#cascade-run")
    assert page.evaluate("document.activeElement.id") == "cascade-cancel"
    page.wait_for_selector("#cascade-sentence", timeout=60_000)
    run(page)
    last = int(page.get_attribute("#cascade-step", "max"))
    assert last >= 2
    assert re.match(rf"Settled after {last} rounds\. ", page.inner_text("#cascade-sentence"))
    assert page.inner_text("#cascade-told").startswith("The shock: ")
    assert "nothing is closed yet" in page.inner_text("body")
    page.click("#cascade-on")
    assert page.inner_text("#cascade-told").startswith("Round 1: ")
    named = page.locator("#cascade-who a").all_inner_texts()
    assert 0 < len(named) <= 20
    with urllib.request.urlopen(f"{address}/api/v1/accounts/{named[0]}") as answer:
        assert json.load(answer)["account"]["account"] == named[0]
    page.focus("#cascade-step")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#cascade-told").startswith("Round 2: ")
    assert page.get_attribute("#cascade-step", "aria-valuetext") == f"Round 2 of {last}"
    assert page.inner_text("#cascade-rows tr[aria-current] th") == "Round 2"
    page.keyboard.press("End")
    assert page.is_disabled("#cascade-on")
    assert page.inner_text("#cascade-said") == page.inner_text("#cascade-sentence")
    page.click("#cascade-play")
    wait(page, "document.querySelector('#cascade-round').value.startsWith('0 /')")
    wait(page, "document.querySelector('#cascade-round').value.startsWith('1 /')")
    page.click("#cascade-play")
    assert page.get_attribute("#cascade-play", "aria-label") == "Play"


def test_the_last_round_is_where_prices_and_zones_end(open_page: Callable[..., Any]) -> None:
    page = opened(open_page)
    page.fill("#cascade-funds", "binance:USDT=100")
    run(page)
    page.focus("#cascade-step")
    page.keyboard.press("End")
    row = page.locator("#cascade-prices tr", has_text="ETH").first.locator("td").all_inner_texts()
    before, shocked, after = (float(text.replace(",", "")) for text in row[:3])
    assert shocked == pytest.approx(0.7 * before, rel=1e-3)
    assert after < shocked
    assert row[3].startswith("−")
    assert "Fund binance:USDT" in page.inner_text("#cascade-facts")
    assert "Paid by binance:USDT so far" in page.inner_text("#cascade-facts")
    columns = page.locator("#cascade-zones tbody tr").all_inner_texts()
    sums = [sum(int(re.sub(r"\D", "", line.split("\t")[i])) for line in columns) for i in (1, 2, 3)]
    assert sums == [1500, 1500, 1500]


def test_it_is_found_from_the_overview_and_kept_while_an_account_is_read(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.wait_for_selector("#shock-sentence strong")
    page.select_option("#shock-asset", "ETH")
    page.click(".presets >> text=−30 %")
    page.click("#to-cascade")
    page.wait_for_selector("#cascade-asset option[value=ETH]", state="attached")
    assert (page.input_value("#cascade-asset"), page.input_value("#cascade-move")) == ("ETH", "-30")
    assert page.get_attribute("#views a[aria-current]", "href") == "#/cascade"
    run(page)
    page.click("#cascade-on")
    page.click("#cascade-who a >> nth=0")
    page.wait_for_selector("svg.gauge")
    page.click("#views a >> text=Cascade")
    page.wait_for_selector("#cascade-who a")
    assert page.inner_text("#cascade-told").startswith("Round 1: ")


def test_a_run_can_be_cancelled_and_bad_input_is_said(open_page: Callable[..., Any]) -> None:
    page = opened(open_page)
    page.click("#cascade-run")
    page.click("#cascade-cancel")
    page.wait_for_selector("#cascade-progress", state="hidden")
    assert page.locator(".notice").count() == 0
    assert page.locator("#cascade-sentence").count() == 0
    page.click("#cascade-run")
    page.wait_for_selector("#cascade-progress:not([hidden])")
    page.reload()  # a run does not outlive the page that asked for it
    page.wait_for_selector("#cascade-run:not([disabled])")
    wait(page, "fetch('/api/v1/cascade').then((a) => a.json()).then((a) => !a.running)", 10)
    page.fill("#cascade-funds", "binance=5")
    page.click("#cascade-run")
    page.wait_for_selector(".notice.bad >> text=bad_fund")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_sees_it_without_scrolling_sideways(open_page: Callable[..., Any], scheme: str) -> None:
    page = opened(open_page, width=360, height=740, is_mobile=True, has_touch=True, color_scheme=scheme)
    run(page)
    page.tap("#cascade-on")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, a, input, select, svg[role=img]')].filter((e) => !e.hidden
        && !(e.textContent.trim() || e.getAttribute('aria-label') || e.title || e.labels?.length))
        .map((e) => e.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.skipif(PICTURES is None, reason="set MARGINBOOK_PICTURES to a folder for pictures")
def test_picture(open_page: Callable[..., Any]) -> None:
    page = opened(open_page, width=1440, height=1000)
    page.fill("#cascade-funds", "binance:USDT=50000")
    run(page, depth="100000")
    page.click("#cascade-on")
    page.click("#cascade-on")
    steps = page.locator("section[aria-labelledby=steps-title]").bounding_box()
    clip = {"x": 0, "y": 0, "width": 1440, "height": steps["y"] + steps["height"] + 12}
    page.screenshot(path=str(Path(str(PICTURES)) / "cascade.png"), full_page=True, clip=clip)
