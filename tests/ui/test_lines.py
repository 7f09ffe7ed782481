"""Line mode, word for word: what stands behind `> ` is said, all else is answered."""

import json

import pytest
from nets import follower_model

from charnn.config import SampleConfig
from charnn.errors import ConfigError, SessionError
from charnn.ui.lines import COMMANDS, dialogue, quoted
from charnn.writing.journal import Journal
from charnn.writing.session import Session, session_path
from charnn.writing.voices import Voice, Voices

ONE = Voice(
    "one",
    follower_model(
        {
            "\n": {"a": 0.45, "b": 0.34, " ": 0.06, "\n": 0.15},
            " ": {"a": 0.7, "b": 0.2, "\n": 0.1},
            "a": {"b": 0.6, " ": 0.25, "a": 0.1, "\n": 0.05},
            "b": {" ": 0.52, "a": 0.28, "\n": 0.2},
        }
    ),
)
OTHER = Voice("other", follower_model({"\n": {"c": 0.9, "a": 0.1}, "c": {"c": 0.2, "\n": 0.8}, "a": {"c": 1.0}}))


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Session.create(session_path(tmp_path, "tale"), Voices.of([ONE]), SampleConfig(1.0), seed=1) as session:
        yield session


@pytest.fixture
def duet(tmp_path):
    path = session_path(tmp_path, "duet")
    with Session.create(path, Voices.of([ONE, OTHER], [0.7, 0.3]), SampleConfig(1.0), seed=1) as session:
        yield session


def transcript(session, said, unit="char"):
    """The whole dialogue, in the form of the tests."""
    spoken = []

    def speak():
        for line in said:
            spoken.append(f"> {line}")
            yield f"{line}\n"

    for line in dialogue(session, speak(), unit=unit):
        spoken.append(line)
    return spoken


def assert_dialogue(session, expected, unit="char", *, opening=True):
    lines = expected.strip("\n").split("\n")
    spoken = transcript(session, [line[2:] for line in lines if line.startswith("> ")], unit)
    assert "\n".join(spoken if opening else spoken[spoken.index(lines[0]) :]) == "\n".join(lines)


def test_a_word_is_picked_or_typed_and_what_was_typed_filters(session):
    assert_dialogue(
        session,
        r"""
session "tale" with one; `help` tells what can be said
0 characters
next word:
1. "b" 24.5 %
2. "ab" 19.4 %
3. "a" 13.5 %
4. "bab" 4.11 %
5. "\nb" 3.67 %
6. "abab" 3.27 %
7. "\nab" 2.92 %
8. "ba" 2.86 %
9. "aba" 2.27 %
10. "\na" 2.02 %
all others: 21.5 %
> 2
2 characters: "ab"
next word:
1. " ab" 21.8 %
2. " a" 15.2 %
3. " b" 10.4 %
4. "\nb" 6.8 %
5. "\nab" 5.4 %
6. "\na" 3.75 %
7. " abab" 3.67 %
8. " aba" 2.55 %
9. " aab" 2.18 %
10. " \nb" 1.77 %
all others: 26.5 %
> +  b
4 characters: "ab b"
next word, beginning with " b":
1. " b" 72 %
2. " bab" 12.1 %
3. " ba" 8.4 %
4. " babab" 2.03 %
5. " baba" 1.41 %
6. " baab" 1.21 %
7. " baa" 0.84 %
8. " bababab" 0.341 %
9. " bababa" 0.237 %
10. " babaab" 0.203 %
all others: 1.23 %
> 1
4 characters: "ab b"
next word:
1. " ab" 21.8 %
2. " a" 15.2 %
3. " b" 10.4 %
4. "\nb" 6.8 %
5. "\nab" 5.4 %
6. "\na" 3.75 %
7. " abab" 3.67 %
8. " aba" 2.55 %
9. " aab" 2.18 %
10. " \nb" 1.77 %
all others: 26.5 %
> 1
7 characters: "ab b ab"
next word:
1. " ab" 21.8 %
2. " a" 15.2 %
3. " b" 10.4 %
4. "\nb" 6.8 %
5. "\nab" 5.4 %
6. "\na" 3.75 %
7. " abab" 3.67 %
8. " aba" 2.55 %
9. " aab" 2.18 %
10. " \nb" 1.77 %
all others: 26.5 %
""",
        unit="word",
    )


