"""Every key, the mouse, pastes, small terminals: what is done is in the session, and what is seen is true."""

import asyncio
import threading

import pytest
from driving import drive, new_session, voices

from charnn.config import SampleConfig
from charnn.errors import ConfigError, SessionError
from charnn.ui.cowriting import thinking
from charnn.ui.cowriting.app import CowritingApp
from charnn.ui.cowriting.candidates import Candidates
from charnn.ui.cowriting.draft import DraftView
from charnn.ui.cowriting.help import HelpScreen
from charnn.ui.cowriting.keys import ACTIONS, PICKS
from charnn.ui.cowriting.notice import Notice
from charnn.ui.cowriting.prompt import SavePrompt
from charnn.writing.session import Session
from charnn.writing.suggestions import Budget, Suggestion


@pytest.fixture
def session(tmp_path):
    with new_session(tmp_path) as session:
        yield session


def likeliest(session, k=10, unit="word", **options):
    return [item.rest for item in session.suggest(session.units[unit], k, **options).items]


# what each action is to do, from a session that holds "ab c"; `expected` is computed before the key is pressed


async def picks(person, key, n):
    item = person.session.suggest(person.session.units["word"], 10, prefix="").items[n - 1]
    await person.press(key)
    assert person.text == "ab c" + item.rest
    hand = person.session.draft.hand
    assert (hand.by, hand.unit, hand.rank, hand.probability) == ("picked", "word", n, pytest.approx(item.probability))


async def takes_first(person, key):
    await picks(person, key, 1)
    expected = person.text + likeliest(person.session, 1)[0]
    await person.press(key)
    assert person.text == expected


async def pages(person, key):
    words = likeliest(person.session, 30)
    await person.press(key)
    assert "words 2" in person.status
    await person.press("3")
    assert person.text == "ab c" + words[12]
    assert person.session.draft.hand.rank == 13
    assert "words 2" not in person.status


async def pages_back(person, key):
    shown = person.candidates
    await person.press("tab")
    assert person.candidates != shown
    await person.press(key)
    assert person.candidates == shown
    await person.press(key)
    assert person.candidates == shown


def uses(name):
    async def check(person, key):
        if name == "bar":
            await person.press(key)
            assert "Only music" in person.notice
            return
        expected = likeliest(person.session, 10, name)
        await person.press("left" if name != "char" else "right", key)
        assert f" {name}s " in person.status
        await person.press("2")
        assert person.text == "ab c" + expected[1]

    return check


async def longer(person, key):
    await person.press(key)
    assert " lines " in person.status
    await person.press(key)
    assert " lines " in person.status


async def shorter(person, key):
    await person.press(key)
    assert " chars " in person.status
    await person.press(key)
    assert " chars " in person.status


def heats(by):
    async def check(person, key):
        shown = person.candidates
        await person.press(key)
        assert person.session.settings.temperature == pytest.approx(0.8 + by)
        assert f"temp {0.8 + by:g} " in person.status
        assert person.candidates != shown
        for _ in range(9):
            await person.press(key)
        assert person.session.settings.temperature == pytest.approx(1.8 if by > 0 else 0)

    return check


async def changes_mode(person, key):
    assert " PICK " in person.status
    await person.press(key)
    assert " TYPE " in person.status
    await person.press("1", "?", "+", "space", "enter", "tab", "-", "0")
    assert person.text == "ab c1?+ \n\t-0"
    await person.press("backspace", key)
    assert " PICK " in person.status
    assert person.text == "ab c1?+ \n\t-"
    await picks_any(person)


async def picks_any(person):
    """Digits pick again."""
    rests = [item.rest for item in person.writing._found.items]
    rank = 1 if rests[0] else 2
    expected = person.text + rests[rank - 1]
    await person.press(str(rank))
    assert person.text == expected
    assert person.session.draft.hand.by == "picked"


