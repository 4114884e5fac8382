"""One raw CSV file, read with declared columns and types. What cannot be read is told with file, line and column."""

import csv
import gzip
import sys
import zlib

import pandas as pd

NUMBERS = {"integer", "number"}


def read_csv(path, types):
    """Return the declared columns of a CSV file, plain or gzipped.

    Only an empty field is missing: the word NA stays a word (a code, a name). Columns the contract does not know are left out, and said so.
    """
    try:
        check_header(path, types)
        dtypes = {name: "float64" if kind in NUMBERS else "str" for name, kind in types.items()}
        frame = pd.read_csv(path, dtype=dtypes, keep_default_na=False, na_values=[""], encoding="utf-8-sig")
        if not isinstance(frame.index, pd.RangeIndex):
            raise ValueError("the rows have more fields than the header")
        return typed(frame[list(types)], types)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        sys.exit(
            f"import: {path} is damaged: {error}. Its digest is the recorded one: it was damaged before it was recorded. Ask for it again."
        )
    except UnicodeDecodeError as error:
        sys.exit(f"import: {path} is not UTF-8: {error}. Save it as UTF-8.")
    except ValueError as error:
        sys.exit(f"import: {first_bad(path, types) or f'{path}: {error}'}")


def check_header(path, types):
    with opened(path) as file:
        header = next(csv.reader(file), [])
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        sys.exit(f"import: {path} line 1: the column {', '.join(twice)} is there twice. Name each column once.")
    missing = [name for name in types if name not in header]
    if missing:
        sys.exit(f"import: {path} line 1: there is no column {', '.join(missing)}. There are: {', '.join(header)}.")
    extra = [name or "(without a name)" for name in header if name not in types]
    if extra:
        print(f"{path.name}: left out, because the contract does not know it: {', '.join(extra)}")


def typed(frame, types):
    """Give columns their declared types. Integers stay float64 where one is missing or has a fraction: the contract judges that."""
    for name, kind in types.items():
        column = frame[name]
        if kind == "integer" and column.notna().all() and (column % 1 == 0).all():
            frame[name] = column.astype("int64")
        elif kind == "timestamp":
            frame[name] = pd.to_datetime(column, utc=True, format="ISO8601")
    return frame


def first_bad(path, types):
    """Return where the first field stands that cannot be what its column is, or None."""
    with opened(path) as file:
        rows = csv.reader(file)
        header = next(rows)
        try:
            for row in rows:
                if len(row) > len(header):
                    return f"{path} line {rows.line_num}: {len(row)} fields under {len(header)} columns: {','.join(row)[:80]!r}."
                for name, text in zip(header, row, strict=False):
                    if text and not fits(text, types.get(name)):
                        return f"{path} line {rows.line_num}, column {name}: {text[:80]!r} is not a {types[name]}."
        except csv.Error as error:
            return f"{path} line {rows.line_num}: {error}. Is a quotation mark opened and not closed before it?"
    return None


def fits(text, kind):
    try:
        if kind in NUMBERS:
            float(text)
        elif kind == "timestamp":
            pd.to_datetime(text, utc=True, format="ISO8601")
    except ValueError:
        return False
    return True


def opened(path):
    return (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="")
