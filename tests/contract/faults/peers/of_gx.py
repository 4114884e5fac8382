"""Great Expectations 1.x with the plainest profile: from the reference its columns, types, least and greatest values, sets, and what is never missing.

The assistants that profiled data (OnboardingDataAssistant) are gone in 1.x; this is what their first page of results said.
"""

import great_expectations as gx
import pandas as pd

FEW = 20


def fit(reference, facts):
    e = gx.expectations
    made = [e.ExpectTableColumnsToMatchSet(column_set=list(reference.columns), exact_match=True)]
    size = len(reference) / max(1, facts["reference_parts"])
    made.append(e.ExpectTableRowCountToBeBetween(min_value=int(size * 0.5), max_value=int(size * 2)))
    for name in reference:
        column = reference[name]
        made.append(e.ExpectColumnValuesToBeOfType(column=name, type_=column.dtype.name))
        if column.notna().all():
            made.append(e.ExpectColumnValuesToNotBeNull(column=name))
        if pd.api.types.is_numeric_dtype(column) and column.notna().any():
            made.append(e.ExpectColumnValuesToBeBetween(column=name, min_value=float(column.min()), max_value=float(column.max())))
        elif column.nunique() <= FEW:
            made.append(e.ExpectColumnValuesToBeInSet(column=name, value_set=sorted(map(str, column.dropna().unique()))))
        if column.is_unique and column.notna().all():
            made.append(e.ExpectColumnValuesToBeUnique(column=name))
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("all")
    suite = gx.ExpectationSuite(name="profile", expectations=made)

    def judge(frame):
        result = asset.get_batch({"dataframe": frame}).validate(suite, result_format="BOOLEAN_ONLY").to_json_dict()
        broken = [entry["expectation_config"] for entry in result["results"] if not entry["success"]]
        return {f"{item['kwargs'].get('column', 'table')}: {item['type']}" for item in broken}

    return judge
