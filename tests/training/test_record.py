"""The run folder's record: everything comes back, and nothing that a kill leaves behind does harm."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from processes import environment

from charnn.config import CELLS, ModelConfig, TrainConfig
from charnn.errors import CheckpointError
from charnn.text.vocabulary import Vocabulary
from charnn.training.record import (
    METRICS,
    SAMPLES,
    RunRecord,
    append,
    claim,
    create_run,
    forget_after,
    list_runs,
    read_lines,
    read_run,
)

any_text = st.text(st.characters())  # lone surrogates, which stand for escaped bytes, among them
records = st.builds(
    RunRecord,
    model=st.builds(ModelConfig, st.sampled_from(CELLS), st.integers(1, 9), st.integers(1, 3), st.floats(0, 0.9)),
    train=st.builds(
        TrainConfig,
        steps=st.none() | st.integers(1),
        max_grad_norm=st.just(float("inf")) | st.floats(0.001, 1e300),
        sample_prompt=any_text,
    ),
    vocabulary=st.sets(st.characters()).map(lambda characters: Vocabulary("".join(characters))),
    corpus_name=any_text,
    corpus_path=any_text,
    corpus_sha256=st.just("0" * 64),
    created=st.just("2025-01-01T00:00:00+00:00"),
    charnn_version=st.just("0.1.0"),
    init_from=st.none() | any_text,
)
RECORD = RunRecord(ModelConfig(), TrainConfig(), Vocabulary("ehlo"), "hello", "/hello.txt", "0" * 64, "now", "0.1.0")


@given(records)
def test_what_a_run_is_comes_back_whatever_the_characters(tmp_path_factory, record):
    folder = tmp_path_factory.mktemp("runs") / "run"
    create_run(folder, record)
    assert read_run(folder) == record
    assert [child.name for child in folder.iterdir()] == ["run.json"]


def test_a_run_is_never_overwritten(tmp_path):
    folder = tmp_path / "deep" / "run"
    create_run(folder, RECORD)
    before = (folder / "run.json").read_bytes()
    with pytest.raises(CheckpointError, match=r"exists already.*--resume run"):
        create_run(folder, RECORD)
    assert (folder / "run.json").read_bytes() == before
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="exists already"):
        create_run(tmp_path / "empty", RECORD)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CheckpointError, match="exists already"):
        create_run(tmp_path / "file", RECORD)
    with pytest.raises(CheckpointError, match="cannot be made"):
        create_run(tmp_path / "file" / "run", RECORD)
    assert (tmp_path / "file").read_text() == "mine"


def test_what_is_no_run_folder_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(CheckpointError, match="not a run folder"):
            read_run(folder)


def without(*path):
    def change(content):
        inner = content
        for name in path[:-1]:
            inner = inner[name]
        del inner[path[-1]]

    return change


@pytest.mark.parametrize(
    "change",
    [
        without("model"),
        without("model", "cell"),
        without("train", "seq_len"),
        without("vocabulary"),
        without("created"),
        lambda content: content.update(vocabulary="aa"),
        lambda content: content.update(vocabulary=None),
        lambda content: content.update(model="lstm"),
        lambda content: content.update(unheard_of=1),
        lambda content: content["model"].update(cell="quantum"),
        lambda content: content["model"].update(hidden_size=0),
        lambda content: content["model"].update(hidden_size="many"),
        lambda content: content["train"].update(seq_len=None),
    ],
)
def test_a_damaged_record_is_refused(tmp_path, change):
    create_run(tmp_path / "run", RECORD)
    file = tmp_path / "run" / "run.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"run\.json cannot be read"):
        read_run(tmp_path / "run")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"7", b'"run"', b"\xff\xfe", b"\x00" * 100])
def test_a_record_that_is_no_record_is_refused(tmp_path, content):
    create_run(tmp_path / "run", RECORD)
    (tmp_path / "run" / "run.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"run\.json cannot be read"):
        read_run(tmp_path / "run")


lines = st.fixed_dictionaries(
    {"step": st.integers(0, 10)},
    optional={"text": any_text, "seconds": st.floats(allow_nan=False), "bits_per_char": st.none()},
)


@given(st.lists(lines))
def test_lines_come_back_whatever_the_characters(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("run")
    for line in content:
        append(folder, SAMPLES, line)
    assert list(read_lines(folder, SAMPLES)) == content
    assert list(read_lines(folder, METRICS)) == []


@given(st.lists(lines), st.integers(-1, 11), st.integers(0, 30))
def test_what_comes_after_a_step_is_forgotten_and_a_half_written_line_with_it(
    tmp_path_factory, content, step, num_bytes
):
    folder = tmp_path_factory.mktemp("run")
    for line in content:
        append(folder, METRICS, line)
        append(folder, SAMPLES, {"step": line["step"]})
    with (folder / METRICS).open("ab") as stream:
        stream.write(json.dumps({"step": 0, "a half-written": "line"}).encode()[:num_bytes])
    forget_after(folder, step)
    kept = [line for line in content if line["step"] <= step]
    assert list(read_lines(folder, METRICS)) == kept
    assert list(read_lines(folder, SAMPLES)) == [{"step": line["step"]} for line in kept]
    append(folder, METRICS, {"step": 99})
    assert list(read_lines(folder, METRICS)) == [*kept, {"step": 99}]


def test_damaged_lines_are_passed_over(tmp_path):
    damaged = [b'{"step": 2', b"\xff\xfe", b"[]", b"7", b"{}", b'{"step": "3"}', b'{"step": null}', b"", b"\x00\x00"]
    (tmp_path / METRICS).write_bytes(b"\n".join([b'{"step": 1}', *damaged, b'{"step": 4}', b'{"ste']))
    assert list(read_lines(tmp_path, METRICS)) == [{"step": 1}, {"step": 4}]


def test_runs_are_listed_the_newest_first(tmp_path):
    assert list_runs(tmp_path / "missing") == []
    for n, name in enumerate(["old", "new", "middle"]):
        create_run(tmp_path / name, RECORD)
        os.utime(tmp_path / name / "run.json", (n, n))
    append(tmp_path / "new", METRICS, {"step": 1})
    (tmp_path / "no run").mkdir()
    (tmp_path / "a file").touch()
    assert [run.name for run in list_runs(tmp_path)] == ["new", "middle", "old"]


CLAIM = """
import pathlib, sys
from charnn.training.record import claim
with claim(pathlib.Path(sys.argv[1])):
    print("claimed", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_run_is_one_processs_until_that_ends(tmp_path, is_killed):
    other = subprocess.Popen(
        [sys.executable, "-c", CLAIM, tmp_path], env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout.readline() == b"claimed\n"
    with pytest.raises(CheckpointError, match="being trained by another process"), claim(tmp_path):
        pass
    if is_killed:
        other.kill()
    other.communicate(timeout=60)
    for _ in range(2):
        with claim(tmp_path):
            pass
