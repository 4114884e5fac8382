"""Small and large are hashed by different code, and nobody can tell."""

import hashlib
import subprocess
import sys

import pytest

from mlops.hashing import _SMALL, sha256, sha256_of

SIZES = [0, 1, _SMALL - 1, _SMALL, _SMALL + 1, 10 * _SMALL + 7]


@pytest.mark.parametrize("size", SIZES)
def test_a_digest_is_hashlib_s(size, tmp_path):
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    assert sha256(data).hexdigest() == hashlib.sha256(data).hexdigest()
    (tmp_path / "file").write_bytes(b"before" + data)
    with (tmp_path / "file").open("rb") as file:
        file.read(6)
        assert sha256_of(file).digest() == hashlib.sha256(data).digest()


def test_openssl_is_loaded_for_what_is_large_alone():
    script = (
        "import sys; from mlops.hashing import _SMALL, sha256; sha256(bytes(_SMALL)); print('hashlib' in sys.modules); "
        "sha256(bytes(_SMALL + 1)); print('hashlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
