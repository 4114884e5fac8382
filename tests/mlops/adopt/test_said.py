"""What adopting says on the screen."""

from mlops.verbs.adopt import described


def test_a_decision_is_told_though_a_column_is_called_as_it(plan, base):
    found = plan(base.assign(time=range(1_000, 3_000, 10)), time="time")
    assert "time          time               given" in described(found)


def test_a_long_name_and_its_role_stand_apart(plan, base):
    found = plan(base.assign(customer_number_long_id=range(1, 201)))
    assert "customer_number_long_id identifier:" in described(found)
