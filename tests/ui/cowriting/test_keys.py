"""Every key does one thing, and any can be given to any action."""

import pytest
from textual.keys import Keys as TextualKeys

from charnn.errors import ConfigError
from charnn.ui.cowriting.keys import ACTIONS, Keys, parse_keys, pressed, shown, text_of


def test_the_usual_keys_are_keys_and_do_one_thing_each():
    keys = Keys.of()
    for action in ACTIONS:
        for key in action.keys:
            assert keys.action(key) == action.name
            assert len(key) == 1 or key in {one.value for one in TextualKeys}
    assert keys.action("a") is None


def test_letters_are_text_unless_somebody_wants_otherwise():
    assert not [key for action in ACTIONS for key in action.keys if len(key) == 1 and key.isalpha()]
    keys = Keys.of(parse_keys(["undo=u", "undo=ctrl+u", "hotter=="]))
    assert keys.action("u") == keys.action("ctrl+u") == "undo"
    assert keys.action("ctrl+z") is None
    assert keys.action("=") == "hotter"
    assert keys.first("undo") == "u"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["fly=f3"], "There is no action 'fly'"),
        (["undo=ctrl+y"], "ctrl\\+y is to do both undo and redo"),
        (["undo=f99"], "'f99', for undo, is no key"),
        (["undo=hyper+a"], "no key"),
        (["undo"], "names no action and key"),
        (["undo="], "names no action and key"),
        (["mode=tab", "next_page=f3"], "mode needs a key that is no text"),
        (["quit=x"], "quit needs a key that is no text"),
        (["undo=ctrl+i"], "tab is to do both"),  # a terminal sends the same for both
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ConfigError, match=message) as raised:
        Keys.of(parse_keys(options))
    assert raised.value.field == "key"


def test_two_actions_can_change_places():
    keys = Keys.of(parse_keys(["undo=ctrl+y", "redo=CTRL+Z", "copy= "]) | {"take_first": ["enter"]})
    assert [keys.action(key) for key in ("ctrl+y", "ctrl+z", "space")] == ["undo", "redo", "copy"]


@pytest.mark.parametrize(
    ("key", "character", "name", "text"),
    [
        ("a", "a", "a", "a"),
        ("A", "A", "A", "A"),
        ("question_mark", "?", "?", "?"),
        ("space", " ", "space", " "),
        ("enter", "\r", "enter", "\n"),
        ("tab", "\t", "tab", "\t"),
        ("plus", "+", "+", "+"),
        ("é", "é", "é", "é"),
        ("ctrl+s", "\x13", "ctrl+s", ""),
        ("alt+a", "a", "alt+a", ""),
        ("f2", None, "f2", ""),
        ("shift+tab", None, "shift+tab", ""),
    ],
)
def test_what_textual_tells_is_named(key, character, name, text):
    assert pressed(key, character) == name
    assert text_of(name) == text


def test_keys_are_shown_short():
    names = ["ctrl+s", "shift+tab", "f2", "?", "left", "+", "escape", "alt+x"]
    assert [shown(name) for name in names] == ["^S", "⇧Tab", "F2", "?", "←", "+", "Esc", "Alt-x"]
