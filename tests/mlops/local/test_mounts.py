"""Where the state folder is: a network file system is told, by made-up tables of what is mounted."""

import pytest

from mlops.local import mounts
from mlops.local.mounts import network_file_system, warning

TABLE = """\
/dev/sda1 / ext4 rw,relatime 0 0
server:/export/home /shared nfs4 rw,vers=4.2 0 0
tmpfs /shared/ann/fast tmpfs rw 0 0
//account.file.core.windows.net/code /far/my\\040code cifs rw 0 0
blobfuse2 /far/blobs fuse.blobfuse2 rw 0 0
/dev/sdb1 /over ext4 rw 0 0
server:/over /over nfs rw 0 0
proc /proc proc rw 0 0
odd
"""


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("/shared/ann/project/.mlops", "nfs4 server:/export/home"),
        ("/shared", "nfs4 server:/export/home"),
        ("/sharedly/.mlops", None),
        ("/shared/ann/fast/.mlops", None),
        ("/far/my code/.mlops", "cifs //account.file.core.windows.net/code"),
        ("/far/blobs/x", "fuse.blobfuse2 blobfuse2"),
        ("/over/.mlops", "nfs server:/over"),
        ("/srv/.mlops", None),
    ],
)
def test_a_network_file_system_is_known_by_the_deepest_place_that_holds_the_folder(tmp_path, folder, found):
    """E6."""
    table = tmp_path / "mounts"
    table.write_text(TABLE)
    assert network_file_system(folder, table) == found


def test_without_a_table_nothing_is_known_and_this_machines_own_is_read(tmp_path):
    assert network_file_system(tmp_path, tmp_path / "none") is None
    assert " / " in mounts.TABLE.read_text()


def test_a_run_on_a_network_file_system_says_what_to_do(project, tmp_path, monkeypatch, capsys):
    from mlops.cli import main

    table = tmp_path / "mounts"
    table.write_text(f"server:/all {tmp_path} nfs rw 0 0\n")
    monkeypatch.setattr(warning, "__defaults__", (table,))
    monkeypatch.chdir(project.root)
    assert main(["run", "pipeline.yml", "--no-warm"]) == 0
    said = capsys.readouterr().err
    assert "is on a network file system (nfs server:/all)" in said
    assert "set MLOPS_HOME to a folder on a disk of this machine" in said