async def types_one(person, key):
    await person.press(key, "7", key, "?", key, "enter", key, "space", key, "+")
    assert person.text == "ab c7?\n +"
    await person.press(key, "ctrl+z")  # no text: the key is what it is
    assert person.text == "ab c7?\n "
    await picks_any(person)


async def breaks_line(person, key):
    await person.press(key, "b")
    assert person.text == "ab c\nb"


async def deletes_char(person, key):
    await person.press(key, key)
    assert person.text == "ab"
    await person.press(*[key] * 5)
    assert person.text == ""


async def deletes_word(person, key):
    await person.press(key)
    assert person.text == "ab"


async def undoes(person, key):
    await person.press("b")
    await person.press(key)
    assert person.text == "ab c"
    await person.press(key, key)
    assert person.text == ""
    assert "nothing to undo" in person.notice


async def redoes(person, key):
    await person.press("b", "ctrl+z", key)
    assert person.text == "ab cb"
    await person.press(key)
    assert "nothing to redo" in person.notice


def runs(name):
    async def check(person, key):
        await person.press(key)
        draft = person.session.draft
        assert draft.text
        assert draft.hand.by == "run"
        assert draft.hand.unit == name
        assert draft.parent.whole == "ab c"

    return check


async def runs_on(person, key):
    await person.pilot.press(key)
    await person.until(lambda: person.text.count("\n") > 1)
    assert " RUN " in person.status
    assert "any key" in "".join(person.lines)
    await person.press("a")
    length = len(person.text)
    assert " PICK " in person.status
    await person.pilot.pause(0.1)
    assert len(person.text) == length
    assert not person.text.endswith("a") or person.session.draft.hand.by == "run"
    assert {piece.hand.by for piece in person.session.draft.path[2:]} == {"run"}


async def branches(person, key):
    await person.press("1", key, "2")
    siblings = person.session.siblings()
    assert [draft.hand.rank for draft in siblings] == [1, 2]
    assert "draft 2 of 2" in person.status
    await person.press(key, key, key)
    assert "the beginning" in person.notice


async def goes_among_siblings(person, key):
    await person.press("1", "ctrl+b", "2", "ctrl+b", "3")
    ranks = []
    for _ in range(3):
        await person.press(key)
        ranks.append(person.session.draft.hand.rank)
    assert ranks == ([1, 2, 3] if key == "down" else [2, 1, 3])
    await person.press("a", key)
    assert "one draft" in person.notice


async def looks_back(person, key):
    await person.press(key)
    expected = likeliest(person.session, 3, position=2)
    await person.press("2")
    assert person.text == "ab" + expected[1]
    assert "ab c" in {draft.whole for draft in person.session.drafts.values()}
    await person.press("ctrl+z", "ctrl+z")
    assert person.text == "ab c"
    await person.press(key, key, key)  # further back than there is text
    await person.press("c")
    assert person.text == "c"


async def looks_on(person, key):
    await person.press("shift+left", "shift+left", key, "a")
    assert person.text == "aba"
    await person.press("shift+left", key, key, "c")
    assert person.text == "abac"


async def leaves(person, key):
    await person.press("shift+left", "shift+left", key, "b")
    assert person.text == "ab cb"


async def scrolls_up(person, key):
    person.session.type("a\n" * 100)
    await person.press("a")
    view = person.app.screen.query_one(DraftView)
    end = view.scroll_offset.y
    assert end > 80
    await person.press(key)
    assert view.scroll_offset.y < end
    await person.press("pagedown")
    assert view.scroll_offset.y == end


async def scrolls_down(person, key):
    await person.press(key)  # up and down again: see scrolls_up
    assert person.text == "ab c"


async def copies(person, key):
    await person.press("é", key)
    assert person.app.clipboard == "ab cé"
    assert "5 characters" in person.notice


