"""Nothing that was written is ever lost: neither by going back, nor by ending, nor by being killed."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import random_model
from processes import environment

from charnn.config import SampleConfig
from charnn.errors import SessionError
from charnn.nn.generate import read_prompt
from charnn.writing.drafts import TYPED
from charnn.writing.export import account
from charnn.writing.session import Session, list_sessions, read_header, session_path
from charnn.writing.suggestions import Suggestion
from charnn.writing.voices import Voice, Voices

PLAIN = SampleConfig(1.0)


def two_voices():
    one = Voice("one", random_model("\n abc", seed=1), "checkpoints/one")
    return Voices.of([one, Voice("other", random_model("cxa \n", seed=2), "checkpoints/other", "last")], [3, 1])


VOICES = two_voices()


@pytest.fixture
def session(tmp_path):
    with Session.create(session_path(tmp_path, "tale"), VOICES, PLAIN, seed=1) as session:
        yield session


def tree(session):
    """Everything about a session that has to survive."""
    drafts = [
        (draft.id, draft.parent and draft.parent.id, draft.text, draft.hand, draft.start, session.children(draft))
        for draft in session.drafts.values()
    ]
    return (
        [(*rest, [child.id for child in children]) for *rest, children in drafts],
        session.text,
        session.draft.id,
        session._tree.visited,
        session._tree.at,
        session.settings,
        session.voices.weights,
        session.header,
    )


def reloaded(session):
    session.close()
    with Session.resume(session.path, two_voices()) as again:
        return again


def assert_same_reading(ours, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), ours, expected)


def as_read(session):
    """What the voices remember of the text: as it stands if it was typed first, else behind a newline."""
    first = next((draft.hand.by for draft in session.draft.path if draft.text), "typed")
    return session.voices.begin(session.text if first == "typed" else "\n" + session.text)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("type"), st.text("ab \n?é\udc80", max_size=4)),
        st.tuples(st.just("pick"), st.sampled_from(["char", "word"])),
        st.tuples(st.just("let_run"), st.sampled_from(["char", "word", "line"])),
        st.tuples(st.sampled_from(["delete_char", "delete_word", "undo", "redo", "branch"]), st.none()),
        st.tuples(st.just("next_sibling"), st.sampled_from([-1, 1])),
        st.tuples(st.sampled_from(["go_to", "cut"]), st.integers(0, 20)),
        st.tuples(st.just("set"), st.floats(0, 2)),
    ),
    max_size=12,
)


def do(session, operation, value):
    match operation:
        case "pick":
            unit = session.units[value]
            found = session.suggest(unit, 2)
            if found.items:  # the likeliest characters for ever may be no word
                session.pick(found.items[-1], len(found.items), unit)
        case "let_run":
            session.let_run(session.units[value], 2)
        case "go_to":
            session.go_to(session.drafts[value % len(session.drafts)])
        case "cut":
            session.cut(value)
        case "set":
            session.set_settings(SampleConfig(value))
            session.set_weights([1, value])
        case "type" | "next_sibling":
            getattr(session, operation)(value)
        case _:
            getattr(session, operation)()


@settings(max_examples=15)
@given(OPERATIONS)
def test_a_session_that_is_loaded_again_is_the_same(operations):
    with tempfile.TemporaryDirectory() as folder:
        session = Session.create(session_path(Path(folder), "tale"), two_voices(), PLAIN, seed=1)
        before = 1
        for operation, value in operations:
            do(session, operation, value)
            assert len(session.drafts) >= before, "nothing is lost"
            before = len(session.drafts)
        again = reloaded(session)
        ours, theirs = tree(session), tree(again)
        assert ours[:6] == theirs[:6]
        assert ours[6] == pytest.approx(theirs[6])
        assert again.header == session.header
        assert_same_reading(again.reading(), session.reading())
        assert again.note == ""


@settings(max_examples=15)
@given(OPERATIONS)
def test_the_reading_is_of_the_text(operations):
    """However it came about, and each way back leads through the same texts."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Session.create(session_path(Path(folder), "tale"), two_voices(), PLAIN, seed=1) as session,
    ):
        texts = [session.text]
        for operation, value in operations:
            here = session.draft
            if operation not in ("undo", "redo"):
                do(session, operation, value)
                if session.draft is not here:
                    texts.append(session.text)
        assert_same_reading(session.reading(), as_read(session))
        for text in reversed(texts):
            assert session.text == text
            session.undo()
        assert not session.can_undo
        for text in texts[1:]:
            assert session.redo().whole == text
        assert not session.can_redo


