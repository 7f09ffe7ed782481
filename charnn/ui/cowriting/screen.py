"""The screen that is written on: keys and clicks change the session, and it shows what became of it."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.timer import Timer

from charnn.errors import CharnnError
from charnn.text.corpus import encode_text, examples
from charnn.ui.cowriting.candidates import Candidates, Row
from charnn.ui.cowriting.draft import DraftView
from charnn.ui.cowriting.footer import KeyHints, hints
from charnn.ui.cowriting.help import HelpScreen
from charnn.ui.cowriting.keys import PICKS, Keys, pressed, text_of
from charnn.ui.cowriting.notice import Notice
from charnn.ui.cowriting.prompt import SavePrompt
from charnn.ui.cowriting.status import PICK, RUN, TYPE, Status, StatusLine, limits
from charnn.ui.cowriting.thinking import BUDGET, Answered, Counted, CountedAll, Question, Stopped, Thinker, Warm
from charnn.writing import export
from charnn.writing.drafts import Draft
from charnn.writing.session import Session
from charnn.writing.suggestions import Budget, Suggestion, Suggestions
from charnn.writing.units import Unit

PATIENCE = 0.05  # seconds in which an answer is shown together with the change that it is about
MOST_WAITING = 3  # keys that wait for an answer
TEMPERATURE_STEP = 0.1
WEIGHT_STEP = 0.1


class WritingScreen(Screen[None], inherit_bindings=False):
    """The draft, its status, the candidates, a notice and the keys."""

    AUTO_FOCUS: ClassVar[str | None] = ""

    def __init__(self, session: Session, keys: Keys, budget: Budget = BUDGET, unit: str = "word") -> None:
        """`session` stays open; the screen is the only one to change it."""
        super().__init__()
        self._session, self._keys = session, keys
        self._thinker = Thinker(self, session, budget)
        self._mode = PICK
        self._unit = session.units[unit]
        self._page, self._page_size = 0, 10
        self._looked: int | None = None
        self._released: tuple[Draft, Unit] | None = None  # where what was typed of a unit is said to be all of it
        self._is_warm, self._is_running, self._runs_on, self._is_ending = False, False, False, False
        self._is_literal = False  # whether the next key is text
        self._question: Question | None = None
        self._found: Suggestions | None = None  # the answer to the last question, if nothing has changed since
        self._waiting: list[str] = []  # keys that need the answer or the session, and all that were pressed after
        self._pasted: list[str] = []  # while the model writes
        self._bits_per_char: float | None = None
        self._voice = 0
        self._painting: Timer | None = None
        self._started = time.monotonic()

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield DraftView()
        yield StatusLine()
        yield Candidates(self._session.voices.names)
        yield Notice()
        yield KeyHints()

    def on_mount(self) -> None:
        """Begin to warm up; what can be done without the nets can be done at once."""
        if self._session.note:
            self._say(self._session.note)
        self._thinker.warm_up()
        self.set_interval(0.5, self._tell_warming)
        self._paint()

    def on_unmount(self) -> None:
        """Leave nobody writing."""
        self._thinker.stop()

    def on_resize(self, event: events.Resize) -> None:
        """Half of a low screen is for the text."""
        size = max(1, min(10, (event.size.height - 3) // 2))
        self.query_one(Candidates).styles.height = size
        if size != self._page_size:
            self._page, self._page_size = 0, size
            self._ask()

    # keys and clicks

    def on_key(self, event: events.Key) -> None:
        """Do what the key is for."""
        event.stop()
        event.prevent_default()
        self._press(pressed(event.key, event.character))

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted is one change, in either mode."""
        event.stop()
        text = event.text.replace("\r\n", "\n").replace("\r", "\n")
        if self._is_running:
            self._pasted.append(text)
            self._thinker.stop()
        else:
            self._say("")
            self._waiting.clear()
            self._try(lambda: self._write(text))

    def on_candidates_clicked(self, message: Candidates.Clicked) -> None:
        """Take it."""
        if self._is_running:
            self._thinker.stop()
        elif self._found is not None and self._painting is None:  # else what was clicked is an old one
            self._say("")
            self._try(lambda: self._take(message.row))

    def on_draft_view_clicked(self, message: DraftView.Clicked) -> None:
        """Look at what else could have stood there."""
        if self._is_running:
            self._thinker.stop()
        else:
            self._say("")
            self._look(message.position)

    def _press(self, key: str) -> None:
        action = self._keys.action(key)
        if self._is_running and (self._runs_on or action in ("leave", "quit")):
            self._is_ending = self._is_ending or action == "quit"
            self._thinker.stop()
            return
        text = text_of(key)
        is_text = bool(text) and (self._mode == TYPE or self._is_literal or action is None)
        needs_answer = not is_text and (action in PICKS or action in ("take_first", "next_page"))
        if action in ("leave", "quit") and not is_text:
            self._waiting.clear()
        elif self._waiting or self._is_running or (needs_answer and self._is_warm and self._found is None):
            if not needs_answer or len(self._waiting) < MOST_WAITING:  # a key that is held down ends when it is let go
                self._waiting.append(key)
            return
        self._say("")
        is_literal, self._is_literal = self._is_literal, False
        if is_text:
            # where candidates are picked, a letter after a picked word begins the next one, as all candidates do
            gap = "" if self._mode == TYPE or is_literal or self._looked is not None else self._session.gap(text)
            self._try(lambda: self._write(gap + text))
        elif action == "take_first" and self._first_is_typed():
            self._try(lambda: self._write(text or " "))  # as a writer means it who typed a word and goes on
        elif action in PICKS:
            self._try(lambda: self._take(PICKS.index(action)))
        elif action is not None:
            self._try(getattr(self, f"_do_{action}"))

    def _press_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for key in waiting:
            self._press(key)  # what needs another answer, and all that follows it, waits again

    def _try(self, change: Callable[[], object]) -> None:
        try:
            change()
        except CharnnError as error:
            self._complain(str(error))

    # writing

    def _write(self, text: str) -> None:
        if not text:
            return
        self._continue_here()
        self._session.type(text)
        self._changed()
        if unseen := self._session.voices.vocabulary.unknown_characters(text):
            self._say(f"Never seen in training: {examples(unseen)}. It stays in the text, and is read as unknown.")

    def _take(self, row: int) -> None:
        if self._found is None:
            self._say("Still warming up; you can type.")
            return
        candidates = self._candidates()
        if row >= len(candidates):
            self._say(f"There is no candidate {row + 1}.")
            return
        chosen, looked = candidates[row], self._looked
        if not chosen.rest and looked is None:
            self._released = self._session.draft, self._unit
        self._continue_here()
        self._session.pick(chosen, self._page * self._page_size + row + 1, self._unit)
        self._changed()

    def _continue_here(self) -> None:
        """Cut the text off where it is looked at; what came behind stays as a branch."""
        if self._looked is not None:
            self._session.cut(self._looked)
            self._looked = None

    def _candidates(self) -> tuple[Suggestion, ...]:
        start = self._page * self._page_size
        return () if self._found is None else self._found.items[start : start + self._page_size]

    def _first_is_typed(self) -> bool:
        """Whether the first candidate adds nothing, since all of it has been typed."""
        candidates = self._candidates()
        return bool(candidates) and not candidates[0].rest and self._looked is None

    def _do_take_first(self) -> None:
        self._take(0)

    def _do_next_page(self) -> None:
        if self._found is not None and len(self._found.items) >= (self._page + 1) * self._page_size:
            self._page += 1
        elif self._page:
            self._page = 0
            self._say("These were all that were found; here are the first ones again.")
        else:
            return
        self._ask()

    def _do_previous_page(self) -> None:
        if self._page:
            self._page -= 1
            self._ask()

    def _do_delete_char(self) -> None:
        self._session.delete_char()
        self._changed()

    def _do_delete_word(self) -> None:
        self._session.delete_word()
        self._changed()

    def _do_undo(self) -> None:
        if not self._session.can_undo:
            self._say("There is nothing to undo.")
        self._session.undo()
        self._changed()

    def _do_redo(self) -> None:
        if not self._session.can_redo:
            self._say("There is nothing to redo.")
        self._session.redo()
        self._changed()

    def _do_newline(self) -> None:
        self._write("\n")

    def _do_mode(self) -> None:
        self._mode = TYPE if self._mode == PICK else PICK
        self._paint()

    def _do_literal(self) -> None:
        self._is_literal = True
        self._say("The next key is text.")

    # what is suggested

    def _use(self, unit: Unit) -> None:
        looked = self._looked
        self._unit, self._page = unit, 0
        if looked is not None:
            self._look(looked)
        else:
            self._ask()

    def _do_longer_unit(self, by: int = 1) -> None:
        units = list(self._session.units.values())
        self._use(units[min(max(units.index(self._unit) + by, 0), len(units) - 1)])

    def _do_shorter_unit(self) -> None:
        self._do_longer_unit(-1)

    def _do_unit_char(self) -> None:
        self._use(self._session.units["char"])

    def _do_unit_word(self) -> None:
        self._use(self._session.units["word"])

    def _do_unit_line(self) -> None:
        self._use(self._session.units["line"])

    def _do_unit_bar(self) -> None:
        if "bar" in self._session.units:
            self._use(self._session.units["bar"])
        else:
            self._say("Only music has bars.")

    def _do_hotter(self, by: float = TEMPERATURE_STEP) -> None:
        settings = self._session.settings
        temperature = max(0.0, round(settings.temperature + by, 2))
        self._session.set_settings(dataclasses.replace(settings, temperature=temperature))
        self._ask()

    def _do_cooler(self) -> None:
        self._do_hotter(-TEMPERATURE_STEP)

    def _do_next_voice(self) -> None:
        self._voice = (self._voice + 1) % len(self._session.voices.names)
        if len(self._session.voices.names) == 1:
            self._say("There is only one voice.")
        self._paint()

    def _do_louder(self, by: float = WEIGHT_STEP) -> None:
        weights = list(self._session.voices.weights)
        if len(weights) == 1:
            self._say("There is only one voice.")
            return
        chosen = min(max(round(weights[self._voice] + by, 2), 0.0), 1.0)
        others = 1 - weights[self._voice]
        for voice, weight in enumerate(weights):
            share = weight / others if others > 0 else 1 / (len(weights) - 1)
            weights[voice] = chosen if voice == self._voice else (1 - chosen) * share
        self._session.set_weights(weights)
        self._ask()

    def _do_quieter(self) -> None:
        self._do_louder(-WEIGHT_STEP)

    # the model writes

    def _run(self, unit: Unit, *, for_ever: bool = False) -> None:
        if not self._is_warm:
            self._say("Still warming up; you can type.")
            return
        self._continue_here()
        self._is_running, self._runs_on, self._found = True, for_ever, None
        self._thinker.run(unit, for_ever=for_ever)
        if for_ever:
            self._say("The model writes; any key stops it.")
            self._paint()

    def _do_run_unit(self) -> None:
        self._run(self._unit)

    def _do_run_word(self) -> None:
        self._run(self._session.units["word"])

    def _do_run_line(self) -> None:
        self._run(self._session.units["line"])

    def _do_run(self) -> None:
        self._run(self._session.units["line"], for_ever=True)

    def on_wrote(self) -> None:
        """Show what the model has written by now."""
        self._paint()

    def on_stopped(self, message: Stopped) -> None:
        """It is the person's turn again."""
        self._is_running = False
        self._say("")
        if message.problem:
            self._complain(message.problem)
        self._changed()
        if self._pasted:
            text = "".join(self._pasted)
            self._pasted.clear()
            self._try(lambda: self._write(text))
        self._press_waiting()
        if self._is_ending:
            self.app.exit()

    # drafts

    def _look(self, position: int) -> None:
        text = self._session.text
        if position >= len(text):
            self._looked = None
        else:
            self._looked, _ = self._unit.around(text, position)
            self._say(f"What else could stand here? {self._keys.first('leave')} goes back to the end of the text.")
        self._page = 0
        self._ask()

    def _do_look_back(self) -> None:
        position = len(self._session.text) if self._looked is None else self._looked
        if position:
            self._look(position - 1)

    def _do_look_on(self) -> None:
        if self._looked is not None:
            _, end = self._unit.around(self._session.text, self._looked)
            self._look(end)

    def _do_leave(self) -> None:
        if self._looked is not None:
            self._look(len(self._session.text))

    def _do_branch(self) -> None:
        left = self._session.draft
        if self._session.branch() is left:
            self._say("This is the beginning.")
        else:
            self._say("Write another piece beside that one; ↑ and ↓ go from one to the other.")
        self._changed()

    def _do_next_sibling(self, by: int = 1) -> None:
        if len(self._session.siblings()) == 1:
            self._say(f"There is one draft here. {self._keys.first('branch')} steps back to write another beside it.")
        self._session.next_sibling(by)
        self._changed()

    def _do_previous_sibling(self) -> None:
        self._do_next_sibling(-1)

    # everything else

    def _do_scroll_up(self) -> None:
        self.query_one(DraftView).scroll_page_up(animate=False)

    def _do_scroll_down(self) -> None:
        self.query_one(DraftView).scroll_page_down(animate=False)

    def _do_copy(self) -> None:
        text = self._session.text
        self.app.copy_to_clipboard(encode_text(text).decode("utf-8", "replace"))
        self._say(f"{len(text):,} characters were copied, if the terminal lets programs use its clipboard.")

    def _do_save(self) -> None:
        self.app.push_screen(SavePrompt(f"{self._session.path.stem}.txt"), self._save)

    def _save(self, path: Path | None) -> None:
        if path is not None:
            self._say("Saving …")
            self._thinker.count(path)

    def on_counted_all(self, message: CountedAll) -> None:
        """Save: now nothing has to be waited for."""
        try:
            export.save(self._session, message.path, self._session.path.stem)
        except CharnnError as error:
            self._complain(str(error))
        else:
            self._say(f"Saved as {message.path}.")

    def _do_help(self) -> None:
        self.app.push_screen(HelpScreen(self._keys))

    def _do_quit(self) -> None:
        self.app.exit()

    # what the nets say

    def on_warm(self, message: Warm) -> None:
        """Now questions are answered."""
        if message.problem:
            self._complain(message.problem)
        else:
            self._is_warm = True
            self._ask()

    def on_answered(self, message: Answered) -> None:
        """Show the answer, if nothing has changed since it was asked for, and do what waits for it."""
        if not self._thinker.is_current(message.generation):
            return
        self._found = message.suggestions
        self._press_waiting()
        self._paint()

    def on_counted(self, message: Counted) -> None:
        """Show what the text costs."""
        if self._thinker.is_current(message.generation):
            self._bits_per_char = message.bits_per_char
            self._show_status()

    def _changed(self) -> None:
        """The text is another one."""
        self._looked, self._page = None, 0
        self._ask()

    def _ask(self) -> None:
        """What is known of the suggestions holds no more."""
        self._found = None
        self._thinker.forget()
        if not self._is_warm:
            self._paint()
            return
        draft, unit = self._session.draft, self._unit
        prefix, ended = self._session.typed_prefix(unit), self._session.ended_unit()
        if self._looked is not None:
            prefix, ended = "", None
        elif self._released == (draft, unit):
            prefix, ended = "", (unit, prefix)
        self._question = Question(
            draft,
            self._looked,
            unit,
            (self._page + 1) * self._page_size,
            prefix,
            ended,
            self._session.voices,
            self._session.settings,
        )
        self._thinker.ask(self._question)
        if self._painting is None:
            self._painting = self.set_timer(PATIENCE, self._paint)

    # what is seen

    def _say(self, message: str) -> None:
        self.query_one(Notice).say(message)

    def _complain(self, message: str) -> None:
        self.query_one(Notice).say(message, is_error=True)

    def _paint(self) -> None:
        if self._painting is not None:
            self._painting.stop()
            self._painting = None
        draft, looked = self._session.draft, None
        if self._looked is not None:
            looked = self._unit.around(draft.whole, self._looked)
        self.query_one(DraftView).show(draft, looked)
        self._show_status()
        self._show_candidates(looked)
        mode = RUN if self._is_running else self._mode
        self.query_one(KeyHints).show(hints(self._keys, mode, self._page_size))

    def _show_candidates(self, looked: tuple[int, int] | None) -> None:
        widget = self.query_one(Candidates)
        if self._is_running:
            widget.say("")
        elif not self._is_warm:
            self._tell_warming()
        elif self._found is None or self._question is None:
            widget.say("…")
        elif not self._candidates():
            widget.say("Nothing more was found." if self._page else "Nothing was found that begins so.")
        else:
            written = None if looked is None else self._session.text[slice(*looked)]
            rows = [
                Row("" if self._mode == TYPE else self._keys.first(PICKS[n]), item, item.text == written)
                for n, item in enumerate(self._candidates())
            ]
            widget.show(rows, self._question.prefix, self._found.items[0].probability)

    def _tell_warming(self) -> None:
        if not self._is_warm:
            seconds = time.monotonic() - self._started
            self.query_one(Candidates).say(f"warming up, {seconds:.0f} s … you can type already")

    def _show_status(self) -> None:
        session, found = self._session, self._found
        siblings = session.siblings()
        self.query_one(StatusLine).show(
            Status(
                RUN if self._is_running else self._mode,
                self._unit.name,
                session.settings.temperature,
                limits(session.settings),
                None if found is None else found.leftover,
                None if found is None or found.exact else found.bound,
                self._bits_per_char if session.draft.end else None,
                (siblings.index(session.draft) + 1, len(siblings)),
                self._page,
                tuple(zip(session.voices.names, session.voices.weights, strict=True)),
                self._voice,
            )
        )
