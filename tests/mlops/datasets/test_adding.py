"""Adding a month: what it is among the others, what is refused with what to do, and that it happens whole or not at all."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.mlops.datasets.visits import Visits, month

from mlops.datasets import change
from mlops.datasets.listing import parse, written
from mlops.datasets.source import Source
from mlops.errors import JobFailed, PlatformError, UsageError
from mlops.files import digest_file


@pytest.fixture
def visits(tmp_path):
    return Visits(tmp_path / "a project")


@pytest.fixture
def pointed(visits, tmp_path):
    """The same data set, whose months lie in a folder of the person's own: it names and lists them by their whole paths."""
    there = tmp_path / "theirs"
    shutil.copytree(visits.folder / "days", there)
    found = {str(path): digest_file(path).removeprefix("sha256:") for path in sorted(there.iterdir())}
    (visits.folder / "SHA256SUMS").write_text(written(found))
    visits.source = Source(visits.folder / "source.yml", files=f"{there}/*.csv.gz")
    return there


def test_a_new_month_is_tried_and_then_lies_among_the_others_with_its_digest_listed(visits):
    before = visits.version
    done = visits.add(visits.new("2024-04"))
    assert (done.done, done.addition.kind, done.addition.label) == (True, "new", "2024-04")
    assert visits.tried == [["SHA256SUMS", "days/2024-04.csv.gz"]]
    assert (visits.folder / "days/2024-04.csv.gz").read_bytes() == month("2024-04")
    sums = parse((visits.folder / "SHA256SUMS").read_text())
    assert list(sums)[-1] == "days/2024-04.csv.gz"
    assert visits.version == done.version != before
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=visits.folder).returncode == 0


def test_a_dry_run_tries_it_and_changes_nothing(visits):
    before = visits.state
    done = visits.add(visits.new("2024-04"), dry_run=True)
    assert (done.done, len(visits.tried), visits.state) == (False, 1, before)


def test_the_same_month_with_the_same_bytes_is_nothing_to_do(visits):
    visits.add(visits.new("2024-04"))
    done = visits.add(visits.new("2024-04"))
    assert (done.done, done.addition.kind, len(visits.tried)) == (False, "same", 1)


def test_the_same_month_with_other_bytes_is_refused_with_the_rows_that_differ(visits):
    before = visits.state
    with pytest.raises(JobFailed, match=r"2024-03 is there already, with other bytes: 2 rows added, 0 gone|--replace") as no:
        visits.add(visits.new("2024-03", rows=6))
    assert "2 rows added, 0 gone (4 rows before, 6 after)" in no.value.message
    assert "--replace" in no.value.hint
    assert visits.state == before


def test_a_replaced_month_is_kept_and_found_again_though_it_was_never_committed(visits):
    from mlops.datasets import objects

    visits.add(visits.new("2024-04"))
    digest = visits.data.sums["days/2024-04.csv.gz"]
    done = visits.add(visits.new("2024-04", rows=5), replace=True)
    assert (done.addition.kind, str(done.addition.difference)) == ("other", "1 rows added, 0 gone (4 rows before, 5 after)")
    found = objects.find(visits.folder, "days/2024-04.csv.gz", digest, visits.home)
    assert found.read() == month("2024-04")


def test_the_bytes_of_another_month_are_refused_by_its_name(visits):
    with pytest.raises(JobFailed, match=r"these are the bytes of days/2024-02.csv.gz"):
        visits.add(visits.folder / "days/2024-02.csv.gz", partition="2024-04")


def test_an_altered_old_month_is_told_before_anything_is_compared_with_it(visits):
    """D5: the digest differs from the recorded one."""
    (visits.folder / "days/2024-02.csv.gz").write_bytes(month("2024-02", pages=90))
    with pytest.raises(JobFailed, match="1 of the files that are there are not as they were recorded") as no:
        visits.add(visits.new("2024-04"))
    assert "days/2024-02.csv.gz is not the file that was recorded (expected sha256" in no.value.hint
    assert "checkout -- days/2024-02.csv.gz" in no.value.hint
    assert visits.tried == []