def test_every_character_knows_who_wrote_it(session):
    session.type("ab")
    word = session.units["word"]
    found = session.suggest(word, 3, prefix="")
    session.pick(found.items[1], 2, word)
    session.let_run(session.units["char"], 20)
    root, typed, picked, run = session.draft.path
    assert (root.text, typed.text, picked.text, len(run.text)) == ("", "ab", found.items[1].rest, 20)
    assert typed.hand == TYPED
    assert (picked.hand.by, picked.hand.rank, picked.hand.unit) == ("picked", 2, "word")
    assert picked.hand.probability == found.items[1].probability
    assert run.hand.by == "run"
    assert session.text == "ab" + picked.text + run.text
    session.delete_char()
    assert session.draft.hand == dataclasses.replace(run.hand, over=False)
    assert session.text == "ab" + picked.text + run.text[:-1]
    assert session.draft.parent is picked
    assert session.siblings() == (run, session.draft)


def test_what_is_deleted_stays_as_a_branch(session):
    session.type("ab c")
    session.type("a")
    assert session.delete_char().whole == "ab c"
    assert session.delete_char().whole == "ab "
    assert session.delete_word().whole == ""
    assert session.delete_char().whole == session.delete_word().whole == ""
    assert "ab ca" in {draft.whole for draft in session.tips()}
    for expected in ("ab ", "ab c", "ab ca"):
        assert session.undo().whole == expected
    session.type(" a")
    assert session.delete_word().whole == "ab ca"
    assert session.delete_word().whole == "ab"


def test_branches_and_siblings(session):
    session.type("a")
    first = session.type("b")
    session.branch()
    second = session.type("c")
    assert session.siblings() == (first, second)
    assert session.next_sibling() is first
    assert session.next_sibling() is second
    assert session.next_sibling(-1) is first
    session.go_to(session.drafts[0])
    assert session.next_sibling() is session.drafts[0]
    assert session.branch() is session.drafts[0]
    assert session.undo() is first
    assert {draft.whole for draft in session.tips()} == {"ab", "ac"}


def test_what_else_could_stand_anywhere(session):
    session.type("ab c")
    session.type("abc")
    text = session.text
    for position in range(len(text) + 1):
        expected = VOICES.begin(text[:position])
        assert_same_reading(session.reading_before(position), expected)
    before = len(session.drafts)
    found = session.suggest(session.units["char"], 3, position=2)
    assert len(session.drafts) == before
    session.cut(2)
    session.pick(found.items[0], 1, session.units["char"])
    assert session.text == "ab" + found.items[0].text


def test_a_prompt_is_read_as_sampling_reads_it(session):
    session.type("ab c")
    state, logits = read_prompt(VOICES.voices[0].model, "ab c")
    assert_same_reading((session.reading().states[0], session.reading().logits[0]), (state, logits))


@pytest.mark.parametrize("by", ["pick", "run"])
def test_what_the_model_writes_first_costs_what_it_was_shown_to(session, by):
    """Its probability holds behind the newline that it was written after, and what follows goes on from there."""
    unit = session.units["word" if by == "pick" else "char"]
    if by == "pick":
        session.pick(session.suggest(unit, 4).items[3], 4, unit)
        assert len(session.text) > 1, "else it is read the same either way"
    else:
        session.let_run(unit, 5)
    text = session.text
    expected = VOICES.read(VOICES.begin(), text)
    for found in (session, reloaded(session)):
        assert_same_reading(found.reading(), expected)
        np.testing.assert_allclose(found.scores()[1][0], VOICES.score(VOICES.begin(), text)[0], rtol=1e-4)
        for position in range(len(text) + 1):
            assert_same_reading(found.reading_before(position), VOICES.read(VOICES.begin(), text[:position]))


def test_a_word_that_was_typed_whole_can_be_picked(session):
    word = session.units["word"]
    session.type("ab")
    whole = next(n for n, item in enumerate(session.suggest(word, 20).items) if not item.rest)
    session.pick(session.suggest(word, 20).items[whole], whole + 1, word)
    assert (session.text, session.typed_prefix(word)) == ("ab", "")
    assert session.suggest(word, 3) == session.suggest(word, 3, prefix="")
    assert reloaded(session).typed_prefix(word) == ""
    assert account(session).picks[0].bits == 0