def test_text_is_added_as_it_stands(session):
    assert_dialogue(
        session,
        r"""
> + ab
2 characters: "ab"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> +
3 characters: "ab\n"
next char:
1. "a" 45 %
2. "b" 34 %
3. "\n" 15 %
4. " " 6 %
all others: nothing
> +  3
No voice knows 3: what is unknown stays in the text, and is read as such.
5 characters: "ab\n 3"
next char:
1. "\n" 25 %
2. " " 25 %
3. "a" 25 %
4. "b" 25 %
all others: nothing
> "\"\t\\ é"
No voice knows " '\t' \ é: what is unknown stays in the text, and is read as such.
10 characters: "ab\n 3\"\t\\ é"
next char:
1. "\n" 25 %
2. " " 25 %
3. "a" 25 %
4. "b" 25 %
all others: nothing
> + é
No voice knows é: what is unknown stays in the text, and is read as such.
11 characters: "ab\n 3\"\t\\ éé"
next char:
1. "\n" 25 %
2. " " 25 %
3. "a" 25 %
4. "b" 25 %
all others: nothing
> "\u00e9"
No voice knows é: what is unknown stays in the text, and is read as such.
12 characters: "ab\n 3\"\t\\ ééé"
next char:
1. "\n" 25 %
2. " " 25 %
3. "a" 25 %
4. "b" 25 %
all others: nothing
> show
12 characters:
ab
 3"	\ ééé
""",
        opening=False,
    )


def test_undo_and_redo(session):
    assert_dialogue(
        session,
        r"""
> undo
There is nothing to undo.
> redo
There is nothing to redo.
> 1
1 character: "a"
next char:
1. "b" 60 %
2. " " 25 %
3. "a" 10 %
4. "\n" 5 %
all others: nothing
> 1
2 characters: "ab"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> undo
1 character: "a"
next char:
1. "b" 60 %
2. " " 25 %
3. "a" 10 %
4. "\n" 5 %
all others: nothing
> redo
2 characters: "ab"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> undo 9
0 characters
next char:
1. "a" 45 %
2. "b" 34 %
3. "\n" 15 %
4. " " 6 %
all others: nothing
> redo 2
2 characters: "ab"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
""",
        opening=False,
    )


def test_branches_and_siblings(session):
    assert_dialogue(
        session,
        r"""
> branch
Nothing is written here, so there is nothing to write otherwise.
> next
Nothing else was written in this place.
> + ab
2 characters: "ab"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> branch
Before "ab", which stays; what is written now stands beside it.
0 characters
next char:
1. "a" 45 %
2. "b" 34 %
3. "\n" 15 %
4. " " 6 %
all others: nothing
> + b
1 character: "b"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> next
1 of 2 in this place: "ab"
2 characters: "ab"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> previous
2 of 2 in this place: "b"
1 character: "b"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> previous
1 of 2 in this place: "ab"
2 characters: "ab"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> branches
draft 1, here, 2 characters: "ab"
draft 2, 1 character: "b"
> goto 1
2 characters: "ab"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> goto 9
There is no draft 9; choose 0 to 2. `branches` tells where the branches end.
""",
        opening=False,
    )