async def saves(person, key):
    target = person.session.path.parent / "kept.md"
    await person.pilot.press(key)
    assert isinstance(person.app.screen, SavePrompt)
    assert any("tale.txt" in line for line in person.lines)
    person.app.screen.query_one("Input").value = str(target)
    await person.press("enter")
    await person.until(lambda: "Saved as" in person.notice)
    assert "ab c" in target.read_text()
    await person.press("a")
    await person.pilot.press(key)
    person.app.screen.query_one("Input").value = str(target)
    await person.press("enter")
    assert "is there already" in "".join(person.lines)
    assert "ab ca" not in target.read_text()
    await person.press("enter")
    await person.until(lambda: "Saved as" in person.notice)
    assert "ab ca" in target.read_text()
    for unlikely in ("x" * 1000, "~nobody-of-that-name/x", ""):
        await person.pilot.press(key)
        person.app.screen.query_one("Input").value = unlikely
        await person.pilot.press("enter")
        assert isinstance(person.app.screen, SavePrompt)
        await person.press("escape")
    await person.press(key, "escape", "b")
    assert person.text == "ab cab"
    await person.pilot.press(key)
    person.app.screen.query_one("Input").value = str(target.parent / "none" / "x.txt")
    await person.press("enter")
    await person.until(lambda: "cannot be written" in person.notice)
    assert person.app.screen.query_one(Notice).has_class("-error")


async def helps(person, key):
    await person.press(key)
    assert isinstance(person.app.screen, HelpScreen)
    shown = []
    for _ in range(12):
        shown += person.lines
        await person.press("pagedown")
    for action in ACTIONS:
        told = "take that candidate" if action.name in PICKS else action.says
        assert any(" ".join(told.split()[:4]) in line for line in shown), action.name
    await person.press("b")
    assert not isinstance(person.app.screen, HelpScreen)
    assert person.text == "ab c"


async def has_one_voice(person, key):
    await person.press(key)
    assert "only one voice" in person.notice


async def quits(person, key):
    await person.pilot.press("b", key)
    await person.until(lambda: not person.app.is_running)
    assert person.text == "ab cb"


CHECKS = {
    **{pick: lambda person, key, n=n: picks(person, key, n) for n, pick in enumerate(PICKS, 1)},
    "take_first": takes_first,
    "next_page": pages,
    "previous_page": pages_back,
    **{f"unit_{name}": uses(name) for name in ("char", "word", "line", "bar")},
    "longer_unit": longer,
    "shorter_unit": shorter,
    "hotter": heats(0.1),
    "cooler": heats(-0.1),
    "mode": changes_mode,
    "literal": types_one,
    "newline": breaks_line,
    "delete_char": deletes_char,
    "delete_word": deletes_word,
    "undo": undoes,
    "redo": redoes,
    "run_unit": runs("word"),
    "run_word": runs("word"),
    "run_line": runs("line"),
    "run": runs_on,
    "branch": branches,
    "next_sibling": goes_among_siblings,
    "previous_sibling": goes_among_siblings,
    "look_back": looks_back,
    "look_on": looks_on,
    "leave": leaves,
    "scroll_up": scrolls_up,
    "scroll_down": scrolls_down,
    "copy": copies,
    "save": saves,
    "help": helps,
    "next_voice": has_one_voice,
    "louder": has_one_voice,
    "quieter": has_one_voice,
    "quit": quits,
}


@pytest.mark.parametrize(("action", "key"), [(action.name, key) for action in ACTIONS for key in action.keys])
def test_every_key(session, action, key):
    session.pick(Suggestion("ab c", "ab c", 0.5, (1.0,)), 1, session.units["char"])  # typed, it would filter
    drive(session, lambda person: CHECKS[action](person, key))


def test_an_action_can_have_another_key(session):
    async def scenario(person):
        await person.press("a", "u")
        assert person.text == ""
        await person.press("ctrl+v", "u")
        assert person.text == "u"
        await person.press("ctrl+z")  # no more
        assert person.text == "u"

    drive(session, scenario, keys={"undo": ["u"]})


