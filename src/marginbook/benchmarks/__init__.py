"""Benches: ratios within one run against a named baseline, and the share of a physical limit that is reached."""

import platform
from collections.abc import Iterable
from importlib import import_module
from typing import Any

BENCHES: dict[str, str] = {
    "batch-margin": "batch",
    "batch-vs-frames": "frames",
    "live-tick": "live",
    "live-tick-liquidation": "live_liquidation",
    "tick-to-message": "message",
    "frame": "frame",
    "funding-event": "funding",
    "parameter-change": "parameter_change",
    "live-crossings": "crossings",
    "exact-screen": "screen",
    "borders": "borders",
    "mixed-book": "mixed",
    "scenario-var": "scenario_var",
    "span-arrays": "span_arrays",
    "scenario-live": "scenario_live",
    "what-if": "what_if",
    "recovery": "recovery",
    "start-up": "start_up",
    "page-under-load": "page",
    "kill": "kill",
    "cascade": "cascade",
    "sweep": "sweep",
}
"""Name on the command line -> module with `run(accounts, seed) -> list of results`; imported when asked for."""


def machine() -> str:
    """Processor, cores and memory in words."""
    import os

    model = platform.processor() or platform.machine()
    memory = 0
    try:
        with open("/proc/cpuinfo") as lines:
            model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    except (OSError, ValueError):
        pass
    return f"{model}, {os.cpu_count()} cores, {memory} GiB, {platform.system()}, Python {platform.python_version()}"


def run(names: Iterable[str], accounts: int, seed: int) -> dict[str, Any]:
    """Results of the named benches, or of all: `{"machine", "seed", "accounts", "results"}`."""
    chosen = list(names) or list(BENCHES)
    unknown = [name for name in chosen if name not in BENCHES]
    if unknown:
        raise ValueError(f"unknown bench {', '.join(unknown)}; known: {', '.join(BENCHES)}")
    results: list[dict[str, Any]] = []
    for name in chosen:
        module = import_module(f"marginbook.benchmarks.{BENCHES[name]}")
        results += module.run(accounts=accounts, seed=seed)
    return {"machine": machine(), "seed": seed, "accounts": accounts, "results": results}
