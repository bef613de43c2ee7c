"""The rows of a reproduction as people read them."""

from pathlib import Path

import pytest

from marginbook.simulate.reproductions.table import Row, as_markdown, print_rows, run

ROWS = [Row("shortfall", "5.67 M DAI", "5.60 M DAI", "-0.07 M", "calibrated [seed 1]")]


def test_every_cell_is_printed_as_it_stands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    print_rows("Black Thursday", ROWS)
    printed = capsys.readouterr().out
    for text in ("Black Thursday", "shortfall", "5.67 M DAI", "5.60 M DAI", "-0.07 M", "calibrated [seed 1]"):
        assert text in printed


def test_the_table_of_a_page_has_one_line_per_row() -> None:
    assert as_markdown(ROWS).splitlines()[2:] == [
        "| shortfall | 5.67 M DAI | 5.60 M DAI | -0.07 M | calibrated [seed 1] |"
    ]


def test_the_data_folder_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="DATA_FOLDER"):
        run("t", lambda folder: ROWS, [])
    with pytest.raises(SystemExit, match="DATA_FOLDER"):
        run("t", lambda folder: ROWS, [str(tmp_path / "absent")])
    run("t", lambda folder: [Row(folder.name, "", "", "", "")], [str(tmp_path)])
    assert tmp_path.name[:8] in capsys.readouterr().out
