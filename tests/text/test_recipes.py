import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.text.recipes import RECIPES, markdown_plays

PLAY = r"""# The Play

## ACT I

### SCENE I. A street.

_Enter ANNE and BEN, with
torches_

**ANNE**
Who goes __\[Aside]_
there?   Speak,
or go.

_Thunder_

Speak, I say.

**BEN**
_\[Advancing]_

**First  Guard**
I \[kneeling] do. \[Within_

### SCENE II. The same.

**ANNE**
_\[Reads] 'Come.'
"""

DIALOGUE = """\
ANNE:
Who goes
there? Speak,
or go.
Speak, I say.

First Guard:
I do.

ANNE:
'Come.'
"""


def test_a_play_becomes_speeches():
    assert markdown_plays([PLAY.encode()]).decode() == DIALOGUE


words = st.text("abcde", min_size=1, max_size=5)
speeches = st.tuples(words.map(str.upper), st.lists(words, min_size=1, max_size=3))


@given(st.lists(st.lists(speeches, min_size=1, max_size=3), min_size=1, max_size=3))
def test_what_is_said_is_kept_in_order(plays: list[list[tuple[str, list[str]]]]):
    written = ["\n\n".join(f"**{name}**  \n" + "  \n".join(lines) for name, lines in play) for play in plays]
    expected = "\n\n".join(f"{name}:\n" + "\n".join(lines) for play in plays for name, lines in play) + "\n"
    assert markdown_plays([play.encode() for play in written]).decode() == expected


@pytest.mark.parametrize("recipe", RECIPES.values())
def test_a_recipe_ends_a_text_with_a_line_end(recipe):
    assert recipe([PLAY.encode(), PLAY.encode()]).endswith(b"\n")
