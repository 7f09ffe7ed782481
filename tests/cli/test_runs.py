import shutil

from processes import TINY


def test_runs_are_listed_newest_first_and_a_damaged_one_does_not_hide_the_others(tmp_path, text, charnn):
    assert b"no runs" in charnn("runs").stderr
    for cell in ("gru", "rnn"):
        charnn("train", text, *TINY, "--steps", "20", "--cell", cell)
    shutil.copytree(tmp_path / "checkpoints/rhyme-gru", tmp_path / "checkpoints/broken")
    (tmp_path / "checkpoints/broken/run.json").write_text("{")
    lines = charnn("runs").stdout.decode().splitlines()
    rows = {line.split()[0]: line for line in lines[1:]}
    assert set(rows) == {"rhyme-gru", "rhyme-rnn", "broken"}
    assert list(rows).index("rhyme-rnn") < list(rows).index("rhyme-gru")
    assert "1 × 12" in rows["rhyme-rnn"]
    assert " 20 " in rows["rhyme-rnn"]
    assert "damaged" in rows["broken"]