def test_what_cannot_be_is_refused(session):
    with pytest.raises(ConfigError, match="no action"):
        CowritingApp(session, keys={"fly": ["f3"]})
    with pytest.raises(ConfigError, match="no theme"):
        CowritingApp(session, theme="mud")


def test_letters_filter(session):
    async def scenario(person):
        assert any(not line.split()[1].startswith("a") for line in person.candidates)
        await person.press("a")
        assert person.text == "a"
        assert all(line.split()[1].startswith("a") for line in person.candidates)
        assert [item.rest for item in person.writing._found.items] == likeliest(session, prefix="a")
        found = person.writing._found.items
        whole = [number for number, item in enumerate(found) if not item.rest]
        assert "ends here" in person.candidates[whole[0]]
        await person.press(str(whole[0] + 1))  # the word is over: what comes after it?
        assert person.text == "a"
        assert person.writing._found.items[0].rest
        assert all(item.rest[0] not in "abc" for item in person.writing._found.items)

    drive(session, scenario)


def test_a_letter_after_a_picked_word_begins_the_next_one(session):
    async def scenario(person):
        words = [item.rest for item in person.writing._found.items]
        row = next(n for n, word in enumerate(words, 1) if word[-1] in "abc")
        await person.press(str(row % 10), "b")
        assert person.text == words[row - 1] + " b"
        assert all(line.split()[1].startswith(("b", "␣b")) for line in person.candidates)
        row = next(n for n, item in enumerate(person.writing._found.items, 1) if item.rest)
        await person.press(str(row % 10))
        text = person.text
        await person.press("f2", "b")
        assert person.text == text + "b", "in type mode a text is what is typed"

    drive(session, scenario)


def test_a_word_that_is_typed_whole_is_ended_by_what_ends_words(session):
    """Space after a typed word is a space, and Enter a new line, when nothing likelier goes on with the word."""

    async def scenario(person):
        for key, ending in (("space", " "), ("enter", "\n")):
            await person.press("f2", "a", "f2")
            for _ in range(20):
                if not person.writing._found.items[0].rest:
                    break
                await person.press("f2", "a", "f2")
            assert not person.writing._found.items[0].rest
            text = person.text
            await person.press(key)
            assert person.text == text + ending

    drive(session, scenario)


def test_the_mouse_takes_a_candidate(session):
    async def scenario(person):
        expected = likeliest(session)
        await person.pilot.click(Candidates, offset=(5, 3))
        await person.settle()
        assert person.text == expected[3]
        await person.press("f2")
        expected = likeliest(session, prefix="")
        await person.pilot.click(Candidates, offset=(5, 0))
        await person.settle()
        assert session.draft.text == expected[0]

    drive(session, scenario)


def test_the_mouse_looks_at_what_else_could_stand_in_the_text(session):
    session.type("a\nbb cc\n" * 3 + "ab")

    async def scenario(person):
        await person.press("left")
        await person.pilot.click(DraftView, offset=(1 + 3, 3))  # the first c of the second `bb cc`
        await person.settle()
        position = 8 + 2 + 3
        assert [item.rest for item in person.writing._found.items] == likeliest(
            session, len(person.candidates), "char", position=position
        )
        assert "What else" in person.notice
        written = [line for line in person.candidates if "written" in line]
        assert len(written) == 1
        assert written[0].split()[1] == "c"
        chosen = person.writing._found.items[1]
        await person.press("2")
        assert person.text == "a\nbb cc\na\nbb " + chosen.text
        await person.press("ctrl+z", "ctrl+z")
        assert person.text == "a\nbb cc\n" * 3 + "ab"
        await person.pilot.click(DraftView, offset=(40, 9))  # behind the text
        await person.settle()
        assert person.writing._looked is None
        await person.press("right")
        await person.pilot.click(DraftView, offset=(1 + 4, 3))  # words: the whole of ` cc`
        await person.settle()
        assert person.writing._looked == 8 + 2 + 2
        await person.press("a")
        assert person.text == "a\nbb cc\na\nbba"

    drive(session, scenario)


