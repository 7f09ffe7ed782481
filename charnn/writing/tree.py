"""The drafts of a session as a tree, and the way that was taken through them, which undo and redo go along."""

from collections.abc import Mapping
from typing import Any

from charnn.writing.drafts import Draft, first_draft


class Tree:
    """All drafts of a session, and which of them it is at. Nothing is ever taken out."""

    def __init__(self) -> None:
        self.drafts: dict[int, Draft] = {0: first_draft()}
        """All there are, by id, in the order that they were made."""
        self.visited = [0]
        """Where it was, one draft after the other."""
        self.at = 0
        """In `visited`: what is before can be undone, what is behind can be redone."""
        self._children: dict[int, list[int]] = {}

    @property
    def draft(self) -> Draft:
        """Where it is."""
        return self.drafts[self.visited[self.at]]

    def children(self, draft: Draft) -> tuple[Draft, ...]:
        """What was written behind `draft`, the oldest first."""
        return tuple(self.drafts[child] for child in self._children.get(draft.id, []))

    def siblings(self, draft: Draft) -> tuple[Draft, ...]:
        """`draft` and the others with its parent, the oldest first."""
        return (draft,) if draft.parent is None else self.children(draft.parent)

    def tips(self) -> tuple[Draft, ...]:
        """The drafts with nothing behind them: the ends of all branches."""
        return tuple(draft for draft in self.drafts.values() if not self._children.get(draft.id))

    def grow(self, draft: Draft) -> None:
        """Take in a new draft, behind one that is there, and be at it."""
        assert draft.parent is not None
        self.drafts[draft.id] = draft
        self._children.setdefault(draft.parent.id, []).append(draft.id)
        self.visit(draft)

    def visit(self, draft: Draft) -> None:
        """Be at `draft`; what was undone before cannot be redone any more."""
        del self.visited[self.at + 1 :]
        self.visited.append(draft.id)
        self.at += 1

    def travel(self, by: int) -> None:
        """Go along the way that was taken: back (−1) or on (1). Raises ValueError where it ends."""
        if not 0 <= self.at + by < len(self.visited):
            raise ValueError("there is nothing to undo or redo")
        self.at += by

    def replay(self, line: Mapping[str, Any]) -> bool:
        """Do once more what a line of a session's file tells, if it is a change of the tree.

        Raises ValueError, KeyError or TypeError for one that cannot follow what came before.
        """
        if "draft" in line:
            if line["draft"] != len(self.drafts):
                raise ValueError("a draft is missing")
            self.grow(Draft.from_json(line, self.drafts))
        elif "at" in line:
            self.visit(self.drafts[line["at"]])
        elif "travel" in line:
            self.travel(line["travel"])
        else:
            return False
        return True
