"""Write a large table of trips, a row group at a time: 24 months, a key of two columns, one bad city in 100,000."""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GROUP = 250_000
CITIES = np.array(["York", "Bath", "Wells", "Ely", "Lincoln", "Durham", "Truro", "Rome"])


def group(first: int, rows: int, months: int) -> pa.Table:
    """Return rows from the number `first` on; they come in order of time, as trips do."""
    random = np.random.default_rng(first)
    number = np.arange(first, first + rows)
    month = number * months // TOTAL
    city = np.where(random.random(rows) < 1e-5, 7, random.integers(0, 7, rows))
    return pa.table(
        {
            "year": 2024 + month // 12,
            "month": 1 + month % 12,
            "id": number,
            "city": pa.array(CITIES[city]),
            "miles": np.round(random.gamma(2.0, 5.0, rows), 2).clip(0, 500),
            "fare": pa.array(np.round(random.gamma(2.0, 9.0, rows), 2), mask=random.random(rows) < 0.01),
            "seats": random.integers(1, 9, rows),
            "at": pa.array(np.datetime64("2024-01-01", "us") + (number * 3).astype("timedelta64[s]"), pa.timestamp("us")),
        }
    )


TOTAL = int(sys.argv[2])
with pq.ParquetWriter(sys.argv[1], group(0, 1, 24).schema, compression="zstd") as writer:
    for start in range(0, TOTAL, GROUP):
        writer.write_table(group(start, min(GROUP, TOTAL - start), 24))