def test_the_recorded_bytes_of_an_altered_month_put_it_right(visits):
    before = visits.state
    (visits.folder / "days/2024-02.csv.gz").write_bytes(b"cut")
    assert visits.add(visits.new("2024-02")).addition.kind == "back"
    assert visits.state == before


def test_an_altered_month_that_is_meant_is_recorded_as_it_lies_there(visits):
    path = visits.folder / "days/2024-02.csv.gz"
    path.write_bytes(month("2024-02", rows=9))
    done = visits.add(path, replace=True)
    assert (done.addition.kind, done.addition.difference.added) == ("other", 5)
    assert visits.data.sums["days/2024-02.csv.gz"] == done.addition.digest


def test_a_month_that_was_copied_in_by_hand_is_vouched_for_where_it_lies(visits):
    path = visits.folder / "days/2024-04.csv.gz"
    path.write_bytes(month("2024-04"))
    assert visits.add(path).addition.kind == "new"
    assert "days/2024-04.csv.gz" in visits.data.sums


def test_a_gap_is_refused_with_what_is_missing_unless_it_is_meant(visits):
    with pytest.raises(JobFailed, match="2024-04, 2024-05 would be missing between the others and 2024-06") as no:
        visits.add(visits.new("2024-06"))
    assert "--gap" in no.value.hint
    assert visits.add(visits.new("2024-06"), gap=True).addition.gap == ("2024-04", "2024-05")


def test_a_late_month_is_accepted_and_said_to_be_late(visits):
    done = visits.add(visits.new("2023-12"))
    assert (done.done, done.addition.newest) == (True, "2024-03")


def test_a_month_that_breaks_the_contract_is_kept_aside_and_nothing_is_added(visits):
    before = visits.state
    with pytest.raises(JobFailed, match=r"2024-04 .*nothing was changed") as no:
        visits.add(visits.new("2024-04"), fails="validate")
    assert "pages must be at most 9" in no.value.hint
    assert visits.state == before
    (aside,) = (visits.home / "data/refused").iterdir()
    assert (aside / "2024-04.csv.gz").read_bytes() == month("2024-04")
    assert "pages" in (aside / "reason.txt").read_text()


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/x", "..", ".x", "-x", "a\nb", "a\\b", "x" * 300, " x", "\x1b[2J"])
def test_a_partition_s_name_that_leads_elsewhere_or_is_no_word_is_refused(visits, name):
    before = visits.state
    with pytest.raises(UsageError, match=r"cannot be a partition's name|has 2 parts"):
        visits.add(visits.new("2024-04"), partition=name)
    assert visits.state == before


@pytest.mark.parametrize("replace", [False, True])
def test_a_month_of_data_that_lie_elsewhere_is_written_by_the_person_alone(visits, pointed, replace):
    before = {path.name: path.read_bytes() for path in pointed.iterdir()}
    for label in ("2024-03", "2024-04"):
        with pytest.raises(UsageError, match="lie outside of the data set's folder") as no:
            visits.add(visits.new(label, pages=9), replace=replace, fails="validate")
        assert f"sha256sum {pointed}/{label}.csv.gz >> " in no.value.hint
    assert {path.name: path.read_bytes() for path in pointed.iterdir()} == before


@pytest.mark.parametrize("name", ["/etc/x.csv", "../x.csv", "days/../../x.csv", ""])
def test_a_change_reaches_nothing_outside_of_its_folder(visits, name):
    with pytest.raises(UsageError, match="leads out of the data set's folder"), change.staged(visits.folder, {name: "x"}):
        pass
    with pytest.raises(UsageError, match="leads out of the data set's folder"):
        change.commit(visits.folder, [name])


def test_the_altered_bytes_that_the_recorded_ones_take_the_place_of_are_kept(visits):
    """The alteration may have been a day's work."""
    recorded = visits.new("2024-02")
    (visits.folder / "days/2024-02.csv.gz").write_bytes(b"a day's work")
    assert visits.add(recorded).addition.kind == "back"
    assert b"a day's work" in {path.read_bytes() for path in (visits.home / "data/objects").rglob("*") if path.is_file()}


def test_a_link_in_the_data_set_s_folder_leads_nothing_out_of_it(visits, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (visits.folder / "days/2024-04.csv.gz").symlink_to(tmp_path / "elsewhere/secret")
    with pytest.raises(UsageError, match="this is a link"):
        visits.add(visits.new("2024-04"))
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("2024-04.csv", "its name does not say which partition"),
        ("April.csv.gz", "'April' is no partition like the others"),
        ("shop.csv", "its name does not say"),
    ],
)
def test_a_file_that_is_not_like_the_others_is_refused_by_its_name(visits, name, says):
    with pytest.raises(UsageError, match=says):
        visits.add(visits.new("2024-04", name))


