"""Times that are not when it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.contract.faults.fault import Case, Family, time

if TYPE_CHECKING:
    import pandas as pd

times = Family("times")
ZONES = "https://pandas.pydata.org/docs/user_guide/timeseries.html#time-zone-handling"
EXCEL = "https://learn.microsoft.com/en-us/office/troubleshoot/excel/1900-and-1904-date-system"


@times.fault(ZONES, of=time)
def local_time_for_utc(case: Case) -> pd.DataFrame:
    """Local time was written as if it were UTC: five hours early."""
    return case.put(case.given - _hours(5))


@times.fault("https://en.wikipedia.org/wiki/Daylight_saving_time", of=time, share=0.5)
def summer_time_applied_twice(case: Case) -> pd.DataFrame:
    """From a day on, times are one hour late."""
    return case.put(case.given.where(case.given < case.given.median(), case.given + _hours(1)))


@times.fault("https://github.com/pandas-dev/pandas/issues/12585", of=time)
def day_and_month_exchanged(case: Case) -> pd.DataFrame:
    """Day and month were exchanged wherever that gives a date."""
    import pandas as pd

    old = case.given.dt
    parts = {"year": old.year, "month": old.day.clip(upper=12), "day": old.month, "hour": old.hour, "minute": old.minute}
    made = pd.to_datetime(pd.DataFrame(parts), errors="coerce").dt.tz_localize(case.given.dt.tz)
    return case.put(made.astype(case.given.dtype), (old.day <= 12) & made.notna())


@times.fault("https://www.tensorflow.org/tfx/guide/tfdv", of=time, share=0.02)
def times_in_the_future(case: Case) -> pd.DataFrame:
    """Some rows are a year ahead, after the day they were delivered."""
    return case.put(case.given.mask(case.some(0.02), case.given + _hours(24 * 365)))


@times.fault(EXCEL, of=time)
def four_years_and_a_day_off(case: Case) -> pd.DataFrame:
    """Dates counted from 1904 were read as counted from 1900: 1,462 days early."""
    return case.put(case.given - _hours(24 * 1462))


@times.fault("https://learn.microsoft.com/en-us/sql/t-sql/data-types/datetime-transact-sql", of=time, share=0.05)
def year_1900_for_missing(case: Case) -> pd.DataFrame:
    """1900-01-01 stands for missing."""
    return case.put(case.given.mask(case.some(0.05), _moment(case, "1900-01-01")))


@times.fault("https://en.wikipedia.org/wiki/Unix_time", of=time, share=0.05)
def epoch_for_missing(case: Case) -> pd.DataFrame:
    """1970-01-01, which is nought to a computer, stands for missing."""
    return case.put(case.given.mask(case.some(0.05), _moment(case, "1970-01-01")))


@times.fault("https://pandas.pydata.org/docs/reference/api/pandas.to_datetime.html", of=time)
def seconds_read_as_milliseconds(case: Case) -> pd.DataFrame:
    """Seconds since 1970 were read as milliseconds: all is in January 1970."""
    import pandas as pd

    zero = _moment(case, "1970-01-01")
    return case.put((zero + (case.given - zero) / 1000).astype(case.given.dtype).where(case.given.notna(), pd.NaT))


@times.fault("https://en.wikipedia.org/wiki/Year_2000_problem", of=time, share=0.1)
def another_century(case: Case) -> pd.DataFrame:
    """A year of two digits was put into the century before, in a tenth of the rows."""
    return case.put(case.given.mask(case.some(0.1), case.given - _hours(24 * 36525)))


@times.fault("https://docs.getdbt.com/reference/resource-properties/freshness", of=time)
def stamped_when_loaded(case: Case) -> pd.DataFrame:
    """Every row has the time of its loading instead of its own."""
    return case.put(case.given.where(case.given.isna(), case.given.max()))


@times.fault("https://beam.apache.org/documentation/programming-guide/#watermarks-and-late-data", of=time, share=0.1)
def late_rows(case: Case) -> pd.DataFrame:
    """A tenth of the rows belong to the month before."""
    return case.put(case.given.mask(case.some(0.1), case.given - _hours(24 * 30)))


@times.fault("https://pandas.pydata.org/docs/user_guide/timeseries.html", of=time)
def cut_to_the_month(case: Case) -> pd.DataFrame:
    """Of each time only year and month are left."""
    return case.put(case.given.dt.normalize() - _days(case.given.dt.day - 1))


@times.fault("https://framework.frictionlessdata.io/docs/fields/date.html", of=time, share=0.01)
def days_that_there_are_not(case: Case) -> pd.DataFrame:
    """Some dates are the 30th of February."""
    return case.put(case.given.astype("str").mask(case.some(0.01), "2013-02-30 05:00:00"))


@times.fault("https://github.com/pandas-dev/pandas/issues/3341", of=time)
def another_form_of_date(case: Case) -> pd.DataFrame:
    """Dates came as 31/08/2013 05:00."""
    return case.put(case.given.dt.strftime("%d/%m/%Y %H:%M"))


@times.fault(EXCEL, of=time)
def serial_numbers_for_dates(case: Case) -> pd.DataFrame:
    """Dates came as a spreadsheet counts them, in days since 1900."""
    return case.put(((case.given - _moment(case, "1899-12-30")) / _hours(24)).astype("object"))


@times.fault("https://docs.getdbt.com/reference/resource-properties/freshness", of=time)
def nothing_from_the_last_days(case: Case) -> pd.DataFrame:
    """The feed stopped: the last tenth of the time is not there."""
    return case.rows[(case.given <= case.given.quantile(0.9)) | case.given.isna()]


def _hours(count: float) -> pd.Timedelta:
    import pandas as pd

    return pd.Timedelta(hours=count)


def _days(count: pd.Series) -> pd.Series:
    import pandas as pd

    return pd.to_timedelta(count, unit="D")


def _moment(case: Case, text: str) -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp(text, tz=case.given.dt.tz)
