"""Reading members of a package archive as bytes: nothing is unpacked to disk, and nothing in it is run."""

import zipfile
from fnmatch import fnmatchcase
from pathlib import Path

from charnn.errors import CorpusError

MAX_MEMBERS = 10_000
MAX_UNPACKED_BYTES = 256 << 20


def read_members(path: Path, members: tuple[str, ...], exclude: tuple[str, ...] = ()) -> list[bytes]:
    """The bytes of those members of the zip or wheel at `path` that a glob in `members` matches and none in `exclude`.

    They come in order of path. A star in a glob also crosses folders.

    Raises:
        CorpusError: the archive is damaged, nothing matches, or what matches is beyond MAX_MEMBERS or
            MAX_UNPACKED_BYTES; the message is a short phrase.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            chosen = [
                info
                for info in sorted(archive.infolist(), key=lambda info: info.filename)
                if not info.is_dir() and _matches(info.filename, members) and not _matches(info.filename, exclude)
            ]
            if not chosen:
                raise CorpusError(f"no member matches {', '.join(members)}")
            if len(chosen) > MAX_MEMBERS:
                raise CorpusError(f"{len(chosen):,} members match, beyond the limit of {MAX_MEMBERS:,}")
            # A member that unpacks to more than it declares is cut there and fails its checksum.
            unpacked = sum(info.file_size for info in chosen)
            if unpacked > MAX_UNPACKED_BYTES:
                raise CorpusError(f"it unpacks to {unpacked:,} bytes, beyond the limit of {MAX_UNPACKED_BYTES:,}")
            return [archive.read(info) for info in chosen]
    except (zipfile.BadZipFile, RuntimeError) as error:  # RuntimeError: encrypted, or an unknown compression
        raise CorpusError(f"the archive cannot be read: {error}") from error


def _matches(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
