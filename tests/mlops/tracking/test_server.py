"""The store that tracking and registry share, when an older MLflow made it."""

import pytest

from mlops.errors import PlatformError
from mlops.tracking.server import connect, tracking_uri


def database_of_an_older_mlflow(home):
    """MLflow's tables as they were one change of its schema ago."""
    import sqlalchemy
    from alembic import command
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base

    engine = sqlalchemy.create_engine(tracking_uri(home))
    Base.metadata.create_all(engine)
    config = _get_alembic_config(tracking_uri(home))
    script = ScriptDirectory.from_config(config)
    before = script.get_revision(script.get_current_head()).down_revision
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, before)
    engine.dispose()


@pytest.mark.slow
def test_a_database_of_an_older_mlflow_is_brought_up_to_date_and_a_copy_of_it_stays(tmp_path, monkeypatch):
    """After a new lock file, the registry that a branch keeps must still be readable."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    database_of_an_older_mlflow(tmp_path)
    # MLflow makes missing tables by itself, and refuses a database that lacks a column only: as if the last change had been one of those.
    monkeypatch.setattr("mlflow.store.tracking.sqlalchemy_store.mlflow.store.db.utils._all_tables_exist", lambda _: True)
    client = connect(tmp_path)
    client.create_registered_model("shops")
    assert (tmp_path / "mlflow.db.before").is_file()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db.before'}")
    with pytest.raises(PlatformError, match="out-of-date database schema"):  # one that is not ours to change
        connect(tmp_path)