def paste(person, text):
    from textual.events import Paste

    person.app.post_message(Paste(text))


def test_a_long_paste_is_one_change(session):
    async def scenario(person):
        paste(person, "ab c\r" * 1000 + "ab c\r\n" * 1000)
        await person.until(lambda: session.text)
        await person.settle()
        assert person.text == "ab c\n" * 2000
        assert len(session.drafts) == 2
        assert person.candidates
        assert "ab c" in person.draft[-1]
        await person.press("ctrl+z")
        assert person.text == ""

    drive(session, scenario)


def test_a_paste_stops_the_model_and_is_kept(session):
    async def scenario(person):
        await person.pilot.press("ctrl+r")
        await person.until(lambda: person.text.count("\n") > 1)
        paste(person, "cab")
        await person.until(lambda: person.text.endswith("cab") and session.draft.hand.by == "typed")
        await person.settle()

    drive(session, scenario)


@pytest.mark.parametrize("key", ["ctrl+q", "ctrl+c"])
def test_ending_while_the_model_writes(session, key):
    async def scenario(person):
        await person.pilot.press("ctrl+r")
        await person.until(lambda: person.text.count("\n") > 1)
        await person.pilot.press(key)
        await person.until(lambda: not person.app.is_running)

    drive(session, scenario)
    text = session.text
    session.close()
    with Session.resume(session.path, voices()) as again:
        assert again.text == text


def test_unknown_characters_are_kept_and_told(session):
    async def scenario(person):
        await person.press("a", "é")
        assert person.text == "aé"
        assert "é" in person.notice
        await person.press("b")
        assert person.notice == ""
        paste(person, "\x1b[bold]")
        await person.until(lambda: "bold" in person.text)
        await person.settle()
        assert person.draft[-1].endswith("aéb�[bold]"), "no markup, and nothing that moves the cursor"

    drive(session, scenario)


def test_no_stale_answer_is_ever_shown(session, monkeypatch):
    """Answers come late and in the wrong order."""
    really, may_answer, asked = thinking.answer, {}, []

    def slow(session, question, budget, should_stop):
        text = question.draft.whole
        asked.append(text)
        may_answer.setdefault(text, threading.Event()).wait(20)
        return really(session, question, budget, lambda: False)  # as if it heard too late

    async def scenario(person):
        may_answer["a"] = threading.Event()
        may_answer["ab"] = threading.Event()
        await person.pilot.press("a")
        await person.until(lambda: "a" in asked)
        await person.pilot.pause(0.1)
        assert person.candidates == [" …"], "what could follow the beginning is not what could follow a"
        await person.pilot.click(Candidates, offset=(5, 0))
        assert person.text == "a", "nothing is there to be clicked"
        await person.pilot.press("b")
        await person.until(lambda: "ab" in asked)
        may_answer["a"].set()
        await person.pilot.pause(0.15)
        assert person.candidates == [" …"]
        may_answer["ab"].set()
        await person.settle()
        assert [item.rest for item in person.writing._found.items] == likeliest(session)
        assert all(line.split()[1].startswith("ab") for line in person.candidates)

    monkeypatch.setattr(thinking, "answer", slow)
    may_answer[""] = threading.Event()
    may_answer[""].set()
    drive(session, scenario)


def test_keys_that_are_faster_than_the_answers_mean_what_they_would_mean_later(session, monkeypatch):
    really, gate = thinking.answer, threading.Event()
    gate.set()

    def slow(*question):
        gate.wait(20)
        return really(*question)

    async def scenario(person):
        expected = likeliest(session, 1)[0]
        gate.clear()
        await person.pilot.press("space", "3", "a", "space")
        assert person.text == expected
        gate.set()
        await person.until(lambda: len(session.draft.path) > 3)
        await person.settle()
        first, second, typed, *_ = session.draft.path[1:]
        assert second.hand.rank == 3
        session.go_to(second)
        assert (first.text, typed.text) == (expected, session.gap("a") + "a")
        session.go_to(first)
        assert second.text == likeliest(session, 3)[2]

    monkeypatch.setattr(thinking, "answer", slow)
    drive(session, scenario)


