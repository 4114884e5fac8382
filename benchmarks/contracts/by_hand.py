"""What the scripts of pandas and pandera share: numbers of a partition, and relations, in pandas as one writes them by hand."""

import numpy as np
import pandas as pd

RELATIONS = {
    "hour == sched_dep_time // 100 and minute == sched_dep_time % 100": lambda t: (
        (t.hour == t.sched_dep_time // 100) & (t.minute == t.sched_dep_time % 100)
    ),
    "missing(dep_time) == missing(dep_delay)": lambda t: t.dep_time.isna() == t.dep_delay.isna(),
    "missing(arr_delay) == missing(air_time)": lambda t: t.arr_delay.isna() == t.air_time.isna(),
    "missing(arr_time) or not missing(dep_time)": lambda t: t.arr_time.isna() | t.dep_time.notna(),
    "year(time_hour) == year and month(time_hour) == month": lambda t: (t.time_hour.dt.year == t.year) & (t.time_hour.dt.month == t.month),
    "(hour(time_hour) - hour) % 24 in [4, 5]": lambda t: ((t.time_hour.dt.hour - t.hour) % 24).isin([4, 5]),
}
OF_GROUPS = {
    "mean": lambda g, _: g.mean(),
    "median": lambda g, _: g.median(),
    "spread": lambda g, _: g.std(ddof=0),
    "distinct": lambda g, _: g.nunique(),
    "top": lambda g, _: g.agg(lambda s: s.value_counts(normalize=True).iloc[0]),
    "highest": lambda g, _: g.agg(lambda s: (s.dropna() == s.max()).mean()),
    "order": lambda g, _: g.agg(lambda s: s.corr(pd.Series(s.index, s.index, dtype="float"))),
    "frozen": lambda g, _: g.agg(lambda s: (s != s.shift()).cumsum().value_counts().iloc[0] / len(s)),
    "days": lambda g, _: g.agg(lambda s: s.dt.normalize().nunique()),
    "span": lambda g, _: (g.max() - g.min()) / np.timedelta64(1, "D"),
    "daily": lambda g, _: g.agg(lambda s: len(s) / s.dt.normalize().nunique()),
}
OF_VALUES = {
    "missing": lambda s: s.isna(),
    "zeros": lambda s: s[s.notna()] == 0,
    "fractions": lambda s: s[s.notna()] % 1 != 0,
    "tens": lambda s: s[s.notna()] % 10 == 0,
    "negative": lambda s: s[s.notna()] < 0,
    "length": lambda s: s.dropna().str.len(),
    "hour": lambda s: s.dropna().dt.hour,
    "midnight": lambda s: s.dropna() == s.dropna().dt.normalize(),
}


def number(frame, by, column, name, named):
    """Return one number of a column in each partition."""
    kind, _, other = name.partition(" ")
    values = frame[column]
    keys = [frame[key] for key in by] or [pd.Series(0, frame.index)]  # a table without parts is one
    if kind in OF_GROUPS:
        return OF_GROUPS[kind](values.groupby(keys), other)
    if kind in OF_VALUES:
        made = OF_VALUES[kind](values)
        return made.groupby([key[made.index] for key in keys]).mean()
    if kind.startswith("q"):
        return values.groupby(keys).quantile(int(kind[1:]) / 100)
    if kind == "by":
        column, _, value = other.partition("=")
        inside = frame[column].astype("str") == value
        return values[inside].groupby([key[inside] for key in keys]).mean()
    if kind == "correlation":
        return frame.groupby(keys)[[values.name, other]].apply(lambda part: part.iloc[:, 0].corr(part.iloc[:, 1]))
    made = values.dropna()
    made = made.isin(pd.Series([other], dtype=made.dtype)) if kind == "share" else ~made.isin(pd.Series(named, dtype=made.dtype))
    return made.groupby([key[made.index] for key in keys]).mean()


MEASURED = {}
"""Of a column's two rules (one warns, one stops) the numbers are made once; emptied before each check."""


def outside(rule, frame):
    """Return how many partitions have a number that is not in its band."""
    named = [name.removeprefix("share ") for name in rule["bands"] if name.startswith("share ")]
    bad = 0
    for name, (low, high) in rule["bands"].items():
        key = (rule["table"], rule["columns"][0], name)
        if key not in MEASURED:
            MEASURED[key] = number(frame, rule["by"], rule["columns"][0], name, named)
        made = MEASURED[key]
        bad += int(((made < (-np.inf if low is None else low)) | (made > (np.inf if high is None else high))).sum())
    return bad


def of_table(rule, tables):
    """Return whether a rule about a whole table, or a relation in it, is kept; None where it is of another kind."""
    frame = tables[rule["table"]]
    if rule["kind"] == "distribution":
        return not outside(rule, frame)
    if rule["kind"] == "rows":
        sizes = frame.groupby(rule["by"]).size() if rule["by"] else pd.Series([len(frame)])
        sizes = 100 * sizes / sizes.shift().rolling(rule["previous"], min_periods=1).median() if rule["previous"] else sizes
        return bool((sizes.isna() | sizes.between(rule["low"] or 0, rule["high"] or 1e18)).all())
    if rule["kind"] == "custom":
        made = frame.groupby(rule["by"])[rule["columns"][0]].median()
        return bool(made.between(rule["low"], rule["high"]).all())
    if rule["kind"] == "columns":
        return set(frame.columns) == set(rule["names"])
    if rule["kind"] == "determined":
        *given, last = rule["columns"]
        return bool((frame.groupby(given)[last].transform("nunique") > 1).mean() <= rule["share"])
    if rule["kind"] == "relation":
        about = frame[rule["columns"]]
        kept = RELATIONS[rule["expression"]](frame) | about.isna().all(axis=1)
        return bool((~kept).mean() <= rule["share"])
    if rule["kind"] == "reference":
        table, column = rule["to"]
        return bool((frame[rule["columns"][0]].isin(tables[table][column]) | frame[rule["columns"][0]].isna()).all())
    return None
