"""What a session leaves behind: its text, in several forms, and the account of who wrote how much of it.

All bits are of the model at temperature 1 with nothing ruled out, whatever the settings were: so they can be compared
with a run's bits per character, and a pick costs as many whether it was shown as likely or not.
"""

import html
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from charnn.errors import SessionError
from charnn.text.corpus import encode_text
from charnn.writing.drafts import By, Draft, Hand
from charnn.writing.session import Session

HANDS: dict[By, str] = {"typed": "typed by hand", "picked": "picked from suggestions", "run": "written by the model"}


@dataclass(frozen=True)
class Share:
    """What one hand wrote."""

    characters: int
    scored: int
    """Those of them that the model can write; the others have no probability."""
    bits: float
    """What these cost: Σ −log2 p."""
    expected_bits: float
    """What the model alone would have paid in the same places: the sum of the entropies of its distributions."""
    pieces: int
    """How many times something was typed, picked or run."""


@dataclass(frozen=True)
class Pick:
    """A suggestion that was taken."""

    text: str
    unit: str
    rank: int
    probability: float
    """As it was shown."""
    bits: float
    """−log2 of the model's probability of its characters at temperature 1; of one that was cut, of what is left."""


@dataclass(frozen=True)
class Account:
    """Who wrote how much, and what it cost."""

    shares: dict[By, Share]
    picks: tuple[Pick, ...]

    @property
    def total(self) -> Share:
        """All hands together."""
        shares = self.shares.values()
        return Share(
            sum(share.characters for share in shares),
            sum(share.scored for share in shares),
            sum(share.bits for share in shares),
            sum(share.expected_bits for share in shares),
            sum(share.pieces for share in shares),
        )

    @property
    def bits_per_char(self) -> float | None:
        """Of the characters that the model can write; None if there are none."""
        return self.total.bits / self.total.scored if self.total.scored else None


def account(session: Session, draft: Draft | None = None) -> Account:
    """The account of `draft`, by default that where the session is."""
    path = (draft or session.draft).path
    columns: dict[By, list[tuple[int, int, float, float]]] = {by: [] for by in HANDS}
    picks = []
    for piece, (bits, expected) in zip(path, session.scores(path[-1]), strict=True):
        if piece.parent is None:
            continue
        scored = np.isfinite(bits)
        cost = float(bits[scored].sum())
        columns[piece.hand.by].append((len(bits), int(scored.sum()), cost, float(expected[scored].sum())))
        if piece.hand.by == "picked":
            picks.append(Pick(piece.text, piece.hand.unit, piece.hand.rank, piece.hand.probability, cost))
    return Account({by: _share(rows) for by, rows in columns.items()}, tuple(picks))


def _share(rows: list[tuple[int, int, float, float]]) -> Share:
    characters, scored, bits, expected = (sum(column) for column in zip((0, 0, 0.0, 0.0), *rows, strict=True))
    return Share(int(characters), int(scored), bits, expected, len(rows))


def stretches(draft: Draft) -> Iterator[tuple[Hand, str]]:
    """The text of `draft` hand by hand: what was typed or run on end is one, and every pick is one of its own."""
    pieces = [piece for piece in draft.path if piece.text]
    for (hand, _), group in groupby(pieces, lambda one: (one.hand, one.id if one.hand.by == "picked" else None)):
        yield hand, "".join(piece.text for piece in group)


def to_markdown(session: Session, title: str) -> str:
    """The text as it is, in a fence, and the account as a table."""
    text = session.text
    longest = max((len(run) for run in _runs(text, "`")), default=0)
    fence = "`" * max(3, longest + 1)
    rows = [f"| {name} | {row} |" for name, row in _rows(account(session))]
    names = ", ".join(session.voices.names)
    return (
        f"# {_one_line(title)}\n\nWritten with {_one_line(names)}.\n\n{fence}text\n{text}\n{fence}\n\n"
        "| | characters | bits | bits expected | bits per character |\n|---|---:|---:|---:|---:|\n"
        + "\n".join(rows)
        + "\n"
    )


def to_html(session: Session, title: str) -> str:
    """A page by itself: the text with each hand's characters marked, a legend and the account.

    The hands differ in colour and in their underline, and each stretch tells in its title who wrote it.
    """
    spans = "".join(
        f'<span class="{hand.by}" title="{_escaped(_said(hand))}">{_escaped(text)}</span>'
        for hand, text in stretches(session.draft)
    )
    legend = " ".join(f'<li><span class="{by}">{name}</span></li>' for by, name in HANDS.items())
    rows = "".join(
        f"<tr><th>{name}</th>{''.join(f'<td>{cell}</td>' for cell in row.split(' | '))}</tr>"
        for name, row in _rows(account(session))
    )
    return _PAGE.format(
        title=_escaped(title), names=_escaped(", ".join(session.voices.names)), legend=legend, text=spans, rows=rows
    )


def save(session: Session, path: Path, title: str) -> None:
    """Write the text to `path`, whole or not at all: as Markdown or HTML if its suffix says so, else as it is.

    Raises `SessionError` if it cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix in (".md", ".markdown"):
        content = to_markdown(session, title)
    elif suffix in (".html", ".htm"):
        content = to_html(session, title)
    else:
        content = session.text
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(encode_text(content))  # a pipe, say, takes it as it comes
        else:
            _replace(path.resolve(), encode_text(content))  # resolved, a link stays one
    except OSError as error:
        raise SessionError(
            f"{path} cannot be written ({error.strerror or error}). Make room, or name another file; all is kept."
        ) from error


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _rows(account: Account) -> Iterator[tuple[str, str]]:
    named = [(HANDS[by], share) for by, share in account.shares.items()]
    for name, share in [*named, ("in all", account.total)]:
        each = f"{share.bits / share.scored:.2f}" if share.scored else "–"
        yield name, f"{share.characters:,} | {share.bits:,.1f} | {share.expected_bits:,.1f} | {each}"


def _said(hand: Hand) -> str:
    if hand.by == "picked":
        return f"picked: {hand.unit} {hand.rank}, probability {hand.probability:.3g}"
    return HANDS[hand.by]


def _one_line(text: str) -> str:
    return html.escape(" ".join(text.split()), quote=False)


def _runs(text: str, character: str) -> Iterable[str]:
    return ("".join(group) for one, group in groupby(text) if one == character)


def _escaped(text: str) -> str:
    """For HTML in UTF-8: what is no text there (escaped bytes, controls) becomes U+FFFD."""
    shown = "".join(
        c if c in "\n\t" or not (ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000) else "\ufffd"
        for c in text
    )
    return html.escape(shown)


_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --paper: #fff; --ink: #222; --picked: #0a5a9c; --run: #a33c00; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --paper: #181818; --ink: #ddd; --picked: #7cc0ff; --run: #ffac7a; }}
}}
body {{ background: var(--paper); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; max-width: 50rem;
  margin: 2rem auto; padding: 0 1rem; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font: 1rem/1.7 ui-monospace, monospace; }}
.picked {{ color: var(--picked); text-decoration: underline solid; text-underline-offset: .2em; }}
.run {{ color: var(--run); text-decoration: underline dotted; text-underline-offset: .2em; }}
ul {{ list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 1.5rem; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: .2rem .8rem; text-align: right; }}
th:first-child {{ text-align: left; }}
</style>
<h1>{title}</h1>
<p>Written with {names}.</p>
<ul>{legend}</ul>
<pre>
{text}</pre>
<table>
<tr><th></th><th>characters</th><th>bits</th><th>bits expected</th><th>bits per character</th></tr>
{rows}
</table>
</html>
"""
