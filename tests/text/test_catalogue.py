from pathlib import Path

import pytest

from charnn.errors import CorpusError
from charnn.text import catalogue
from charnn.text.catalogue import FileSource, PackageSource, find, manifest_folder, manifests, text_folder

COMPLETE = f"""
title = "A play"
genre = "play"
licence = "public domain"
size = 12
sha256 = "{"0" * 64}"

[[sources]]
kind = "package"
recipe = "markdown-plays"
[[sources.archives]]
project = "plays"
filename = "plays-1.0.whl"
size = 34
sha256 = "{"1" * 64}"
members = ["plays/*.md"]

[[sources]]
kind = "file"
url = "https://example.org/play.txt"
"""


def test_a_complete_manifest_is_read(tmp_path: Path):
    (tmp_path / "a-play.toml").write_text(COMPLETE)
    (manifest,) = manifests([tmp_path]).values()
    assert (manifest.name, manifest.title, manifest.size, manifest.attribution) == ("a-play", "A play", 12, "")
    package, file = manifest.sources
    assert isinstance(package, PackageSource)
    assert package.archives[0].members == ("plays/*.md",)
    assert package.archives[0].exclude == ()
    assert file == FileSource("https://example.org/play.txt")


LINES = [line for line in COMPLETE.splitlines() if " = " in line]


@pytest.mark.parametrize("line", LINES)
def test_a_missing_field_is_named_with_its_file(tmp_path: Path, line: str):
    (tmp_path / "bad.toml").write_text(COMPLETE.replace(line, "", 1))
    with pytest.raises(CorpusError, match=rf"bad\.toml .*{line.split()[0]}.*missing"):
        manifests([tmp_path])


@pytest.mark.parametrize("line", LINES)
def test_a_misspelt_or_misused_field_is_named_with_its_file(tmp_path: Path, line: str):
    field = line.split()[0]
    (tmp_path / "bad.toml").write_text(COMPLETE.replace(line, f"{field} = true", 1))
    with pytest.raises(CorpusError, match=rf"bad\.toml .*{field} must be .*True"):
        manifests([tmp_path])
    (tmp_path / "bad.toml").write_text(COMPLETE.replace(line, f"{line}\n{field}_ = true", 1))
    with pytest.raises(CorpusError, match=rf"bad\.toml .*{field}_, which is not known"):
        manifests([tmp_path])


@pytest.mark.parametrize(("name", "text"), [("bad", "size = "), ("bad", "\xff"), ("Bad Name", COMPLETE), ("bad", "")])
def test_a_damaged_manifest_is_named(tmp_path: Path, name: str, text: str):
    (tmp_path / f"{name}.toml").write_text(text, encoding="latin-1")
    with pytest.raises(CorpusError, match=rf"{name}\.toml"):
        manifests([tmp_path])


def test_the_earlier_folder_wins_and_a_missing_one_is_empty(tmp_path: Path):
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "both.toml").write_text(COMPLETE.replace("A play", folder))
    (tmp_path / "second" / "another.toml").write_text(COMPLETE)
    found = manifests([tmp_path / "none", tmp_path / "first", tmp_path / "second"])
    assert list(found) == ["another", "both"]
    assert found["both"].title == "first"


def test_the_corpora_that_are_shipped_can_be_found_by_name():
    shipped = manifests([manifest_folder()])
    assert {"shakespeare", "tinyshakespeare"} <= set(shipped)
    assert all(find(name) == manifest for name, manifest in shipped.items())


@pytest.mark.parametrize("name", ["", "nothing", "../corpora/shakespeare", "shakespeare.toml", "/etc/passwd"])
def test_what_is_not_a_name_finds_nothing(name: str):
    assert find(name) is None


def test_a_checkout_keeps_texts_beside_their_manifests():
    assert text_folder() == manifest_folder() == Path(__file__).parents[2] / "corpora"


def test_an_installed_package_brings_its_manifests_and_keeps_texts_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(catalogue, "_PACKAGE", tmp_path / "site-packages" / "charnn")
    assert manifest_folder() == tmp_path / "site-packages" / "charnn" / "corpora"
    assert not text_folder().is_relative_to(tmp_path)
    assert text_folder().name == "corpora"
