"""Features: what is known about a flight at its scheduled departure. The same code makes them for training and for batch scoring."""

import argparse
import sys
from pathlib import Path

import pandas as pd

from counts import of, tell


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flights", type=Path, required=True, help="folder with flights.parquet: the flights to make features for")
    parser.add_argument("--tables", type=Path, required=True, help="folder with flights (the whole schedule), weather and planes")
    parser.add_argument("--features", required=True, help="feature columns to write, comma-separated, in the model's order")
    parser.add_argument("--keys", required=True, help="columns that name a row, comma-separated: written beside the features")
    parser.add_argument("--also", required=True, help="more columns to write: for the split, the baseline, the slices")
    parser.add_argument("--weather", required=True, help="columns of the weather table that are joined, comma-separated")
    parser.add_argument("--target", required=True, help="the target: written where the flights have it")
    parser.add_argument("--leakage", required=True, help="columns known only after departure, comma-separated: refused as features")
    parser.add_argument("--table", type=Path, required=True, help="Parquet file to write")
    args = parser.parse_args(argv)

    features, weather = args.features.split(","), args.weather.split(",")
    refuse(features, args.leakage.split(","), args.target)
    flights = pd.read_parquet(args.flights / "flights.parquet")
    schedule, hours, planes = (pd.read_parquet(args.tables / f"{name}.parquet") for name in ("flights", "weather", "planes"))
    table = make(flights, schedule, hours[["origin", "time_hour", *weather]], planes)
    target = [args.target] if args.target in table else []
    wanted = list(dict.fromkeys([*features, *args.keys.split(","), *args.also.split(","), *target]))
    unknown = [name for name in wanted if name not in table]
    if unknown:
        sys.exit(f"features: there is no column {', '.join(unknown)}. There are: {', '.join(sorted(table))}.")
    table[wanted].to_parquet(args.table, index=False, compression="zstd")
    print(f"{len(flights):,} rows in, {len(table):,} out; {len(flights.columns)} columns in, {len(wanted)} out")
    print(f"{table[weather].notna().any(axis=1).mean():.1%} with weather, {table['seats'].notna().mean():.1%} with a plane")
    tell("features", **of(flights, table[wanted]))
    print(f"{len(features)} features, {len(table):,} rows")


def refuse(features, leakage, target):
    """A feature that holds the answer makes a model that shines in tests and is worthless in use."""
    used = [name for name in features if name in leakage or name == target]
    if used:
        sys.exit(
            f"features: {', '.join(used)} cannot be a feature: it is known only after departure (the contract lists it as leakage), and "
            "the question is asked before. Take it out of `features` in the pipeline."
        )


def make(flights, schedule, weather, planes):
    """Return one row per flight, in the order of `flights`, with every feature that this project knows."""
    date = pd.to_datetime(flights[["year", "month", "day"]])
    load = schedule.groupby(["origin", "time_hour"]).size().rename("hour_load").reset_index()
    planes = planes[["tailnum", "seats", "year"]].rename(columns={"year": "built"})
    try:
        table = (
            flights.assign(
                date=date.dt.strftime("%Y-%m-%d"),
                month=date.dt.strftime("%Y-%m"),
                weekday=date.dt.day_of_week,
                minute_of_day=minutes(flights["sched_dep_time"]),
                sched_arr=minutes(flights["sched_arr_time"]),
            )
            .merge(load, on=["origin", "time_hour"], how="left", validate="many_to_one")
            .merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
            .merge(planes, on="tailnum", how="left", validate="many_to_one")
        )
    except pd.errors.MergeError as error:
        sys.exit(f"features: joining would make one flight several rows: {error}. Mend the keys of that table.")
    return table.assign(age=table["year"] - table["built"])


def minutes(clock):
    """Return minutes after midnight of a clock time that is written as a number: 515 is 05:15."""
    return clock // 100 * 60 + clock % 100


if __name__ == "__main__":
    main()
