"""Small tables as files."""

import pandas as pd
import pytest

from mlops.datasets.detection import detect
from mlops.datasets.reading import read


@pytest.fixture
def put(tmp_path):
    """Write a text, or bytes, under a name in a folder of its own; return its path as text."""

    def write(name, content, encoding="utf-8"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return str(path)

    return write


@pytest.fixture
def frame():
    return pd.DataFrame({"n": range(1, 41), "x": [i / 4 for i in range(40)], "word": ["ab", "cd"] * 20})


@pytest.fixture
def told(tmp_path):
    """Detect how data are read, and read them."""

    def go(data, **options):
        (tmp_path / "made").mkdir(exist_ok=True)
        source = detect(str(data), folder=tmp_path / "made", **options)
        return source, read(source)

    return go
