from mlops.files import digest_folder
from mlops.local.digests import Digests


def test_a_run_and_the_registry_give_a_folder_the_same_digest(tmp_path):
    for name in ("model/a/y", "model/a-b/x", "model/a.b", "model/B"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert Digests(tmp_path / "memory.json").of(tmp_path / "model") == digest_folder(tmp_path / "model")
