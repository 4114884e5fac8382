"""Evidently: the tests that the data summary and data drift presets come with, against the reference."""

from evidently import Dataset, Report
from evidently.presets import DataDriftPreset, DataSummaryPreset

ROWS = 5000


def fit(reference, facts):
    rows = min(len(reference), ROWS)
    size = len(reference) // max(1, facts["reference_parts"])
    last = reference.tail(size)
    held = Dataset.from_pandas(last.sample(n=min(len(last), rows), random_state=0).reset_index(drop=True))

    def judge(frame):
        current = frame.sample(n=min(len(frame), rows), random_state=0).reset_index(drop=True) if len(frame) > rows else frame
        run = Report([DataSummaryPreset(), DataDriftPreset()], include_tests=True).run(Dataset.from_pandas(current), held)
        return {item["name"] for item in run.dict()["tests"] if str(item["status"]).lower().endswith("fail")}

    return judge
