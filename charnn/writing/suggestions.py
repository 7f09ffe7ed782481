"""What could come next: the k likeliest characters, words, lines or bars, each with its true probability.

Continuations are a tree of characters. Its nodes are opened many at a time on the device, which keeps their states and
hands back what follows each of them; the host keeps their probabilities and decides which to open next.

Characters and words are searched best first: when the k-th one found is at least as likely as everything that is still
open, no better one can be in there, and the answer is exact. Lines and bars are too many for that: a beam and some
samples look for them, but what they find has its exact probability, too. Either way `Suggestions` says whether the
answer is exact and, if not, how likely what was not found can be at most.

The likeliest lines are of little use: they stop at once, and hardly differ. So lines and bars are ranked by what a
character of theirs costs, long ones favoured less than in proportion (as Wu et al. 2016 do for translations), and the
best one of each beginning goes first.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jaxtyping import Array, Float

from charnn.config import SampleConfig
from charnn.nn.blend import Branches, Reading
from charnn.text.vocabulary import Vocabulary
from charnn.writing.units import CHAR, ENDS_AFTER, ENDS_BEFORE, LINE, START, Unit
from charnn.writing.voices import Voices

BATCH = 32  # nodes opened at a time
_BEAM = 16  # of these when lines are looked for; the others follow samples
_LENGTH_SHIFT, _LENGTH_POWER = 5, 0.7  # of what lines are ranked by: −log p / (length + 5)^0.7

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
_Found: TypeAlias = tuple[float, int, int, bool]  # mass, node, character after it (-1: none), whether it is whole


@dataclass(frozen=True)
class Budget:
    """When a search ends even if it is not exact. `nodes` is also what is kept in memory: another number compiles."""

    nodes: int = 1024
    """States kept on the device; the search for a word opens as many prefixes at most."""
    seconds: float = float("inf")
    length: int = 80
    """Characters after which a line or bar is cut off, and a word is not searched further."""


DEFAULT_BUDGET = Budget()


@dataclass(frozen=True)
class Suggestion:
    """One way to go on."""

    text: str
    """All of it, beginning with the prefix that was typed."""
    rest: str
    """What is to be added to the draft: `text` without the prefix."""
    probability: float
    """Of the unit after the draft (which ends in the prefix), under the settings in force."""
    shares: tuple[float, ...]
    """How much each voice wanted it, summing to 1: its weight times its own probability of `rest` at temperature 1."""
    complete: bool = True
    """False if it was cut off: then `probability` is that of all units that begin so."""


@dataclass(frozen=True)
class Suggestions:
    """The likeliest ways to go on, in order (of lines and bars: see above), and what is left."""

    unit: Unit
    items: tuple[Suggestion, ...]
    leftover: float
    """The probability of all units but these."""
    exact: bool
    """Whether these are the likeliest there are."""
    bound: float
    """No unit that neither is among them nor begins as one that was cut off is likelier than that."""
    opened: int
    """Prefixes that were looked into."""


class Cancelled(Exception):
    """A search was told to stop: nobody waits for its answer any more."""


def _never() -> bool:
    return False


def warm_up(voices: Voices, budget: Budget = DEFAULT_BUDGET) -> None:
    """Compile what `suggest` needs: afterwards it answers at once, whatever the unit, the settings and the weights."""
    reading = voices.begin()
    for unit in (CHAR, LINE):
        suggest(voices, reading, unit, 1, SampleConfig(), budget=Budget(budget.nodes, length=1))


def suggest(
    voices: Voices,
    reading: Reading,
    unit: Unit,
    k: int,
    settings: SampleConfig,
    *,
    prefix: str = "",
    ended: tuple[Unit, str] | None = None,
    budget: Budget = DEFAULT_BUDGET,
    should_stop: Callable[[], bool] = _never,
) -> Suggestions:
    """The `k` likeliest next units after a draft; of lines and bars, the `k` best that were found.

    `reading` is of the whole draft, one stream. `prefix` is the end of it that is of the unit already (what was typed
    of a word): all suggestions begin with it, and their probabilities are conditional on it. `ended` is a unit that the
    draft ends in and that is over, because it was picked: suggestions do not go on with it, and their probabilities are
    conditional on that. The next `k` are the further ones of 2k. `should_stop` is asked before each round, at most some
    milliseconds apart. The same question always has the same answer.

    Raises:
        Cancelled: `should_stop` said so.
    """
    search = _Search(voices, reading, unit, k, settings, prefix, ended, budget, should_stop)
    if unit.is_long:
        search.beam()
    else:
        search.best_first()
    return search.answer(prefix)


class _Opened:
    """The nodes opened in one round, and what follows each of them."""

    def __init__(self, first: int, masses: Floats, branches: Branches, moves: npt.NDArray[np.int8]) -> None:
        size = len(masses)
        self.first = first
        """The number of the first of them."""
        self.log_probs = np.asarray(branches.log_probs, np.float64)[:size]
        self.voices = np.asarray(branches.voices, np.float64)[:, :size]
        self.moves = moves
        """Where each character leads to: [nodes, vocab]."""
        self.masses = masses[:, None] + self.log_probs
        """Of each child: [nodes, vocab]."""
        self.open_masses = np.where(moves >= START, self.masses, -np.inf)
        self.end_masses = _log_sum(np.where(moves == ENDS_BEFORE, self.masses, -np.inf))
        """Of ending before whatever comes next: [nodes]."""
        self.ways = np.concatenate(
            [np.where(moves == ENDS_BEFORE, -np.inf, self.masses), self.end_masses[:, None]], axis=1
        )
        """All ways to go on: by a character, or by ending here, the last: [nodes, vocab + 1]."""
        self.ends = np.concatenate([moves < START, np.ones((size, 1), bool)], axis=1)
        """Which of them end the unit."""


class _Search:
    """A tree of continuations, opened node by node. Node 0 is the draft; masses are natural logarithms."""

    def __init__(
        self,
        voices: Voices,
        reading: Reading,
        unit: Unit,
        k: int,
        settings: SampleConfig,
        prefix: str,
        ended: tuple[Unit, str] | None,
        budget: Budget,
        should_stop: Callable[[], bool],
    ) -> None:
        self._voices, self._unit, self._k, self._settings = voices, unit, k, settings
        self._budget, self._should_stop = budget, should_stop
        self._deadline = time.monotonic() + budget.seconds
        self._table = unit.table(voices.vocabulary)
        # of each node: its parent, its last character, the state of the unit, and where its net states are kept
        self._parents, self._ids = np.array([-1]), np.array([-1])
        self._states, self._places = np.array([unit.after(prefix)]), np.array([0])
        self._lengths = np.array([0])
        self._rounds: list[_Opened] = []
        # of each unit found: its mass, the node that it is at, the character that it ends after (-1: at the node)
        self._found, self._found_nodes, self._found_ids = np.zeros(0), np.zeros(0, int), np.zeros(0, int)
        self._cut_off: list[tuple[float, int]] = []
        # lines need no more than two batches, whatever they open
        self._room = 1 + max(budget.nodes, 2 * BATCH)
        self._check()
        self._pool, branches = voices.open_pool(reading, settings, self._room)
        if ended is not None:
            log_probs = without_more_of(ended, voices.vocabulary, branches.log_probs)
            branches = branches._replace(log_probs=log_probs)
        self._enter(np.zeros(1), branches)

    def _check(self) -> None:
        if self._should_stop():
            raise Cancelled

    def _enter(self, masses: Floats, branches: Branches) -> None:
        """Take in what follows the newest nodes."""
        first = len(self._parents) - len(masses)
        opened = _Opened(first, masses, branches, self._table[self._states[first:]])
        self._rounds.append(opened)

    def _find(self, masses: Floats, nodes: Indices, ids: Indices) -> None:
        """Take in units that end after the characters `ids` of `nodes`, or at the nodes where that is −1."""
        self._found = np.concatenate([self._found, masses])
        self._found_nodes = np.concatenate([self._found_nodes, nodes])
        self._found_ids = np.concatenate([self._found_ids, ids])

    def _find_all(self, opened: _Opened) -> None:
        nodes, ids = np.nonzero((opened.moves == ENDS_AFTER) & (opened.masses > -np.inf))
        self._find(opened.masses[nodes, ids], opened.first + nodes, ids)
        (ended,) = np.nonzero(opened.end_masses > -np.inf)
        self._find(opened.end_masses[ended], opened.first + ended, np.full(len(ended), -1))

    def _open(self, masses: Floats, parents: Indices, ids: Indices, places: Indices) -> _Opened:
        """Open the children `ids` of the nodes `parents`, a batch at most, and keep their states at `places`."""
        self._check()
        states = self._table[self._states[parents], ids]
        self._pool, branches = self._voices.extend(
            self._pool,
            self._settings,
            _padded(self._places[parents], 0),
            _padded(ids, 0),
            _padded(places, self._room),  # out of the pool: not kept
        )
        self._parents, self._ids = np.concatenate([self._parents, parents]), np.concatenate([self._ids, ids])
        self._states, self._places = np.concatenate([self._states, states]), np.concatenate([self._places, places])
        self._lengths = np.concatenate([self._lengths, self._lengths[parents] + 1])
        self._enter(masses, branches)
        return self._rounds[-1]

    def _round_of(self, node: int) -> tuple[_Opened, int]:
        at = np.searchsorted([opened.first for opened in self._rounds], node, side="right") - 1
        return self._rounds[at], node - self._rounds[at].first

    def _threshold(self) -> float:
        """The mass of the k-th likeliest unit found; what is no likelier need not be opened."""
        if len(self._found) < self._k:
            return -np.inf
        return float(np.partition(self._found, -self._k)[-self._k])

    def best_first(self) -> None:
        """Open the likeliest nodes until nothing that is still open is likelier than the k-th unit found."""
        self._find_all(self._rounds[-1])
        masses, parents, ids = self._children(self._rounds[-1])
        closed = -np.inf  # the largest mass of what is not opened: it is too unlikely, or too long
        while True:
            worth = (masses > self._threshold()) & (self._lengths[parents] < self._budget.length)
            closed = max(closed, float(masses[~worth].max(initial=-np.inf)))
            masses, parents, ids = masses[worth], parents[worth], ids[worth]
            left = min(BATCH, self._budget.nodes - len(self._parents) + 1)
            if not len(masses) or left <= 0 or time.monotonic() > self._deadline:
                break
            best = np.argsort(-masses, kind="stable") if len(masses) <= left else np.argpartition(-masses, left - 1)
            best, others = best[:left], best[left:]
            first = len(self._parents)
            places = np.arange(first, first + len(best))
            opened = self._open(masses[best], parents[best], ids[best], places)
            self._find_all(opened)
            more = self._children(opened)
            masses, parents, ids = (
                np.concatenate([old[others], new]) for old, new in zip((masses, parents, ids), more, strict=True)
            )
        self._bound = float(masses.max(initial=closed))

    def _children(self, opened: _Opened) -> tuple[Floats, Indices, Indices]:
        """Of all children of new nodes that go on: mass, parent, character."""
        nodes, ids = np.nonzero(opened.open_masses > -np.inf)
        return opened.open_masses[nodes, ids], opened.first + nodes, ids

    def beam(self) -> None:
        """Follow the likeliest beginnings and some samples, all of one length, to their ends or to the length's.

        A unit is found where a sample ends, or where one that ends is among the likeliest of its length.
        """
        rng = np.random.default_rng(0)
        self._bound = -np.inf  # the largest mass of what was not followed
        streams = np.zeros(BATCH - _BEAM, int)  # the node that each sample is at, as a row of the last round
        opened = self._rounds[-1]
        for depth in range(self._budget.length):
            masses, vocab_size = opened.ways, opened.ways.shape[1]
            best = np.argsort(-masses, axis=None, kind="stable")[:_BEAM]
            drawn = np.array([row * vocab_size + _draw(masses[row], rng) for row in streams], int)
            chosen = np.unique(np.concatenate([best, drawn]))
            chosen = chosen[masses.flat[chosen] > -np.inf]
            rest = masses.copy()
            rest.flat[chosen] = -np.inf
            self._bound = max(self._bound, float(rest.max(initial=-np.inf)))
            ends = chosen[opened.ends.flat[chosen]]
            ids = ends % vocab_size
            self._find(masses.flat[ends], opened.first + ends // vocab_size, np.where(ids < vocab_size - 1, ids, -1))
            followed = chosen[~opened.ends.flat[chosen]]
            if not len(followed):
                return
            if time.monotonic() > self._deadline:
                self._bound = max(self._bound, float(masses.flat[followed].max()))
                return
            first = 1 + depth % 2 * BATCH  # of two batches of places one is read and the other written
            parents, ids = opened.first + followed // vocab_size, followed % vocab_size
            alive = drawn[~opened.ends.flat[drawn]]
            opened = self._open(masses.flat[followed], parents, ids, np.arange(first, first + len(followed)))
            streams = np.searchsorted(followed, alive)
        for row, mass in enumerate(_log_sum(opened.ways)):
            self._cut_off.append((float(mass), opened.first + row))

    def _ranked(self, found: list[_Found]) -> list[int]:
        """Long units from the best: what is whole first, and of those that begin alike the best first."""
        texts = [self._text(node, id_) for _, node, id_, _ in found]
        costs = [
            -mass / float(len(text) + _LENGTH_SHIFT) ** _LENGTH_POWER
            for (mass, *_), text in zip(found, texts, strict=True)
        ]
        alike: Counter[tuple[str, bool]] = Counter()
        keys = {}
        for n in sorted(range(len(found)), key=costs.__getitem__):
            complete, beginning = found[n][3], "".join(texts[n].split(maxsplit=1)[:1])
            keys[n] = not complete, alike[beginning, complete], costs[n]
            alike[beginning, complete] += 1
        return sorted(keys, key=keys.__getitem__)

    def answer(self, prefix: str) -> Suggestions:
        """What was found, the likeliest first."""
        found: list[_Found] = [
            (float(mass), int(node), int(id_), True)
            for mass, node, id_ in zip(self._found, self._found_nodes, self._found_ids, strict=True)
        ]
        found += [(mass, node, -1, False) for mass, node in self._cut_off if mass > -np.inf]
        found.sort(key=lambda one: -one[0])
        masses = np.array([mass for mass, *_ in found])
        order = self._ranked(found) if self._unit.is_long else list(range(len(found)))
        shown, others = order[: self._k], order[self._k :]
        items = tuple(self._suggestion(prefix, *found[n]) for n in shown)
        least = float(masses[shown].min()) if len(shown) == self._k else -np.inf
        bound = max(self._bound, float(masses[others].max(initial=-np.inf)))
        exact = bound <= least and all(item.complete for item in items)
        leftover = max(0.0, 1 - sum(item.probability for item in items))
        return Suggestions(
            self._unit, items, leftover, exact, min(float(np.exp(bound)), leftover), len(self._parents) - 1
        )

    def _suggestion(self, prefix: str, mass: float, node: int, id_: int, complete: bool) -> Suggestion:
        rest = self._text(node, id_)
        shares = self._shares(list(self._path(node, id_)))
        return Suggestion(prefix + rest, rest, float(np.exp(mass)), shares, complete)

    def _text(self, node: int, id_: int) -> str:
        return self._voices.vocabulary.decode([id_ for _, id_ in self._path(node, id_)][::-1])

    def _path(self, node: int, id_: int) -> Iterator[tuple[int, int]]:
        """Node and character after it, from the last character to the first."""
        if id_ >= 0:
            yield node, id_
        while node > 0:
            yield int(self._parents[node]), int(self._ids[node])
            node = int(self._parents[node])

    def _shares(self, path: list[tuple[int, int]]) -> tuple[float, ...]:
        weights = np.array(self._voices.weights)
        if len(weights) == 1:
            return (1.0,)
        with np.errstate(divide="ignore"):
            wanted = np.log(weights)
        for node, id_ in path:
            opened, row = self._round_of(node)
            wanted = wanted + opened.voices[:, row, id_]
        most = wanted.max()
        # each of its characters was wanted by a voice, but no voice needs have wanted them all
        shares = np.exp(wanted - most) if most > -np.inf else weights
        return tuple((shares / shares.sum()).tolist())


def without_more_of(
    ended: tuple[Unit, str], vocabulary: Vocabulary, log_probs: Float[Array, "1 vocab"]
) -> Float[Array, "1 vocab"]:
    """What follows a draft, on condition that the unit it ends in is over; `log_probs`, if that is impossible."""
    unit, text = ended
    state = unit.after(text)
    if state == START:  # it ended with its last character
        return log_probs
    over = np.where(unit.table(vocabulary)[state] == ENDS_BEFORE, np.asarray(log_probs, np.float64), -np.inf)
    whole = _log_sum(over)
    if whole.item() == -np.inf:  # the settings allow nothing but to go on with it
        return log_probs
    return jnp.asarray(over - whole)


def _padded(values: Indices, fill: int) -> npt.NDArray[np.int32]:
    padded = np.full(BATCH, fill, np.int32)
    padded[: len(values)] = values
    return padded


def _draw(log_probs: Floats, rng: np.random.Generator) -> int:
    return int(np.argmax(log_probs + rng.gumbel(size=len(log_probs))))


def _log_sum(masses: Floats) -> Floats:
    """The logarithm of the sum over the last axis; −inf of nothing."""
    most = masses.max(axis=-1, initial=-np.inf)
    with np.errstate(divide="ignore"):
        return np.where(
            most > -np.inf, np.log(np.exp(masses - np.maximum(most, -1e300)[..., None]).sum(axis=-1)) + most, -np.inf
        )
