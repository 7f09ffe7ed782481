"""The app in a terminal of its own: what was typed survives whatever ends it."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest
from driving import voices
from processes import environment

from charnn.writing.session import Session, session_path

WRITE = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from driving import new_session
from charnn.ui.cowriting.app import CowritingApp

with new_session(Path({folder!r})) as session:
    CowritingApp(session).run()
    print("ended with", repr(session.text))
"""


@pytest.fixture
def terminal(tmp_path):
    """The app's process, the end of a terminal that its keys come from, and all that it has shown."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    code = WRITE.format(tests=str(Path(__file__).parents[2]), folder=str(tmp_path))
    shown = []

    def read():
        while True:
            try:
                shown.append(os.read(ours, 65536))
            except OSError:  # it has ended
                return

    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs, env=environment() | {"TERM": "xterm"}
    ) as process:
        os.close(theirs)
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        yield process, ours, shown
        process.kill()
    reader.join(10)
    os.close(ours)


def wait_for(condition):
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never comes about")


def type_into(terminal, folder, text):
    _, ours, shown = terminal
    path = session_path(folder, "tale")
    wait_for(lambda: b"warming up" in b"".join(shown))
    for number, key in enumerate(text, 1):
        os.write(ours, key.encode())
        wait_for(lambda number=number: path.read_bytes().count(b"\n") == number + 1)


def resumed(folder):
    with Session.resume(session_path(folder, "tale"), voices()) as session:
        assert session.note == ""
        return session.text


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_what_was_typed_survives_being_killed(terminal, tmp_path, number):
    type_into(terminal, tmp_path, "ab\nca\x7fb")
    process, _, _ = terminal
    process.send_signal(number)
    assert process.wait(60) != 0
    assert resumed(tmp_path) == "ab\ncb"


def test_ctrl_c_ends_it_with_the_terminal_put_right(terminal, tmp_path):
    type_into(terminal, tmp_path, "ab")
    process, ours, shown = terminal
    os.write(ours, b"\x03")
    assert process.wait(60) == 0
    wait_for(lambda: b"ended with 'ab'" in b"".join(shown))
    assert b"\x1b[?1049l" in b"".join(shown), "the screen from before is back"
    assert resumed(tmp_path) == "ab"