@pytest.mark.parametrize("name", ["  a month.csv.gz", "ein März.csv.gz", "二月.csv.gz"])
def test_a_file_of_any_name_is_added_under_the_partition_s(visits, name):
    assert visits.add(visits.new("2024-04", name), partition="2024-04").addition.name == "days/2024-04.csv.gz"


def test_what_to_do_about_a_file_is_a_command_that_can_be_pasted(visits, pointed):
    from mlops.datasets.dataset import files, troubles

    (pointed / "2024-02.csv.gz").write_bytes(b"other")
    (elsewhere,) = troubles(visits.data, files(visits.data, digest_file))
    assert f"`sha256sum {pointed}/2024-02.csv.gz`" in elsewhere
    visits.source = None
    visits.record()
    (visits.folder / "days/2024-03.csv.gz").write_bytes(b"another")
    (here,) = troubles(visits.data, files(visits.data, digest_file))
    assert f"mlops data add '{visits.folder}/days/2024-03.csv.gz' --replace" in here


def test_partitions_may_have_names_with_blanks_and_letters_of_any_script(tmp_path):
    visits = Visits(tmp_path)
    for label in ("2024-01", "2024-02", "2024-03"):
        (visits.folder / f"days/{label}.csv.gz").unlink()
    (visits.folder / "days/new york.csv.gz").write_bytes(month("2024-01"))
    visits.record()
    assert visits.add(visits.new("x", "köln süd.csv.gz")).addition.label == "köln süd"
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=visits.folder).returncode == 0


def test_another_table_s_file_takes_its_place_only_by_word(visits):
    path = visits.root / "shops.csv"
    path.write_text("shop\neast\nwest\n")
    with pytest.raises(JobFailed, match=r"shops.csv is there already, with other bytes: 1 rows added, 0 gone"):
        visits.add(path)
    assert visits.add(path, replace=True).addition.name == "shops.csv"


def test_an_empty_file_is_refused(visits):
    """D1."""
    path = visits.root / "2024-04.csv.gz"
    path.write_bytes(b"")
    with pytest.raises(JobFailed, match="the file is empty"):
        visits.add(path)


PROGRAM = """
import errno, os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.mlops.datasets.visits import Visits

visits = Visits.__new__(Visits)
visits.root, visits.folder, visits.home, visits.tried = Path({project!r}), Path({project!r}, "data/the visits"), Path({project!r}, ".mlops"), []
left = int(sys.argv[1])

def count(name):
    real = getattr(os, name)
    def call(*words, **named):
        global left
        left -= 1
        if left == 0 and sys.argv[2] == "kill":
            os.kill(os.getpid(), 9)
        if left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*words, **named)
    setattr(os, name, call)

for name in ("fsync", "replace", "mkdir", "chmod", "open", "unlink"):
    count(name)
try:
    visits.add(visits.root / "new/2024-03.csv.gz", replace=True)
except Exception as error:
    print(type(error).__name__)
    sys.exit(3)
print("added")
"""