def test_what_was_written_is_taken_back(session):
    assert_dialogue(
        session,
        r"""
> + abab b
6 characters: "abab b"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> delete
5 characters: "abab "
next char:
1. "a" 70 %
2. "b" 20 %
3. "\n" 10 %
4. " " 99.7 bits
all others: nothing
> delete 2
3 characters: "aba"
next char:
1. "b" 60 %
2. " " 25 %
3. "a" 10 %
4. "\n" 5 %
all others: nothing
> delete word
0 characters
next char:
1. "a" 45 %
2. "b" 34 %
3. "\n" 15 %
4. " " 6 %
all others: nothing
> delete 99
0 characters
next char:
1. "a" 45 %
2. "b" 34 %
3. "\n" 15 %
4. " " 6 %
all others: nothing
> delete word
0 characters
next char:
1. "a" 45 %
2. "b" 34 %
3. "\n" 15 %
4. " " 6 %
all others: nothing
> back 1
There are only 0 characters.
> goto 1
6 characters: "abab b"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> back 4
4 characters: "abab"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> back 0
0 characters
next char:
1. "a" 45 %
2. "b" 34 %
3. "\n" 15 %
4. " " 6 %
all others: nothing
""",
        opening=False,
    )


def test_what_else_could_stand_anywhere(session):
    assert_dialogue(
        session,
        r"""
> + ab a
4 characters: "ab a"
next char:
1. "b" 60 %
2. " " 25 %
3. "a" 10 %
4. "\n" 5 %
all others: nothing
> alternatives 3
char instead of " ", character 3:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> 2
3 characters: "aba"
next char:
1. "b" 60 %
2. " " 25 %
3. "a" 10 %
4. "\n" 5 %
all others: nothing
> undo
2 characters: "ab"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> undo
4 characters: "ab a"
next char:
1. "b" 60 %
2. " " 25 %
3. "a" 10 %
4. "\n" 5 %
all others: nothing
> alternatives "ab "
char instead of "a", character 1:
1. "a" 45 %
2. "b" 34 %
3. "\n" 15 %
4. " " 6 %
all others: nothing
> alternatives "a"
char instead of "a", character 4:
1. "a" 70 %
2. "b" 20 %
3. "\n" 10 %
4. " " 99.7 bits
all others: nothing
> alternatives "c"
"c" is not in the text.
> alternatives ""
"" is not in the text.
> alternatives 0
There is no character 0: there are 4 characters.
> alternatives 6
There is no character 6: there are 4 characters.
> alternatives 1
char instead of "a", character 1:
1. "a" 45 %
2. "b" 34 %
3. "\n" 15 %
4. " " 6 %
all others: nothing
> unit word
word instead of "a", character 1:
1. "b" 24.5 %
2. "ab" 19.4 %
3. "a" 13.5 %
4. "bab" 4.11 %
5. "\nb" 3.67 %
6. "abab" 3.27 %
7. "\nab" 2.92 %
8. "ba" 2.86 %
9. "aba" 2.27 %
10. "\na" 2.02 %
all others: 21.5 %
""",
        opening=False,
    )


def test_how_characters_are_drawn_and_the_model_writes(session):
    assert_dialogue(
        session,
        r"""
> temperature
temperature 1
> top-k 3
top-k 3
next char:
1. "a" 47.9 %
2. "b" 36.2 %
3. "\n" 16 %
all others: nothing
> top-p
top-p 1
> top-p 0.8
top-p 0.8
next char:
1. "a" 57 %
2. "b" 43 %
all others: nothing
> min-p 0.5
min-p 0.5
next char:
1. "a" 57 %
2. "b" 43 %
all others: nothing
> top-p 1
top-p 1
next char:
1. "a" 57 %
2. "b" 43 %
all others: nothing
> min-p 0
min-p 0
next char:
1. "a" 47.9 %
2. "b" 36.2 %
3. "\n" 16 %
all others: nothing
> top-k 0
top-k 0
next char:
1. "a" 45 %
2. "b" 34 %
3. "\n" 15 %
4. " " 6 %
all others: nothing
> temperature 0
temperature 0
next char:
1. "a" 100 %
all others: nothing
> run 5
written: "ab ab"
5 characters: "ab ab"
next char:
1. " " 100 %
all others: nothing
> run word
written: " ab"
8 characters: "ab ab ab"
next char:
1. " " 100 %
all others: nothing
> run 2 word
written: " ab ab"
14 characters: "ab ab ab ab ab"
next char:
1. " " 100 %
all others: nothing
> run
written: " "
15 characters: "ab ab ab ab ab "
next char:
1. "a" 100 %
all others: nothing
""",
        opening=False,
    )


