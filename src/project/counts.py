"""What went into a part of the preparation and what came out, as one line of the step's log: it is read there, shown on the run's page and logged
to MLflow as metrics of the step (rows_in, rows_out, columns_in, columns_out, and what else is counted)."""


def tell(part, table="", **counts):
    """Print the line: `counts clean rows_in=336775 rows_out=327345 columns_in=19 columns_out=15`."""
    print("counts", part, *([table] if table else []), *(f"{name}={int(value)}" for name, value in counts.items()))


def of(before, after):
    """Return rows and columns of two tables, for `tell`."""
    return {
        "rows_in": len(before),
        "rows_out": len(after),
        "columns_in": len(before.columns),
        "columns_out": len(after.columns),
    }
