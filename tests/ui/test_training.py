"""What a person sees of a run, from events made by hand: every number is there, and no text is taken for markup."""

import io
import os
import re
import sys
from types import SimpleNamespace

import pytest
from rich.cells import cell_len
from rich.console import Console

from charnn.training.events import (
    Compiled,
    Evaluated,
    Finished,
    Progressed,
    Recovered,
    Sampled,
    Saved,
    Started,
    Stopped,
)
from charnn.ui import training
from charnn.ui.training import LiveView, PlainView, QuietView, training_view

STARTED = Started(0, 12_345, 1_003_854, 111_540, 4, 8, 300, 1_200, ("The text is [short].",))
PROGRESSED = Progressed(10, 1_200, 0.0333, 320, 3.21987, 0.006, 1.234, 0.5, 45_678.0, 61.0, 3_725.4)
ODD = "so [bold]it[/bold] is\r\x1b[2J \udce9 [/]"
SHOWN = "so [bold]it[/bold] is\ufffd\ufffd[2J \ufffd [/]"
EVENTS = [
    STARTED,
    Sampled(0, 0, None, "\n", f"a\n\n {ODD}" + "x" * 100),
    Saved(0),
    Compiled(1.26),
    PROGRESSED,
    Evaluated(200, 6_400, 2.5, True, 70.0),
    Sampled(200, 6_400, 2.5, "\n", f"one\n{ODD}\n\n"),
    Saved(200),
    Evaluated(400, 12_800, 2.75, False, 80.0),
    Recovered(450, 400, 0.5, 1),
    Stopped(460, 1_200),
    Finished(1_200, 3_661.0, 2.6, 200, 2.5),
]
QUIET = [
    "The text is [short].",
    "The loss was not finite at step 450: back to step 400 with 0.5 of the learning rate (return 1).",
    "Stopped after step 460 of 1,200; everything is saved. Go on with: charnn train --resume '[r]'",
    "Finished 1,200 steps in 1:01:01: 2.600 bits per character on the validation text (best 2.500 at step 200,"
    " which is kept).",
    "Write with it: charnn sample '[r]'",
]


def shown(view_of, *options, events=EVENTS, **console):
    stream = io.StringIO()
    with view_of(Console(file=stream, **{"width": 100} | console), "'[r]'", *options) as view:
        for event in events:
            view.show(event)
    return stream.getvalue()


def test_a_pipe_gets_plain_lines():
    assert shown(PlainView, "the [title]").splitlines() == [
        QUIET[0],
        "the [title]",
        "12.3 k parameters · 1.00 M characters to learn from, 112 k for validation · batches of 4 × 8 · 1,200 steps",
        "step      0  sample: " + f"a {SHOWN}{'x' * 100}"[:80],
        "first step, with compilation: 1.3 s",
        "step     10  epoch 0.03  train 3.220 bpc  grad norm 1.23  45.7 k chars/s  left 1:02:05",
        "step    200  validation 2.500 bpc  (best so far)",
        "--- sample at step 200 · 6.40 k characters seen · 2.500 bpc",
        "one",
        SHOWN,
        "---",
        "step    400  validation 2.750 bpc",
        *QUIET[1:],
    ]


def test_what_is_not_known_yet_is_left_out_and_going_on_is_told():
    events = [
        Started(30, 999, 100, 0, 1, 2, 50, None, ()),
        Progressed(40, None, 0.8, 80, 3.0, 0.006, 1.0, 0.0, None, 1.0, None),
        Stopped(41, None),
        Finished(50, 7.4, None, None, None),
    ]
    assert shown(PlainView, "title", events=events).splitlines() == [
        "title",
        "999 parameters · 100 characters to learn from, 0 for validation · batches of 1 × 2 · going on at step 30",
        "step     40  epoch 0.80  train 3.000 bpc  grad norm 1.00  ",
        "Stopped after step 41; everything is saved. Go on with: charnn train --resume '[r]'",
        "Finished 50 steps in 0:07.",
        QUIET[-1],
    ]


def test_progress_is_a_line_every_few_seconds(monkeypatch):
    clock = iter(range(100, 200))  # seconds, one a look
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    lines = shown(PlainView, "title", events=[PROGRESSED] * 20).splitlines()
    assert 2 <= len(lines) <= 5


def test_quiet_says_how_it_ended_and_what_did_not_go_as_asked():
    assert shown(QuietView).splitlines() == QUIET
    assert shown(QuietView, events=[Finished(5, 1.0, 2.0, 5, 2.0)]).splitlines() == [
        "Finished 5 steps in 0:01: 2.000 bits per character on the validation text.",
        QUIET[-1],
    ]


@pytest.mark.parametrize("width", [60, 100])
def test_the_live_view_shows_the_newest_within_the_width(width):
    stream = io.StringIO()
    wide = "語" * 200 + "\tx" * 50
    with LiveView(Console(file=stream, width=width, height=50, force_terminal=True), "r", "a [title]") as view:

        def show(*events):
            """What is drawn of these events, without the terminal's codes."""
            stream.seek(0)
            stream.truncate()
            for event in events:
                view.show(event)
            text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
            assert "\x1b" not in text
            return text.replace("\r", "\n")

        assert "a [title]" in show(STARTED)
        drawn = [show(EVENTS[1]), show(Compiled(1.0), PROGRESSED)]
        assert "step 10/1,200 · 1:01 gone, 1:02:05 left" in drawn[-1]
        assert all(figure in drawn[-1] for figure in ("train 3.220", "validation –", "45.7 k chars/s", "6.00e-03"))
        drawn.append(show(*EVENTS[5:7]))
        assert f"step    200  2.500 bpc  one {SHOWN}" in drawn[-1]
        assert f"│ {SHOWN} " in drawn[-1]
        assert all(text in drawn[-1] for text in ("sample at step 200", "validation 2.500"))
        drawn.append(show(EVENTS[8]))
        assert SHOWN in drawn[-1]
        assert "validation 2.750 bpc (best 2.500 at step 200)" in " ".join(drawn[-1].split())
        drawn.append(show(Sampled(401, 12_832, 2.75, "", wide)))
        _, _, panel = drawn[-1].rpartition("gone")  # the last of those drawn one over the other
        assert "sample at step 401" in panel
        assert SHOWN not in panel
        assert max(cell_len(line) for text in drawn for line in text.splitlines()) <= width
        undone = show(EVENTS[9])
        assert QUIET[1] in undone
        assert "validation" not in undone.split("\ntraining")[1], "the figures of undone steps are gone"
        ended = show(EVENTS[-1])
        assert "sample at step 401" in ended
        assert QUIET[-2] in ended


def test_where_output_goes_decides_how_a_run_is_shown(capsys):
    with training_view("r", "caf\udce9 [b]", quiet=False) as view:
        view.show(STARTED)
    assert "\x1b" not in (lines := capsys.readouterr().out)
    assert lines.splitlines()[:2] == ["The text is [short].", "caf\ufffd [b]"]
    with training_view("r", "title", quiet=True) as view:
        view.show(STARTED)
    assert capsys.readouterr().out == "The text is [short].\n"


@pytest.mark.parametrize("quiet", [False, True])
def test_nobody_reading_any_more_is_no_error(monkeypatch, quiet):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        with training_view("r", "title", quiet=quiet) as view:
            for event in EVENTS:
                view.show(event)
            assert view.console.quiet
        print("what Python flushes at its end", flush=True)  # noqa: T201