def test_voices_are_heard_more_or_less(duet):
    assert_dialogue(
        duet,
        r"""
session "duet" with one 70 %, other 30 %; `help` tells what can be said
0 characters
next char:
1. "a" 34.5 %, one 91 %, other 9 %
2. "c" 27 %, other 100 %
3. "b" 23.8 %, one 100 %
4. "\n" 10.5 %, one 100 %
5. " " 4.2 %, one 100 %
all others: nothing
> weights
heard: one 70 %, other 30 %
> weights one=1 other=1
heard: one 50 %, other 50 %
next char:
1. "c" 45 %, other 100 %
2. "a" 27.5 %, one 82 %, other 18 %
3. "b" 17 %, one 100 %
4. "\n" 7.5 %, one 100 %
5. " " 3 %, one 100 %
all others: nothing
> 2
1 character: "a"
next char:
1. "c" 50 %, other 100 %
2. "b" 30 %, one 100 %
3. " " 12.5 %, one 100 %
4. "a" 5 %, one 100 %
5. "\n" 2.5 %, one 100 %
all others: nothing
> weights other=0
heard: one 100 %, other 0 %
next char:
1. "b" 60 %, one 100 %
2. " " 25 %, one 100 %
3. "a" 10 %, one 100 %
4. "\n" 5 %, one 100 %
all others: nothing
""",
    )


def test_what_is_misunderstood_is_answered_and_changes_nothing(duet):
    assert_dialogue(
        duet,
        r"""
> + a
1 character: "a"
next char:
1. "b" 42 %, one 100 %
2. "c" 30 %, other 100 %
3. " " 17.5 %, one 100 %
4. "a" 7 %, one 100 %
5. "\n" 3.5 %, one 100 %
all others: nothing
> 0
There is no suggestion 0; choose 1 to 5.
> 5
2 characters: "a\n"
next char:
1. "a" 34.5 %, one 91 %, other 9 %
2. "c" 27 %, other 100 %
3. "b" 23.8 %, one 100 %
4. "\n" 10.5 %, one 100 %
5. " " 4.2 %, one 100 %
all others: nothing
> 99999999999999999999
There is no suggestion 99999999999999999999; choose 1 to 5.
> -1
There is no command "-1"; `help` tells those there are. To write it, say: + -1
> Romeo loves
There is no command "Romeo"; `help` tells those there are. To write it, say: + Romeo loves
> undo x
"x" does not fit there. Say: undo [N]
> redo -1
"-1" does not fit there. Say: redo [N]
> run x
There is no unit 'x' in this session; choose one of char, word, line.
> run 2 3
There is no unit '3' in this session; choose one of char, word, line.
> run 1e3
There is no unit '1e3' in this session; choose one of char, word, line.
> delete x
"x" does not fit there. Say: delete [N]|word
> delete letter
"letter" does not fit there. Say: delete [N]|word
> goto
Something is missing there. Say: goto N
> goto x
"x" does not fit there. Say: goto N
> back
Something is missing there. Say: back N
> back ½
"½" does not fit there. Say: back N
> alternatives
Something is missing there. Say: alternatives N|"TEXT"
> unit
Something is missing there. Say: unit NAME
> unit sentence
There is no unit 'sentence' in this session; choose one of char, word, line.
> temperature x
"x" does not fit there. Say: temperature [T]
> temperature -1
temperature is -1.0; it must be 0 (greedy) or a number above it.
> temperature nan
temperature is nan; it must be 0 (greedy) or a number above it.
> top-k 2.5
"2.5" does not fit there. Say: top-k [K]
> top-p 0
top_p is 0.0; it must be above 0 and at most 1.
> min-p 2
min_p is 2.0; it must be between 0 and 1.
> weights third=1
There is no voice 'third'; there is one, other.
> weights one
"one" does not fit there. Say: weights [VOICE=W …]
> weights one=x
"one=x" does not fit there. Say: weights [VOICE=W …]
> weights one=0 other=0
The voices' weights are 0, 0; each must be 0 or more, and one at least above 0.
> weights one=-1
"one=-1" does not fit there. Say: weights [VOICE=W …]
> "a
That is no quoted text: a quote has to end it, and one in it is written \", a backslash \\. Nothing was added.
> "a" b
That is no quoted text: a quote has to end it, and one in it is written \", a backslash \\. Nothing was added.
> "\ud800"
That is no quoted text: a quote has to end it, and one in it is written \", a backslash \\. Nothing was added.
> "
That is no quoted text: a quote has to end it, and one in it is written \", a backslash \\. Nothing was added.
> save
Something is missing there. Say: save FILE
> save /nowhere/tale.txt
/nowhere/tale.txt cannot be written (No such file or directory). Make room, or name another file; all is kept.
> save /
/ cannot be written (Is a directory). Make room, or name another file; all is kept.
> more
There are no more suggestions.
> more 2
"2" does not fit there. Say: more
> show 3
"3" does not fit there. Say: show
> help me
"me" does not fit there. Say: help
> branch 2
"2" does not fit there. Say: branch
> quit now
"now" does not fit there. Say: quit
> + b
3 characters: "a\nb"
next char:
1. " " 36.4 %, one 100 %
2. "a" 29.6 %, one 66 %, other 34 %
3. "\n" 24 %, one 58 %, other 42 %
4. "c" 10 %, other 100 %
5. "b" 100.2 bits, one 100 %
all others: nothing
""",
        opening=False,
    )


