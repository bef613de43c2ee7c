"""Published results and historical events, computed again: what was printed, what we get, and why it differs.

Each module has `rows(folder) -> list[Row]` and runs as `python -m marginbook.simulate.reproductions.<name> FOLDER`; its
page under `docs/reproductions` shows the same rows.
"""
