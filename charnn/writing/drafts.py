"""Drafts: what was written so far, as a tree of pieces. A draft never changes, so any other can be gone back to."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

By = Literal["typed", "picked", "run"]


@dataclass(frozen=True)
class Hand:
    """Who wrote a piece: the person typed it, or picked it among suggestions, or the model ran free."""

    by: By
    unit: str = ""
    """Of what was picked or run: `char`, `word`, `line` or `bar`."""
    rank: int = 0
    """Of what was picked: 1 is the likeliest."""
    probability: float = 0.0
    """Of what was picked, as it was shown."""
    over: bool = False
    """Whether what was picked or run ended where its unit ends: what comes next begins another one."""


TYPED = Hand("typed")


@dataclass(frozen=True, eq=False)
class Draft:
    """A text: that of `parent` and one piece more. The first draft has neither parent nor text."""

    id: int
    parent: "Draft | None"
    text: str
    """The piece that it adds."""
    hand: Hand
    """Who wrote the piece, every character of it."""
    start: int
    """How many characters come before the piece."""

    @property
    def end(self) -> int:
        """How many characters it has in all."""
        return self.start + len(self.text)

    @property
    def path(self) -> "tuple[Draft, ...]":
        """From the first draft to this one."""
        path, draft = [], self
        while draft.parent is not None:
            path.append(draft)
            draft = draft.parent
        return (draft, *reversed(path))

    @property
    def whole(self) -> str:
        """All of its text."""
        return "".join(draft.text for draft in self.path)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` takes."""
        parent = None if self.parent is None else self.parent.id
        return {"draft": self.id, "parent": parent, "text": self.text, "hand": asdict(self.hand)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any], drafts: "Mapping[int, Draft]") -> Self:
        """The draft that `to_json` told, its parent being one of `drafts`. Raises KeyError or TypeError for another."""
        parent = drafts[content["parent"]]
        return cls(int(content["draft"]), parent, str(content["text"]), Hand(**content["hand"]), parent.end)


def first_draft() -> Draft:
    """The draft that a session begins with: no text."""
    return Draft(0, None, "", TYPED, 0)
