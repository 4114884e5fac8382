"""pandera: the schema that `infer_schema` makes of the reference."""

import pandera.pandas as pa


def fit(reference, facts):
    schema = pa.infer_schema(reference)

    def judge(frame):
        try:
            schema.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as errors:
            cases = errors.failure_cases
            return {f"{row.column}: {row.check}" for row in cases[["column", "check"]].drop_duplicates().itertuples()}
        return set()

    return judge
