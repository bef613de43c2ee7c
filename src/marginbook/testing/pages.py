"""The generated parts of the pages: the support matrix, its evidence, the results of each venue, the measurements.

`python -m marginbook.testing.pages` measures what every rule set can do and rewrites the parts in place; tests fail
while they are out of date.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from marginbook.testing.support import FILE, as_text, measured
from marginbook.venues.matrix import evidence_markdown, results_markdown, support_markdown

PAGES = ("README.md", "docs/support.md", "docs/venues/*.md")
"""Pages with generated parts."""


def bench_markdown(answer: dict[str, Any]) -> str:
    """Measured results as a Markdown table: what stands against something, percentiles, and what was missed."""
    lines = ["| bench | measured | against | ratio | of the limit |", "|---|---|---|---|---|"]
    for row in answer["results"]:
        if not (row["baseline"] or row["limit"] or re.search("p50|p99|missed", f"{row['name']} {row['unit']}")):
            continue
        ratio = "" if row.get("ratio") is None else f"{float(row['ratio']):,.4g}x"
        share = row.get("fraction_of_limit")
        limit = "" if share is None else f"{float(share):.2f} of {row['limit']}"
        lines.append(f"| {row['name']} | {row['value']} {row['unit']} | {row['baseline'] or ''} | {ratio} | {limit} |")
    return "\n".join(lines)


def with_generated_parts(page: str, root: Path) -> str:
    """`page` with the text between its `<!-- name:start -->` and `<!-- name:end -->` marks made anew."""
    parts = {"support": support_markdown, "evidence": evidence_markdown}
    results = root / "docs" / "bench-results.json"
    if results.exists():
        parts["bench"] = lambda: bench_markdown(json.loads(results.read_text()))
    for name, make in parts.items():
        mark = re.compile(rf"(<!-- {name}:start -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
        page = mark.sub(lambda match: match[1] + make() + "\n" + match[2], page)  # noqa: B023
    results_of = re.compile(r"(<!-- results ([^:]+):start -->\n).*?(<!-- results:end -->)", re.DOTALL)
    return results_of.sub(lambda match: f"{match[1]}{results_markdown(match[2].split())}\n{match[3]}", page)


if __name__ == "__main__":
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    FILE.write_text(as_text(measured([root / "tests" / "vectors"])))
    for page in (path for name in PAGES for path in root.glob(name)):
        page.write_text(with_generated_parts(page.read_text(), root))
