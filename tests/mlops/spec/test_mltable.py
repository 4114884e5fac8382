"""What is wrong with a folder as an mltable, told before any work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlops.spec.mltable import complaint

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"MLTable": "paths: [{file: ./a.csv}]", "a.csv": ""}, None),
        ({"MLTable": "paths: [{pattern: ./*.csv}, {folder: https://example.com/x}]", "a.csv": ""}, None),
        ({"a.csv": ""}, "it holds no file MLTable"),
        ({"mltable.yml": "paths: []"}, "it holds 'mltable.yml', and the name is MLTable"),
        ({"MLTable": "paths: [{file: ./b.csv}]", "a.csv": ""}, "names './b.csv', which is not there"),
        ({"MLTable": "transformations: []"}, "names no data"),
        ({"MLTable": "paths: [}"}, "cannot be read"),
    ],
)
def test_a_folder_is_an_mltable_where_its_file_names_data_that_are_there(tmp_path: Path, files: dict[str, str], said: str | None) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = complaint(tmp_path)
    assert (said in found[0] if found else False) if said else found is None
