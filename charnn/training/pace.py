"""How fast a run goes, and when one that is timed in minutes will end."""

import time
from collections import deque
from statistics import median

NEWEST = 20  # windows whose speed is remembered, so that a busy moment of the machine does not decide the plan


class Pace:
    """The clock of a run. Steps are handed to the device ahead of time, so windows of several are timed together."""

    def __init__(self, seconds: float, step: int, eval_every: int, eval_steps: float) -> None:
        """Begin, or go on, after `seconds` and at `step`.

        There is an evaluation every `eval_every` steps; until one has been timed, it is taken to last as long as
        `eval_steps` steps.
        """
        self.eval_every = eval_every
        self._eval_steps = eval_steps
        self._eval_seconds: float | None = None
        self._started = time.monotonic() - seconds
        self._step_seconds: deque[float] = deque(maxlen=NEWEST)
        self.begin_window(step)

    @property
    def seconds(self) -> float:
        """Wall time of the run, over all sittings."""
        return time.monotonic() - self._started

    @property
    def window_seconds(self) -> float:
        """Wall time since the window began."""
        return time.monotonic() - self._window_start

    @property
    def step_seconds(self) -> float | None:
        """Seconds a step took in the newest window; None before the first has ended."""
        return self._step_seconds[-1] if self._step_seconds else None

    def begin_window(self, step: int) -> None:
        """From here on, steps are timed."""
        self._window_start, self._window_step = time.monotonic(), step

    def end_window(self, step: int) -> None:
        """All steps before `step` are done."""
        if step > self._window_step:
            self._step_seconds.append(self.window_seconds / (step - self._window_step))

    def evaluated(self, seconds: float) -> None:
        """An evaluation took `seconds`."""
        self._eval_seconds = seconds

    def seconds_left(self, step: int, end_step: int | None) -> float | None:
        """From `step` to the end, with the evaluations between; None before it can be known."""
        if end_step is None or not self._step_seconds:
            return None
        return (end_step - step) * self._seconds_per_step()

    def steps_left(self, minutes: float) -> int | None:
        """How many steps, with the evaluations between and one at the end, fit in what is left of `minutes`.

        None before it can be known.
        """
        if not self._step_seconds:
            return None
        seconds = minutes * 60 - self.seconds - self._seconds_of_evaluation()
        return max(0, round(seconds / self._seconds_per_step()))

    def _seconds_of_evaluation(self) -> float:
        if self._eval_seconds is not None:
            return self._eval_seconds
        return self._eval_steps * median(self._step_seconds)

    def _seconds_per_step(self) -> float:
        return median(self._step_seconds) + self._seconds_of_evaluation() / self.eval_every
