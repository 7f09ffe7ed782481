"""The table of runs: every name whole and as it is, whatever else is in the folder."""

import pytest

from charnn.config import ModelConfig
from charnn.ui.runs import RunRow, show_runs

LONG = "a-name-that-is-longer-than-some-terminals-are-wide"
ROWS = [
    RunRow("[x]", 120, "[bold]text", ModelConfig("gru", 8, 2), 1200, 1.23456),
    RunRow("broken", 4000, problem="(run.json is damaged)"),
    RunRow(LONG, 0, "text", ModelConfig("lstm", 512, 1)),
]


@pytest.mark.parametrize("columns", ["40", "200"])
def test_every_run_is_a_line_with_nothing_cut(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    show_runs(ROWS)
    heading, *lines = capsys.readouterr().out.splitlines()
    assert " ".join(heading.split()) == "run corpus cell size steps best bpc trained"
    assert [" ".join(line.split()) for line in lines] == [
        "[x] [bold]text gru 2 × 8 1,200 1.235 2 minutes ago",
        "broken (run.json is damaged) 1 hour ago",
        f"{LONG} text lstm 1 × 512 0 – just now",
    ]
    for cell, shown in (("corpus", "[bold]text"), ("corpus", "(run.json"), ("cell", "gru"), ("trained", "1 hour")):
        (line,) = (line for line in lines if shown in line)
        assert line.index(shown) == heading.index(cell)


def test_a_name_that_is_no_text_is_listed(capsys):
    show_runs([RunRow("caf\udce9\x1b[2J", 0, "caf\udce9", ModelConfig())])
    assert capsys.readouterr().out.splitlines()[1].startswith("caf\ufffd\ufffd[2J  caf\ufffd ")
