"""What the nets are asked, in threads of their own: the screen never waits for them, and no old answer reaches it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from textual.message import Message
from textual.widget import Widget
from textual.worker import get_current_worker

from charnn.config import SampleConfig
from charnn.errors import CharnnError
from charnn.writing import suggestions
from charnn.writing.drafts import Draft
from charnn.writing.export import account
from charnn.writing.session import Session
from charnn.writing.suggestions import Budget, Cancelled, Suggestions
from charnn.writing.units import Unit
from charnn.writing.voices import Voices

BUDGET = Budget(seconds=0.5)
IDLE_SECONDS = 0.15  # without a change, before the bits of the text are counted
RUN_SECONDS = 0.2  # a line, when the model writes on and on: slow enough to be followed and stopped


@dataclass(frozen=True)
class Question:
    """What could come next, or could have come after `position` characters; all that the answer depends on."""

    draft: Draft
    position: int | None
    unit: Unit
    k: int
    prefix: str
    ended: tuple[Unit, str] | None
    voices: Voices
    settings: SampleConfig


def answer(session: Session, question: Question, budget: Budget, should_stop: Callable[[], bool]) -> Suggestions:
    """Look for the answer; the session is only read. Raises `Cancelled` when told to stop."""
    reading = (
        session.reading(question.draft)
        if question.position is None
        else session.reading_before(question.position, question.draft)
    )
    return suggestions.suggest(
        question.voices,
        reading,
        question.unit,
        question.k,
        question.settings,
        prefix=question.prefix,
        ended=question.ended,
        budget=budget,
        should_stop=should_stop,
    )


class Warm(Message):
    """All is compiled; `problem` says why not."""

    def __init__(self, problem: str = "") -> None:
        super().__init__()
        self.problem = problem


class Answered(Message):
    """The answer to a question. It may be an old one: see `Thinker.is_current`."""

    def __init__(self, generation: int, suggestions: Suggestions) -> None:
        super().__init__()
        self.generation = generation
        self.suggestions = suggestions


class Counted(Message):
    """What the text has cost, in bits per character; None if nothing of it can be counted."""

    def __init__(self, generation: int, bits_per_char: float | None) -> None:
        super().__init__()
        self.generation = generation
        self.bits_per_char = bits_per_char


class CountedAll(Message):
    """The account of the text is known, and it can be saved to `path` at once."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path


class Wrote(Message):
    """The model wrote some more; the session is at it already."""


class Stopped(Message):
    """The model has stopped writing, by itself or told to; `problem` says why if something went wrong."""

    def __init__(self, problem: str = "") -> None:
        super().__init__()
        self.problem = problem


class Thinker:
    """Asks for `screen`, which gets the answers as messages. Its methods are for the screen's thread."""

    def __init__(self, screen: Widget, session: Session, budget: Budget = BUDGET) -> None:
        """Nothing is asked yet."""
        self._screen, self._session, self._budget = screen, session, budget
        self._generation = 0
        self._stop = threading.Event()

    def warm_up(self) -> None:
        """Compile all that writing needs; `Warm` tells when it is done."""
        self._start(self._warm_up, "run")

    def ask(self, question: Question) -> None:
        """Drop what was asked before and look for the answer to `question`; `Answered` and `Counted` tell it."""
        self.forget()
        self._start(partial(self._answer, self._generation, question), "ask")

    def forget(self) -> None:
        """Drop what was asked: the text has changed."""
        self._generation += 1
        self._screen.workers.cancel_group(self._screen, "ask")

    def is_current(self, generation: int) -> bool:
        """Whether an answer is to the last question, and nothing has changed since."""
        return generation == self._generation

    def run(self, unit: Unit, *, for_ever: bool = False) -> None:
        """Let the model write a unit, or one after the other; `Stopped` tells the end.

        The session is changed by the thread until then, and must not be changed by anyone else.
        """
        self.forget()
        self._stop.clear()
        self._start(partial(self._write, unit, for_ever), "run")

    def count(self, path: Path) -> None:
        """Find out what the text costs, which takes seconds if it is long and new; `CountedAll` tells the end."""
        self._start(partial(self._count, self._session.draft, path), "count")

    def stop(self) -> None:
        """Stop the model; what it has written stays."""
        self._stop.set()

    def _start(self, work: Callable[[], None], group: str) -> None:
        self._screen.run_worker(work, group=group, thread=True, exclusive=True)

    # in threads

    def _warm_up(self) -> None:
        try:
            self._session.warm_up(self._budget)
        except CharnnError as error:
            self._screen.post_message(Warm(str(error)))
        else:
            self._screen.post_message(Warm())

    def _answer(self, generation: int, question: Question) -> None:
        worker = get_current_worker()
        try:
            found = answer(self._session, question, self._budget, lambda: worker.is_cancelled)
        except Cancelled:
            return
        self._screen.post_message(Answered(generation, found))
        idle_since = time.monotonic()
        while time.monotonic() < idle_since + IDLE_SECONDS:
            time.sleep(0.02)
            if worker.is_cancelled:
                return
        counted = account(self._session, question.draft).bits_per_char
        self._screen.post_message(Counted(generation, counted))

    def _count(self, draft: Draft, path: Path) -> None:
        self._session.scores(draft)
        self._screen.post_message(CountedAll(path))

    def _write(self, unit: Unit, for_ever: bool) -> None:
        try:
            while not self._stop.is_set():
                self._session.let_run(unit, should_stop=self._stop.is_set)
                if not for_ever:
                    break
                self._screen.post_message(Wrote())
                self._stop.wait(RUN_SECONDS)
        except CharnnError as error:
            self._screen.post_message(Stopped(str(error)))
        else:
            self._screen.post_message(Stopped())
