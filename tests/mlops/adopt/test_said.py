"""What adopting says on the screen."""

from mlops.verbs.adopt import _scores, described


def test_a_decision_is_told_though_a_column_is_called_as_it(plan, base):
    found = plan(base.assign(time=range(1_000, 3_000, 10)), time="time")
    assert "time          time               given" in described(found)


def test_a_long_name_and_its_role_stand_apart(plan, base):
    found = plan(base.assign(customer_number_long_id=range(1, 201)))
    assert "customer_number_long_id identifier:" in described(found)


def test_scores_are_told_as_people_read_them():
    assert _scores({"trees": -0.0808, "linear": -0.0482}, "neg_log_loss") == "trees 0.0808, linear 0.0482 (log loss)"
    assert _scores({"trees": 0.9}, "roc_auc") == "trees 0.9 (roc auc)"
