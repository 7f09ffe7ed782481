"""What a session leaves behind."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from nets import random_model

from charnn.config import SampleConfig
from charnn.errors import SessionError
from charnn.writing.export import account, save, stretches, to_html, to_markdown
from charnn.writing.session import Session, session_path
from charnn.writing.voices import Voice, Voices

VOICES = Voices.of([Voice("one & <two>", random_model("\n abc<&`", seed=1))])


@pytest.fixture
def session(tmp_path):
    with Session.create(session_path(tmp_path, "tale"), VOICES, SampleConfig(0.5), seed=1) as session:
        session.type("\nab<b>")
        session.type(" &é```")
        word = session.units["word"]
        for rank in (1, 2):
            session.pick(session.suggest(word, 2, prefix="").items[rank - 1], rank, word)
        session.let_run(session.units["char"], 7)
        yield session


def test_the_account_adds_up(session):
    ours = account(session)
    first, rest = VOICES.score(VOICES.begin(), "\n"), VOICES.score(VOICES.begin("\n"), session.text[1:])
    bits, expected = map(np.concatenate, zip(first, rest, strict=True))
    known = np.isfinite(bits)
    total = ours.total
    assert (total.characters, total.scored) == (len(session.text), known.sum())
    assert total.characters - total.scored == 2, "> and é"
    assert total.bits == pytest.approx(bits[known].sum(), rel=1e-4)
    assert total.expected_bits == pytest.approx(expected[known].sum(), rel=1e-4)
    assert ours.bits_per_char == pytest.approx(total.bits / total.scored)
    assert {by: (share.characters, share.pieces) for by, share in ours.shares.items()} == {
        "typed": (12, 2),
        "picked": (sum(len(pick.text) for pick in ours.picks), 2),
        "run": (7, 1),
    }
    assert [pick.rank for pick in ours.picks] == [1, 2]
    assert sum(pick.bits for pick in ours.picks) == pytest.approx(ours.shares["picked"].bits)
    at = session.draft.path[3].start
    assert ours.picks[0].bits == pytest.approx(bits[at : at + len(ours.picks[0].text)].sum(), rel=1e-4)


def test_nothing_written_is_nothing_paid(tmp_path):
    with Session.create(session_path(tmp_path, "empty"), VOICES, SampleConfig(), seed=1) as session:
        assert account(session).total.characters == 0
        assert account(session).bits_per_char is None
        assert "–" in to_markdown(session, "Nothing")
        assert "<pre>\n</pre>" in to_html(session, "Nothing")


def test_stretches_are_the_text_hand_by_hand(session):
    found = list(stretches(session.draft))
    assert "".join(text for _, text in found) == session.text
    assert [hand.by for hand, _ in found] == ["typed", "picked", "picked", "run"]


class Page(HTMLParser):
    """What a browser would show inside <pre>, and the classes and titles of its spans."""

    def __init__(self, page):
        super().__init__()
        self.text, self.spans, self.tags, self.inside = "", [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.inside = self.inside or tag == "pre"
        if tag == "span" and self.inside:
            self.spans.append(dict(attrs))

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "pre"

    def handle_data(self, data):
        self.text += data if self.inside else ""


def test_the_page_shows_the_text_and_who_wrote_it(session):
    page = to_html(session, "A <tale> & more")
    seen = Page(page)
    assert seen.text.removeprefix("\n") == session.text
    assert [span["class"] for span in seen.spans] == ["typed", "picked", "picked", "run"]
    assert re.fullmatch(r"picked: word 1, probability [\d.e-]+", seen.spans[1]["title"])
    assert "tale" not in seen.tags
    assert "two" not in seen.tags
    for needed in (
        "prefers-color-scheme: dark",
        "underline dotted",
        "picked from suggestions",
        "A &lt;tale&gt; &amp; more",
    ):
        assert needed in page
    assert "http" not in page, "it is by itself"


def test_markdown_holds_the_text_in_a_fence_that_it_cannot_end(session):
    markdown = to_markdown(session, "A\ntale")
    assert f"````text\n{session.text}\n````\n" in markdown
    assert markdown.startswith("# A tale\n")


def test_what_is_no_text_is_replaced_in_the_page(session):
    session.type("\udc80\x1b[31m")
    page = to_html(session, "x")
    page.encode("utf-8")
    assert "\x1b" not in page


def test_a_file_is_what_its_suffix_says(session, tmp_path):
    for name, expected in (
        ("tale.txt", session.text),
        ("tale", session.text),
        ("tale.MD", to_markdown(session, "A tale")),
        ("tale.html", to_html(session, "A tale")),
    ):
        save(session, tmp_path / name, "A tale")
        assert (tmp_path / name).read_bytes().decode() == expected
    session.type("\udc80")
    save(session, tmp_path / "tale.txt", "A tale")
    assert (tmp_path / "tale.txt").read_bytes().endswith(b"\x80")


def test_a_file_that_cannot_be_written_is_told_and_the_old_one_stays(session, tmp_path):
    with pytest.raises(SessionError, match="No such file"):
        save(session, tmp_path / "none" / "tale.txt", "A tale")
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(SessionError, match="cannot be written"):
        save(session, tmp_path / "folder.txt", "A tale")
    assert not list(tmp_path.glob(".*.part"))


def test_a_file_is_replaced_whole_or_not_at_all_and_a_link_stays_one(session, tmp_path, monkeypatch):
    path = tmp_path / "tale.txt"
    path.write_text("what was there")
    link = tmp_path / "link.txt"
    link.symlink_to(path)
    save(session, link, "A tale")
    assert link.is_symlink()
    assert path.read_text() == session.text
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    session.type("more")
    with pytest.raises(SessionError, match="No space"):
        save(session, path, "A tale")
    assert path.read_text() == session.text.removesuffix("more")
    assert {found.name for found in tmp_path.iterdir()} == {"tale.txt", "link.txt", "sessions"}
