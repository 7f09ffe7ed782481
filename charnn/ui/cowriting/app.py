"""The co-writing app."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import App

from charnn.errors import ConfigError
from charnn.ui.cowriting.keys import Keys
from charnn.ui.cowriting.screen import WritingScreen
from charnn.ui.cowriting.thinking import BUDGET
from charnn.writing.session import Session
from charnn.writing.suggestions import Budget

THEMES = {"dark": "textual-dark", "light": "textual-light"}


class CowritingApp(App[None], inherit_bindings=False):
    """Write in a session, full screen: `CowritingApp(session).run()`. The session stays open afterwards."""

    ENABLE_COMMAND_PALETTE = False
    ESCAPE_TO_MINIMIZE: ClassVar[bool] = False
    ALLOW_SELECT: ClassVar[bool] = False

    def __init__(
        self,
        session: Session,
        *,
        keys: Mapping[str, Sequence[str]] | None = None,
        theme: str = "dark",
        unit: str = "word",
        budget: Budget = BUDGET,
    ) -> None:
        """`keys` gives actions other keys (see `keys.ACTIONS`); `theme` is `dark`, `light` or one of textual's.

        `unit` names what is suggested at first, one of `session.units`.

        Raises `ConfigError` for an action, a key or a theme that there is not, and for a key with two actions.
        """
        super().__init__()
        theme = THEMES.get(theme, theme)
        if theme not in self.available_themes:
            themes = ", ".join([*THEMES, *sorted(self.available_themes)])
            raise ConfigError(f"There is no theme {theme!r}; choose one of {themes}.", "theme")
        self.theme = theme
        self._session, self._keys, self._unit, self._budget = session, Keys.of(keys), unit, budget

    def get_default_screen(self) -> WritingScreen:
        """Where it is written."""
        return WritingScreen(self._session, self._keys, self._budget, self._unit)