def test_keys_wait_until_the_model_has_written_what_it_was_told(session):
    async def scenario(person):
        await person.pilot.press("ctrl+g", "ctrl+l", "a", "ctrl+g", "b")
        await person.until(lambda: len(session.draft.path) == 6)
        await person.settle()
        assert [(piece.hand.by, piece.hand.unit) for piece in session.draft.path[1:]] == [
            ("run", "word"),
            ("run", "line"),
            ("typed", ""),
            ("run", "word"),
            ("typed", ""),
        ]
        await person.pilot.press("ctrl+g", "1")
        await person.until(lambda: len(session.draft.path) == 8)
        assert session.draft.hand.by == "picked"

    drive(session, scenario)


def test_it_can_be_typed_while_warming_up(session, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(session, "warm_up", lambda budget: gate.wait(20))

    async def scenario(person):
        assert "warming up" in person.candidates[0]
        await person.pilot.press("a", "b", "1", "ctrl+l")
        assert "warming up" in person.notice
        assert person.text == "ab"
        assert "ab" in person.draft[0]
        assert "warming up" in person.candidates[0]
        gate.set()
        await person.until(lambda: person.writing._is_warm)
        await person.settle()
        assert person.candidates[0].split()[1].startswith("ab")

    try:
        drive(session, scenario, is_warm=False)
    finally:
        gate.set()


def test_a_full_disk_loses_nothing(session, monkeypatch):
    def full(content):
        raise SessionError("The session cannot be kept (No space left on device).")

    async def scenario(person):
        await person.press("a")
        append = session._journal.append
        monkeypatch.setattr(session._journal, "append", full)
        for key in ("b", "2", "ctrl+l", "backspace", "+", "ctrl+r"):
            await person.press(key)
            assert "No space left" in person.notice, key
            assert person.text == "a"
        monkeypatch.setattr(session._journal, "append", append)
        await person.press("b")
        assert person.text == "ab"
        assert person.notice == ""

    drive(session, scenario)


def test_what_was_dropped_when_it_was_loaded_is_told(session):
    session.note = "The last change was dropped."

    async def scenario(person):
        assert person.notice == session.note

    drive(session, scenario)


def test_several_voices_are_named_and_weighed(tmp_path):
    async def scenario(person):
        assert "▸voice-1 50%" in person.status
        assert "voice-2 50%" in person.status
        assert all("voice-" in line for line in person.candidates)
        shown = person.candidates
        await person.press("shift+up")
        assert person.session.voices.weights == pytest.approx((0.6, 0.4))
        assert "▸voice-1 60%" in person.status
        assert person.candidates != shown
        await person.press("ctrl+n", "shift+down")
        assert person.session.voices.weights == pytest.approx((0.7, 0.3))
        assert "▸voice-2 30%" in person.status
        await person.press("ctrl+n", *["shift+up"] * 5)
        assert person.session.voices.weights == pytest.approx((1, 0))
        assert all("100% voice-1" in line for line in person.candidates)
        await person.press("shift+down")
        assert person.session.voices.weights == pytest.approx((0.9, 0.1))

    with new_session(tmp_path, num_voices=2) as session:
        drive(session, scenario)


def test_music_has_bars(tmp_path):
    async def scenario(person):
        await person.press("right")
        assert " bars " in person.status
        await person.press("left", "f8")
        assert " bars " in person.status
        await person.press("1")
        assert person.session.draft.hand.unit == "bar"

    with new_session(tmp_path, genre="music") as session:
        drive(session, scenario)


def test_the_status_tells_what_is_known(session):
    async def scenario(person):
        found = person.writing._found
        assert f"others {found.leftover:.1%}" in person.status
        await person.press("a", "b")
        await person.until(lambda: "bits/char" in person.status)
        first, _ = voices().score(voices().begin(), "a")
        second, _ = voices().score(voices().begin("a"), "b")
        assert f"{(first + second).item() / 2:.2f} bits/char" in person.status
        session.set_settings(SampleConfig(1.0, top_k=3, top_p=0.9, min_p=0.01))
        await person.pilot.resize_terminal(160, 40)
        await person.press("f6")
        assert "top-k 3, top-p 0.9, min-p 0.01" in person.status

    drive(session, scenario)


def test_the_status_tells_when_there_may_be_likelier_ones(session):
    async def scenario(person):
        found = person.writing._found
        assert f"each at most {found.bound:.1%}" in person.status

    drive(session, scenario, budget=Budget(nodes=2))


@pytest.mark.parametrize("size", [(40, 10), (20, 5), (5, 2), (1, 1), (200, 60), (80, 24)])
def test_any_size_will_do(session, size):
    session.type("ab c " * 100)

    async def scenario(person):
        await person.pilot.resize_terminal(*size)
        await person.settle()
        assert len(person.lines) == size[1]
        assert {len(line) for line in person.lines} == {size[0]}
        await person.press("?", "escape")
        await person.press("ctrl+s", "escape")
        await person.press("f7", "f5", "1", "shift+left", "shift+left", "2", "ctrl+l", "f6", "tab", "f2", "c")
        assert person.text.endswith("c")
        if size == (40, 10):
            assert any(line.startswith((" PICK", " TYPE")) for line in person.lines)
            assert sum(line.rstrip() != "" for line in person.draft) >= 2
            assert len(person.candidates) == 3
        await person.pilot.resize_terminal(80, 24)
        await person.press("f2")
        assert len(person.candidates) == 10

    drive(session, scenario)


def test_the_last_line_and_the_caret_are_seen(session):
    session.type("ab c\n" * 50 + "cab")

    async def scenario(person):
        assert person.draft[-1].strip() == "cab"
        await person.pilot.resize_terminal(40, 10)
        await person.settle()
        assert person.draft[-1].strip() == "cab"
        await person.press("b")
        assert person.draft[-1].strip() == "cabb"
        await person.press("ctrl+z", "ctrl+z", "ctrl+w")
        assert person.text == ""
        for number in range(30):  # line after line, from what needs no scrolling to what does
            await person.press("ctrl+j", *str(number).translate(str.maketrans("0123456789", "abcabcabca")))
            assert person.draft[-1].strip() == person.text.split("\n")[-1]

    drive(session, scenario)


@pytest.mark.parametrize("theme", ["dark", "light", "nord"])
def test_hands_differ_without_colour(session, theme, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    char = session.units["char"]
    session.type("a")
    session.pick(session.suggest(char, 1, prefix="").items[0], 1, char)
    hands = {}

    async def scenario(person):
        view = person.app.screen.query_one(DraftView)
        for position, hand in enumerate(("typed", "picked")):
            style = view._style_at(position)
            hands[hand] = style.bold, style.italic
        await person.press("ctrl+g")
        style = view._style_at(2)
        hands["run"] = style.bold, style.italic
        assert len(set(hands.values())) == 3
        for strip in person.app.screen._compositor.render_strips():
            for segment in strip:
                for colour in (segment.style.color, segment.style.bgcolor):
                    if colour is not None and colour.triplet is not None:
                        assert len(set(colour.triplet)) == 1, "grey"

    drive(session, scenario, theme=theme)


def test_both_themes_can_be_had(session):
    seen = []

    async def scenario(person):
        await asyncio.sleep(0)
        seen.append(person.app.current_theme.dark)

    drive(session, scenario, theme="light")
    drive(session, scenario)
    assert seen == [False, True]