def _interrupted(visits, how):
    """Yield, for each call of the file system in turn, how an addition ended that was cut short there, and undo it."""
    new, program = visits.new("2024-03", rows=9), PROGRAM.format(root=str(Path(__file__).parents[3]), project=str(visits.root))
    before = visits.state
    for point in range(1, 200):
        done = subprocess.run([sys.executable, "-c", program, str(point), how], capture_output=True, text=True)
        with change.held(visits.folder):
            change.settle(visits.folder)
        yield point, done, visits.state, new
        if done.stdout == "added\n":
            return
        (visits.folder / "days/2024-03.csv.gz").write_bytes(month("2024-03"))
        visits.record()
        assert visits.state == before


@pytest.mark.slow
def test_an_addition_that_is_killed_at_any_call_leaves_the_old_data_set_or_the_new_one(visits):
    """E1, E4: SIGKILL at every open, write, rename and sync; afterwards every file is as SHA256SUMS has it."""
    old, ends, killed = visits.state, set(), 0
    for _, done, state, _new in _interrupted(visits, "kill"):
        killed += done.returncode == -signal.SIGKILL
        ends.add(frozenset(state.items()))
        assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=visits.folder).returncode == 0
        assert sorted(state) == sorted(old)
    assert killed > 15
    assert len(ends) == 2


@pytest.mark.slow
def test_an_addition_that_finds_the_disk_full_at_any_call_leaves_the_old_data_set_or_the_new_one(visits):
    """E6: ENOSPC at every call; told as one error, never as a trace."""
    old, told = visits.state, set()
    for _, done, state, _new in _interrupted(visits, "full"):
        told.add(done.stdout.strip())
        assert sorted(state) == sorted(old)
        assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=visits.folder).returncode == 0
    assert told <= {"PlatformError", "added"}


def test_a_disk_that_is_full_for_real_refuses_the_month_and_keeps_the_old_ones(tmp_path):
    """E6: ENOSPC, from the kernel, where the machine lets us mount a file system."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("this machine does not let tests mount a file system")
    try:
        visits = Visits(small)
        new = tmp_path / "2024-04.csv.gz"
        new.write_bytes(os.urandom(1_000_000))
        before = visits.state
        with pytest.raises(PlatformError, match="No space left"):
            visits.add(new)
        assert visits.state == before
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_of_two_additions_at_once_one_is_told_to_wait_and_changes_nothing(visits):
    with change.held(visits.folder), pytest.raises(PlatformError, match="another `mlops data` changes this data set now"):
        visits.add(visits.new("2024-04"))
    assert "days/2024-04.csv.gz" not in visits.data.sums


def test_additions_from_many_threads_are_all_in_or_were_told_to_wait(visits):
    files = [visits.new(f"20{year}-01", pages=year) for year in range(10, 18)]
    ended = []

    def one(file):
        try:
            visits.add(file, gap=True)
            ended.append(file.name)
        except PlatformError:
            pass

    threads = [threading.Thread(target=one, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended
    assert {f"days/{name}" for name in ended} == set(visits.data.sums) - {"shops.csv"} - {f"days/2024-0{n}.csv.gz" for n in (1, 2, 3)}
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=visits.folder).returncode == 0


def test_a_folder_that_cannot_be_written_is_one_clear_error(visits, monkeypatch):
    """E6: a read-only checkout; root may write anywhere, so the file system says it here."""
    real = os.mkdir

    def read_only(path, *words, **named):
        if str(path).startswith(str(visits.folder)):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, *words, **named)

    monkeypatch.setattr(os, "mkdir", read_only)
    with pytest.raises(PlatformError, match="cannot write: Read-only file system"):
        visits.add(visits.new("2024-04"))


def test_what_was_left_by_a_kill_before_its_moment_is_cleared_away_by_the_next(visits):
    (visits.folder / change.STAGE / "days").mkdir(parents=True)
    (visits.folder / change.STAGE / "days/2024-04.csv.gz").write_bytes(b"half")
    visits.add(visits.new("2024-04"))
    assert not (visits.folder / change.STAGE).exists()
