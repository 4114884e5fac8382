"""A table or a query of a database, by its SQLAlchemy URL. PostgreSQL goes by pg8000; what is secret is taken from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.datasets.address import filled, masked
from mlops.datasets.columns import from_objects, joined, numbered
from mlops.errors import PlatformError, UsageError
from mlops.spec.source import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from mlops.datasets.source import Source

ROWS = 50_000
"""Rows that are held as Python's own objects at a time: these take several times what Arrow does."""
_DRIVERS = {"postgresql": "postgresql+pg8000", "postgres": "postgresql+pg8000"}


def tables(url: str) -> list[str]:
    """Return the names of a database's tables and views. Raises as `query`."""
    import sqlalchemy as sa

    with _Told(url):
        inspector = sa.inspect(_engine(url))
        return [*inspector.get_table_names(), *inspector.get_view_names()]


def query(source: Source) -> pa.Table:
    """Return what the source's table or query holds. Raises as `batches`."""
    return joined(list(batches(source)))


def batches(source: Source) -> Iterator[pa.Table]:
    """Yield what the source's table or query holds, so many rows at a time; one chunk without rows where there are none.

    Raises:
        UsageError: The URL, the table or the query is wrong.
        PlatformError: The database cannot be reached.
    """
    import sqlalchemy as sa

    with _Told(source.database):
        engine = _engine(source.database)
        statement: Any = sa.text(source.query) if source.query else _whole(engine, source)
        with engine.connect() as connection:
            result = connection.execution_options(stream_results=True, max_row_buffer=ROWS).execute(statement)
            names = numbered(list(result.keys()))
            rows = result.fetchmany(ROWS)
            while True:
                yield from_objects({name: [row[index] for row in rows] for index, name in enumerate(names)})
                rows = result.fetchmany(ROWS)
                if not rows:
                    break
        engine.dispose()


def _whole(engine: Any, source: Source) -> Any:
    """Return the statement that selects all of the source's table, which may be `schema.table`."""
    import sqlalchemy as sa

    known = [*sa.inspect(engine).get_table_names(), *sa.inspect(engine).get_view_names()]
    schema, _, name = source.table.rpartition(".")
    if not schema and source.table not in known:
        raise UsageError(
            f"there is no table {source.table!r}", where=source.database, hint=did_you_mean(source.table, known, label="tables")
        )
    return sa.select(sa.text("*")).select_from(sa.table(name, schema=schema or None))


def _engine(url: str) -> Any:
    import sqlalchemy as sa

    kind, _, rest = filled(url).partition("://")
    if kind == "sqlite":
        path = Path(rest[1:])
        if not path.is_file():
            raise UsageError(
                "there is no such database", where=url, hint="sqlite:///name.db is beside you, sqlite:////folder/name.db anywhere."
            )
        return sa.create_engine(f"sqlite:///file:{path.absolute()}?mode=ro&uri=true")
    return sa.create_engine(f"{_DRIVERS.get(kind, kind)}://{rest}")


class _Told:
    """Turns what SQLAlchemy and its drivers raise into errors for a person, without the secrets of the URL."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __enter__(self) -> None:
        pass

    def _said(self, error: BaseException) -> str:
        return masked(str(_fields(error).get("M") or getattr(error, "orig", None) or error), self.url)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import sqlalchemy.exc as sa

        if isinstance(error, sa.NoSuchModuleError | sa.ArgumentError | ModuleNotFoundError):
            message = f"no such kind of database: {self._said(error)}"
            raise UsageError(message, where=self.url, hint="sqlite:///FILE or postgresql://USER:${NAME}@HOST/DATABASE") from error
        unreachable = isinstance(error, sa.InterfaceError) or (isinstance(error, sa.OperationalError) and not self.url.startswith("sqlite"))
        if error is not None and (unreachable or _state(error).startswith(("08", "28"))):
            message = f"the database cannot be reached: {self._said(error)}"
            raise PlatformError(message, where=self.url, hint="Check host, user and the variable of the password.") from error
        if isinstance(error, sa.SQLAlchemyError):
            raise UsageError(
                f"the database refuses it: {self._said(error)}", where=self.url, hint="Check the table or the query."
            ) from error


def _state(error: BaseException) -> str:
    """Return PostgreSQL's SQLSTATE: 08 is the connection, 28 the password."""
    return str(_fields(error).get("C", ""))


def _fields(error: BaseException) -> dict[str, Any]:
    """Return the fields of a message of PostgreSQL, as pg8000 hands them on."""
    arguments = getattr(getattr(error, "orig", None), "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], dict) else {}
