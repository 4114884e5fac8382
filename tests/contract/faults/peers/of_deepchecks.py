"""deepchecks: its suites `data_integrity` and `train_test_validation`, with the conditions that they come with, against the reference."""

from deepchecks.tabular import Dataset
from deepchecks.tabular.suites import data_integrity, train_test_validation

ROWS = 3000


def fit(reference, facts):
    label = facts["target"] or None

    def dataset(frame):
        categories = [name for name in facts["categories"] if name in frame and name != label]
        return Dataset(frame.sample(n=min(len(frame), ROWS), random_state=0), label=label, cat_features=categories, datetime_name=None)

    held = dataset(reference)

    def judge(frame):
        current = dataset(frame)
        results = [
            *data_integrity().run(current).get_not_passed_checks(),
            *train_test_validation().run(held, current).get_not_passed_checks(),
        ]
        return {item.get_header() for item in results if any(str(c.category) == "ConditionCategory.FAIL" for c in item.conditions_results)}

    return judge