def test_pages_go_on_where_the_last_one_ended(session):
    spoken = transcript(session, ["more", "more", "unit word", "25"], "word")
    found = session.suggest(session.units["word"], 30).items
    numbered = [line for line in spoken if line.split(".")[0].isdigit()]
    assert [line.split()[0] for line in numbered] == [f"{n}." for n in [*range(1, 31), *range(1, 11)]]
    assert [line.split('"')[1] for line in numbered] == [quoted(item.text)[1:-1] for item in found + found[:10]]
    assert spoken[-1] == "There is no suggestion 25; choose 1 to 10."


def test_a_pick_from_a_later_page_has_its_rank(session):
    transcript(session, ["more", "15"], "word")
    found = session.suggest(session.units["word"], 15, position=0)
    assert session.text == found.items[14].text
    assert session.draft.hand.rank == 15


def test_lines_are_told_in_bits_and_those_that_were_cut_off_say_so(session):
    spoken = transcript(session, ["top-k 1"], "line")
    assert spoken[2] == "next line:"
    assert all(" bits, " in line and line.endswith(" a character") for line in spoken[3:13])
    assert spoken[13].startswith("all others: ")
    assert ", none of them likelier than " in spoken[13]
    assert spoken[17] == f'1. "{"ab " * 26}ab" and so on 0.0 bits, 0.00 a character'


def test_the_account_tells_who_wrote_what_and_what_it_cost(session):
    assert_dialogue(
        session,
        r"""
> + ab
2 characters: "ab"
next char:
1. " " 52 %
2. "a" 28 %
3. "\n" 20 %
4. "b" 99.7 bits
all others: nothing
> 2
3 characters: "aba"
next char:
1. "b" 60 %
2. " " 25 %
3. "a" 10 %
4. "\n" 5 %
all others: nothing
> account
typed by hand: 2 characters in 1 piece; 1.9 bits, 0.94 a character; the model alone would have paid 3.2
picked from suggestions: 1 character in 1 piece; 1.8 bits, 1.84 a character; the model alone would have paid 1.5
written by the model: 0 characters in 0 pieces; 0.0 bits; the model alone would have paid 0.0
in all: 3 characters in 2 pieces; 3.7 bits, 1.24 a character; the model alone would have paid 4.7
pick 1: "a", char 2 at 28 %, cost 1.8 bits
""",
        opening=False,
    )