def test_what_was_typed_of_a_word_filters(session):
    word, line = session.units["word"], session.units["line"]
    session.type("ab ")
    session.type("c")
    session.type("a")
    assert session.typed_prefix(word) == " ca"
    assert session.typed_prefix(line) == "ab ca"
    found = session.suggest(word, 3)
    assert all(item.text.startswith(" ca") for item in found.items)
    session.pick(next(item for item in found.items if item.rest), 1, word)
    assert session.typed_prefix(word) == ""
    session.type("b")
    assert session.typed_prefix(word) == "b"


def test_a_word_that_was_picked_is_over(session):
    word, line = session.units["word"], session.units["line"]
    session.type("ab c")
    assert session.ended_unit() is None
    found = session.suggest(word, 20)
    rank, item = next((rank, item) for rank, item in enumerate(found.items, 1) if item.rest and item.complete)
    session.pick(item, rank, word)
    assert session.ended_unit() == (word, item.text)
    for unit in (word, line):
        goes_on = [one.text for one in session.suggest(unit, 20).items if one.text[0] in "abcx"]
        assert not goes_on
    assert [session.gap(text) for text in ("b", "", " b", "\n", "|")] == [" ", "", "", "", ""]
    session.delete_char()
    assert session.ended_unit() is None, "what is left of a word is not over"
    session.undo()
    session.type("b")
    assert session.ended_unit() is None
    assert session.gap("b") == ""
    session.undo()
    assert session.ended_unit() == (word, item.text)
    long = Suggestion("a" * 80, "a" * 80, 0.1, (1.0, 0.0), complete=False)
    session.pick(long, 1, line)
    assert session.ended_unit() is None, "it was cut off"


def test_running_free_writes_units_and_can_be_stopped(session):
    before = session.text
    for name, count in (("char", 5), ("char", 40), ("line", 2)):
        draft = session.let_run(session.units[name], count)
        if name == "char":
            assert len(draft.text) == count
        else:
            assert draft.text.strip("\n").count("\n") > 0
    assert session.text.startswith(before)
    start = session.draft
    first, second = (session.let_run(session.units["char"], 30).text, session.go_to(start))
    assert session.let_run(session.units["char"], 30).text != first, "another try is another text"
    looks = iter([False, True])
    assert 0 < len(session.let_run(session.units["char"], 1000, should_stop=lambda: next(looks)).text) < 100
    assert second is start


def test_a_line_that_was_run_is_over_unless_it_was_stopped(session):
    line = session.units["line"]
    session.let_run(line)
    assert session.ended_unit()[0] is line
    assert [session.gap(text) for text in ("b", "\n", " ")] == ["\n", "", ""]
    goes_on = [one.text for one in session.suggest(line, 10).items if one.text[0] != "\n"]
    assert not goes_on
    looks = iter([False, True])
    session.let_run(line, 50, should_stop=lambda: next(looks))
    assert session.ended_unit() is None
    assert session.gap("b") == ""


def test_running_on_begins_something_new_after_a_pick(session):
    for name in ("word", "line"):
        unit = session.units[name]
        picked = session.pick(session.suggest(unit, 3).items[0], 1, unit)
        for _ in range(5):
            run = session.let_run(unit)
            before = session.text[: run.start]
            assert unit.begins(before + run.text[0]) == len(before), "not more of what was picked"
            assert_same_reading(session.reading(), session.voices.read(session.reading(picked), run.text))
            session.go_to(picked)
    assert session.let_run(session.units["char"], 0) is picked


def test_unknown_characters_are_kept_and_told(session):
    session.type("aé\udc80b")
    assert session.unknown == "é\udc80"
    assert session.text == "aé\udc80b"
    assert_same_reading(session.reading(), VOICES.begin("a?!b"))
    assert reloaded(session).text == "aé\udc80b"


def test_a_long_paste_is_one_change(session):
    session.type("ab c\n" * 2000)
    assert len(session.drafts) == 2
    expected = VOICES.begin("ab c\n" * 2000)
    assert_same_reading(session.reading(), expected)


