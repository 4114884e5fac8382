"""The questions on a terminal: a real one (a pseudo-terminal), with the command as a person types it."""

import os
import pty
import re
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

CTRL_C = "\x03"


@pytest.fixture
def terminal(repository, tmp_path):
    """Start adopting on a terminal; what is typed at the question, and how it ended: exit code, words."""
    (tmp_path / "scratch").mkdir()
    dice = np.random.default_rng(7)
    size = dice.normal(size=120)
    pd.DataFrame({"size": size.round(3), "answer": np.where(size + dice.normal(size=120) > 0.4, "red", "blue")}).to_csv(
        tmp_path / "t.csv", index=False
    )

    def type_(keys):
        master, slave = pty.openpty()
        mlops = Path(sys.executable).with_name("mlops")
        words = ["setsid", "--ctty", "--wait", mlops, "adopt", tmp_path / "t.csv", "--target", "answer", "--dry-run"]
        environment = os.environ | {"TMPDIR": str(tmp_path / "scratch")}
        with subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, env=environment) as run:
            os.close(slave)
            said, asked = "", False
            with suppress(OSError):
                while True:
                    if not select.select([master], [], [], 1)[0]:
                        if (
                            asked and keys == CTRL_C
                        ):  # readline loses a signal that comes just before it waits: press again, as a person would
                            os.write(master, keys.encode())
                        continue
                    piece = os.read(master, 4096).decode(errors="replace")
                    if not piece:
                        break
                    said += piece
                    if not asked and "Enter for 1:" in said:
                        asked = os.write(master, keys.encode()) > 0
            os.close(master)
            return run.wait(60), said

    return type_


@pytest.mark.slow
def test_enter_takes_the_reading_that_stands_first(terminal):
    code, said = terminal("\r")
    default = re.search(r"\[1\] (\w+)", said)[1]
    assert code == 0
    assert re.search(rf"positive +{default} +unsure", said)


@pytest.mark.slow
def test_a_number_takes_the_other_reading(terminal):
    code, said = terminal("2\r")
    other = re.search(r"\[2\] (\w+)", said)[1]
    assert code == 0
    assert re.search(rf"positive +{other} +given", said)


@pytest.mark.slow
def test_ctrl_c_at_a_question_leaves_nothing_behind(terminal, repository, tmp_path):
    code, said = terminal(CTRL_C)
    assert (code, "Traceback" in said) == (130, False)
    assert subprocess.run(["git", "-C", repository, "status", "--porcelain"], capture_output=True, check=True).stdout == b""
    assert list((tmp_path / "scratch").iterdir()) == []