def test_the_text_is_saved_in_the_form_that_the_name_tells(session, tmp_path):
    spoken = transcript(session, [r'"ab\n\udce9"', "save a tale.txt", "save tale.c", "save tale.md", "save tale.html"])
    assert spoken.count("saved as a tale.txt") == 1
    assert (tmp_path / "a tale.txt").read_bytes() == (tmp_path / "tale.c").read_bytes() == b"ab\n\xe9"
    assert (tmp_path / "tale.md").read_bytes().startswith(b"# tale\n")
    assert (tmp_path / "tale.html").read_bytes().startswith(b"<!DOCTYPE html>")
    assert {path.name for path in tmp_path.iterdir()} == {"a tale.txt", "tale.c", "tale.md", "tale.html", "sessions"}


def test_help_tells_every_command(session):
    spoken = transcript(session, ["help"])
    told = spoken[spoken.index("> help") + 1 :]
    assert {line.split(":")[0] for line in told} >= {command.usage for command in COMMANDS.values()}
    for word, command in COMMANDS.items():
        assert command.usage.split()[0] == word
    for start in ("3:", "+ TEXT:", "+:", '"TEXT":', "an empty line:"):
        assert any(line.startswith(start) for line in told)


def test_an_empty_line_tells_the_suggestions_again_and_changes_nothing(session):
    spoken = transcript(session, ["", "  ", "show"])
    assert spoken[spoken.index("> ") + 1 : spoken.index(">   ")] == spoken[2 : spoken.index("> ")]
    assert spoken[-2:] == ["0 characters:", ""]


def test_quit_ends_and_so_does_the_end(session):
    spoken = transcript(session, ["+ a", "QUIT", "+ b"])
    assert spoken[-1] == "Everything is saved. `charnn write --continue` goes on."
    assert "> + b" not in spoken
    assert session.text == "a"
    assert transcript(session, [])[1] == '1 character: "a"'


def test_a_line_may_end_as_on_windows(session):
    list(dialogue(session, ["+ a\r\n", "+ b"]))
    assert session.text == "ab"


def test_a_long_text_is_told_by_its_end(session):
    session.type("ab " * 1000)
    opening = transcript(session, [])
    assert opening[1] == f'3,000 characters: … "{"ab " * 20}"'


def test_what_a_reload_found_is_told_first(session):
    session.note = "The last change was dropped."
    session.type("aé")
    assert transcript(session, [])[:2] == [
        "The last change was dropped.",
        "No voice knows é: what is unknown stays in the text, and is read as such.",
    ]


def test_a_change_that_cannot_be_saved_is_answered_and_not_made(session, monkeypatch):
    def full(*_):
        raise SessionError("No room.")

    monkeypatch.setattr(Journal, "append", full)
    assert transcript(session, ["+ a", "show"])[-4:] == ["No room.", "> show", "0 characters:", ""]


def test_a_unit_that_there_is_not_is_refused_before_anything_is_said(session):
    with pytest.raises(ConfigError, match="bar"):
        list(dialogue(session, [], unit="bar"))


@pytest.mark.parametrize("text", ["", " ", "a\nb", '"\\', "é 語 🎵", "\x1b[2J\x85\u2028\ufeff\udc80", "\U000e0001"])
def test_what_is_quoted_can_be_given_back(session, text):
    assert json.loads(quoted(text)) == text
    assert quoted(text).isprintable()
    transcript(session, [quoted(text)])
    assert session.text == text
