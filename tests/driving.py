"""Someone at the keyboard of the app."""

import asyncio
import contextlib
from functools import cache

from nets import random_model

from charnn.config import SampleConfig
from charnn.ui.cowriting.app import CowritingApp
from charnn.ui.cowriting.candidates import Candidates
from charnn.ui.cowriting.draft import DraftView
from charnn.ui.cowriting.notice import Notice
from charnn.ui.cowriting.status import StatusLine
from charnn.writing.session import Session, session_path
from charnn.writing.suggestions import DEFAULT_BUDGET
from charnn.writing.voices import Voice, Voices

CHARACTERS = "\n abc|"


@cache
def voices(num=1):
    models = [random_model(CHARACTERS, seed=seed, scale=0.7) for seed in range(1, num + 1)]
    return Voices.of([Voice(f"voice-{number}", model) for number, model in enumerate(models, 1)])


@contextlib.contextmanager
def new_session(folder, num_voices=1, **header):
    path = session_path(folder, "tale")
    with Session.create(path, voices(num_voices), SampleConfig(0.8), seed=1, **header) as session:
        yield session


class Person:
    """Presses keys, waits until the app has nothing to do, and reads the screen."""

    def __init__(self, app, pilot, session):
        self.app, self.pilot, self.session = app, pilot, session

    async def press(self, *keys):
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self):
        """Until the answer is seen, if one is to be."""
        for _ in range(2000):
            await self.pilot.pause()
            screen = self.writing
            if (
                not screen._is_running
                and screen._painting is None
                and (screen._found is not None or not screen._is_warm)
            ):
                return
            await asyncio.sleep(0.005)
        raise AssertionError("the app never comes to rest")

    async def until(self, condition):
        for _ in range(2000):
            await self.pilot.pause()
            if condition():
                return
            await asyncio.sleep(0.005)
        raise AssertionError("it never comes about")

    @property
    def writing(self):
        return self.app.screen_stack[0]

    @property
    def text(self):
        return self.session.text

    @property
    def lines(self):
        """All that is on the screen."""
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    @property
    def candidates(self):
        return self._lines_of(Candidates)

    @property
    def draft(self):
        return self._lines_of(DraftView)

    @property
    def status(self):
        return self.writing.query_one(StatusLine).render().plain

    @property
    def notice(self):
        return self.writing.query_one(Notice).message

    def _lines_of(self, kind):
        widget = self.writing.query_one(kind)
        lines = [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]
        return [line for line in lines if line]


def drive(session, scenario, *, size=(80, 24), is_warm=True, **options):
    """Let `scenario(person)` happen in an app; nothing that it finds depends on how fast it is."""
    options.setdefault("budget", DEFAULT_BUDGET)

    async def happen():
        app = CowritingApp(session, **options)
        async with app.run_test(size=size) as pilot:
            person = Person(app, pilot, session)
            if is_warm:
                await person.until(lambda: person.writing._is_warm)
            await person.settle()
            await scenario(person)

    asyncio.run(happen())