def test_scores_are_those_of_the_whole_text(session):
    session.type("ab")
    session.scores()
    session.type(" ca")
    session.let_run(session.units["char"], 20)
    for weights in ([3, 1], [1, 1]):
        session.set_weights(weights)
        first = session.voices.score(VOICES.begin(), "a")
        bits, expected = map(
            np.concatenate, zip(first, session.voices.score(VOICES.begin("a"), session.text[1:]), strict=True)
        )
        ours = session.scores()
        np.testing.assert_allclose(np.concatenate([part for part, _ in ours]), bits, rtol=1e-4)
        np.testing.assert_allclose(np.concatenate([part for _, part in ours]), expected, rtol=1e-4)
        assert [len(part) for part, _ in ours] == [0, 2, 3, 20]


def test_the_header_tells_what_to_load(session, tmp_path):
    voices = read_header(session.path).voices
    assert [(v.name, v.folder, v.checkpoint, v.weight) for v in voices] == [
        ("one", "checkpoints/one", "best", 0.75),
        ("other", "checkpoints/other", "last", 0.25),
    ]
    assert list_sessions(tmp_path) == [session.path]


def test_one_process_at_a_time(session):
    with pytest.raises(SessionError, match="open in another process"):
        Session.resume(session.path, VOICES)
    session.close()
    with pytest.raises(SessionError, match="already"):
        Session.create(session.path, VOICES, PLAIN, seed=1)
    Session.resume(session.path, VOICES).close()


def test_a_torn_last_line_is_dropped_and_said(session):
    session.type("ab")
    session.type("c")
    session.close()
    content = session.path.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    for kept in (last + 1, len(content) - 1):
        session.path.write_bytes(content[:kept])
        with Session.resume(session.path, VOICES) as again:
            assert again.text == "ab"
            assert "dropped" in again.note
            again.type("a")
        with Session.resume(session.path, VOICES) as again:
            assert again.text == "aba"
            assert not again.note


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"at": 7}',
        '{"travel": -9}',
        '{"draft": 1}',
        '{"weights": [1]}',
        '{"x": 1}',
        '{"settings": {"y": 1}}',
    ],
)
def test_a_damaged_line_is_named(session, line):
    session.close()
    with session.path.open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(SessionError, match="Line 2 of the session"):
        Session.resume(session.path, VOICES)
    with pytest.raises(SessionError, match="Line 2 of the session"):  # and it is not held
        Session.resume(session.path, VOICES)


def test_what_is_no_session_is_refused(tmp_path, session):
    with pytest.raises(SessionError, match="cannot be read"):
        Session.resume(tmp_path / "none.jsonl", VOICES)
    for content in ("", "x\n", '{"a": 1}\n', json.dumps({"charnn_session": 99}) + "\n"):
        (tmp_path / "other.jsonl").write_text(content)
        with pytest.raises(SessionError, match="Line 1"):
            Session.resume(tmp_path / "other.jsonl", VOICES)
    session.close()
    with pytest.raises(SessionError, match="begun by one, other"):
        Session.resume(session.path, Voices.of(VOICES.voices[::-1]))


WRITE = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from nets import random_model
from charnn.config import SampleConfig
from charnn.writing.session import Session
from charnn.writing.voices import Voice, Voices

voices = Voices.of([Voice("one", random_model("\\n abc"))])
session = Session.create(Path({path!r}), voices, SampleConfig(1.0), seed=1)
for n in range(10**6):
    session.type("ab c"[n % 4])
    if n % 7 == 3:
        session.delete_char()
    if n % 11 == 5:
        session.undo()
    print(len(session.text), session.draft.id, flush=True)
"""


def test_a_killed_session_loses_nothing_that_was_acknowledged(tmp_path):
    path = session_path(tmp_path, "killed")
    code = WRITE.format(tests=str(Path(__file__).parents[1]), path=str(path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment()) as process:
        acknowledged = [process.stdout.readline() for _ in range(200)]
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += process.stdout.readlines()
    told = [tuple(map(int, line.split())) for line in acknowledged if line.endswith(b"\n")]
    with Session.resume(path, Voices.of([Voice("one", random_model("\n abc"))])) as session:
        length, last = told[-1]
        assert session.drafts[last].end == length
        seen = {session.drafts[id_].end for id_ in session._tree.visited}
        assert {length for length, _ in told} <= seen
        session.type("a")
