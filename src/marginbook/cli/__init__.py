"""The command line. Each command imports only what it needs, so that a small `check` starts quickly.

Exit codes: 0 fine · 1 bad data, a price missing or stale, or undecided · 2 usage · 3 an account in call ·
4 an account liquidatable or bankrupt; the highest wins.
"""

import sys

from marginbook.cli import accounts, calibrate, cascade, liquidate, rules, service, simulations, sweep
from marginbook.cli.common import BAD_DATA, app, complain

__all__ = ["accounts", "app", "calibrate", "cascade", "liquidate", "main", "rules", "service", "simulations", "sweep"]


def main() -> None:
    """Entry point of the `marginbook` command."""
    from marginbook.domain.errors import BadInput

    try:
        app()
    except BadInput as bad:
        complain(str(bad.problem))
        sys.exit(BAD_DATA)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(BAD_DATA)
