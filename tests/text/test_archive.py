import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from charnn.errors import CorpusError
from charnn.text import archive
from charnn.text.archive import read_members


@pytest.fixture
def pack(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    def pack(members: dict[str, bytes]) -> Path:
        with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in members.items():
                file.writestr(name, data)
        return tmp_path / "a.zip"

    return pack


def test_the_members_that_match_come_in_order_of_path(pack: Callable[[dict[str, bytes]], Path], tmp_path: Path):
    path = pack({"b/z.md": b"4", "b/": b"", "a/b/y.md": b"1", "a/x.md": b"3", "a/not.md": b"-", "a/x.py": b"-"})
    assert read_members(path, ("*.md",), ("a/n*",)) == [b"1", b"3", b"4"]
    assert read_members(path, ("a/x.*", "b/z.md"), ("*.py",)) == [b"3", b"4"]
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_that_is_not_what_it_should_be_is_refused(
    pack: Callable[[dict[str, bytes]], Path], monkeypatch: pytest.MonkeyPatch
):
    path = pack({"one.md": b"a" * 600, "two.md": b"b" * 600})
    with pytest.raises(CorpusError, match=r"no member matches plays/\*"):
        read_members(path, ("plays/*",))
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 1000)
    assert len(read_members(path, ("one.md",))) == 1
    with pytest.raises(CorpusError, match=r"unpacks to 1,200 bytes, beyond the limit of 1,000"):
        read_members(path, ("*",))
    monkeypatch.setattr(archive, "MAX_MEMBERS", 1)
    with pytest.raises(CorpusError, match="2 members match, beyond the limit of 1"):
        read_members(path, ("*",))
    path.write_bytes(b"no archive")
    with pytest.raises(CorpusError, match="cannot be read"):
        read_members(path, ("*",))


def test_a_member_that_lies_about_its_size_is_not_unpacked_beyond_it(pack: Callable[[dict[str, bytes]], Path]):
    path = pack({"bomb": bytes(1_000_000)})
    declared = (1_000_000).to_bytes(4, "little")
    assert path.read_bytes().count(declared) == 2  # in its own header and in the directory
    path.write_bytes(path.read_bytes().replace(declared, (10).to_bytes(4, "little")))
    with pytest.raises(CorpusError, match="cannot be read"):
        read_members(path, ("*",))
