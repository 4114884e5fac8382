"""A library's patterns are compiled late, everybody else's at once, and a late one does what the other does."""

import re
import subprocess
import sys

import pytest

from mlops.late import compiled_late

LIBRARY = r"""
import re
word = re.compile(r"(\w)(\w*)", re.IGNORECASE)
wrong = re.compile("(")
"""


def test_only_who_is_meant_gets_a_late_pattern():
    theirs = {"__name__": "library.part"}
    with compiled_late("library."):
        exec(LIBRARY, theirs)
        own = re.compile("x")
    assert isinstance(own, re.Pattern)
    assert isinstance(re.compile("y"), re.Pattern)
    assert not isinstance(theirs["word"], re.Pattern)
    assert theirs["word"].sub(r"\2\1", "pig latin") == "igp atinl"
    assert (theirs["word"].pattern, theirs["word"].groups) == (r"(\w)(\w*)", 2)
    with pytest.raises(re.error, match="unterminated"):
        theirs["wrong"].match("")


def test_yaml_is_what_it_is_without(tmp_path):
    text = "a: 1\nb: 2001-01-01 10:00:00\nc: [x, 1.5, ~, on, 0x1f, 1_000, .inf]\nd: !!binary aGk=\n"
    look = f"import yaml; print(yaml.load({text!r}, Loader=yaml.{{}}), yaml.safe_dump({{{{'k': 'on', 'n': '1'}}}}))"
    told = [
        subprocess.run([sys.executable, "-c", first + look.format(loader)], capture_output=True, text=True, check=True).stdout
        for loader in ("CSafeLoader", "SafeLoader")
        for first in ("", "import mlops.spec.source; ")
    ]
    assert len(set(told)) == 1
    assert "hi" in told[0]
