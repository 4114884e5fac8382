"""Databases, the real ones: SQLite, and PostgreSQL where its server is installed (Debian: postgresql)."""

import glob
import os
import shutil
import socket
import sqlite3
import subprocess
import time

import pandas as pd
import pytest

from mlops.datasets import database as asked
from mlops.datasets.detection import detect
from mlops.datasets.reading import read
from mlops.errors import PlatformError, UsageError


@pytest.fixture
def database(tmp_path, frame):
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        frame.to_sql("orders", connection, index=False)
        frame.head(3).to_sql("other", connection, index=False)
    connection.close()
    return tmp_path / "shop.db"


def test_a_table_of_sqlite_is_read_and_kept_as_a_snapshot(database, told, frame):
    source, found = told(f"sqlite:///{database}#orders")
    pd.testing.assert_frame_equal(found, frame)
    database.unlink()
    pd.testing.assert_frame_equal(read(source), frame)


def test_a_database_is_read_so_many_rows_at_a_time_to_the_same_table(database, told, frame, monkeypatch):
    monkeypatch.setattr(asked, "ROWS", 7)
    source, found = told(f"sqlite:///{database}#orders")
    pd.testing.assert_frame_equal(found, frame)
    assert [table.num_rows for table in asked.batches(source)] == [7, 7, 7, 7, 7, 5]


def test_a_query_is_read(database, told):
    _, found = told(f"sqlite:///{database}#SELECT word, count(*) AS n FROM orders GROUP BY word")
    assert found.to_dict("list") == {"word": ["ab", "cd"], "n": [20, 20]}


def test_a_file_of_sqlite_is_known_by_its_first_bytes(database, told, frame):
    pd.testing.assert_frame_equal(told(f"{database}#orders")[1], frame)


@pytest.mark.parametrize(
    ("what", "message"),
    [("", "which of the 2 tables"), ("#ordes", 'did you mean "orders"'), ("#SELECT price FROM orders", "no such column: price")],
)
def test_what_a_database_has_not_is_told(database, what, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        detect(f"sqlite:///{database}{what}", folder=tmp_path)


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(UsageError, match="no such database"):
        detect(f"sqlite:///{tmp_path}/none.db#t", folder=tmp_path)
    assert not (tmp_path / "none.db").exists()


def test_a_variable_that_is_not_set_is_named(tmp_path):
    with pytest.raises(UsageError, match="the variable NO_SUCH_ONE is not set"):
        detect("postgresql://me:${NO_SUCH_ONE}@127.0.0.1/db#t", folder=tmp_path)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """Start a server of its own on loopback; yield its port."""
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not programs:
        pytest.skip("PostgreSQL's server is not installed (apt-get install postgresql)")
    folder = tmp_path_factory.mktemp("pg")
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    for path in (folder, *[p for p in folder.parents if p.stat().st_uid == os.geteuid() and str(p) not in {"/", "/tmp"}]):
        path.chmod(path.stat().st_mode | 0o011)
    if user:
        shutil.chown(folder, "postgres")
    (folder / "password").write_text("a/b c")
    (folder / "password").chmod(0o644)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    subprocess.run(
        [*user, f"{programs[-1]}/initdb", "-D", data, "-U", "me", "-A", "scram-sha-256", "--pwfile", folder / "password", "-N"],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    command = [*user, f"{programs[-1]}/postgres", "-D", data, "-p", str(port), "-k", str(folder), "-h", "127.0.0.1", "-F"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.mark.slow
def test_a_table_of_postgresql_is_read_with_a_password_from_the_environment(postgres, told, monkeypatch):
    import sqlalchemy as sa

    monkeypatch.setenv("SHOP_PASSWORD", "a/b c")
    engine = sa.create_engine(f"postgresql+pg8000://me:a%2Fb%20c@127.0.0.1:{postgres}/postgres")
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "CREATE TABLE orders AS SELECT i AS n, (i / 4.0)::numeric(9, 2) AS x, i % 2 = 0 AS even, now() AS at FROM generate_series(1, 40) i"
            )
        )
    engine.dispose()
    source, found = told(f"postgresql://me:${{SHOP_PASSWORD}}@127.0.0.1:{postgres}/postgres#orders")
    assert found.dtypes.astype(str).tolist() == ["int64", "float64", "bool", "datetime64[us, UTC]"]
    assert found["x"].sum() == 205.0
    assert "a/b c" not in str(source)


@pytest.mark.slow
def test_a_wrong_password_is_told_without_it(postgres, monkeypatch, tmp_path):
    monkeypatch.setenv("SHOP_PASSWORD", "wrong-one")
    with pytest.raises(PlatformError, match="cannot be reached") as stop:
        detect(f"postgresql://me:${{SHOP_PASSWORD}}@127.0.0.1:{postgres}/postgres#orders", folder=tmp_path)
    assert "wrong-one" not in str(stop.value)
