"""The record of moves, and what can be read from it."""

from mlops.registry.journal import Entry, Move, before, conflict, entries, happened


def move(number, after, was=None, kind="promote", environment="production"):
    return Move(
        f"2026-11-24T02:00:{number:02}.000000Z", environment, was, after, "you@example.org", "run 7", "sha256:00", "sha256:11", kind
    )


def test_an_entry_is_the_same_after_a_way_through_a_tag():
    entry = Entry(move(1, 2, 1), done=False)
    assert entries([{entry.key: entry.text, "other": "tag"}]) == [entry]


def test_entries_of_all_versions_come_the_newest_first():
    tags = [{entry.key: entry.text} for entry in (Entry(move(n, n), done=True) for n in (1, 3, 2))]
    assert [entry.move.after for entry in entries(tags)] == [3, 2, 1]


def test_a_move_that_was_cut_short_happened_if_its_alias_had_moved():
    found = [Entry(move(2, 2, 1), done=False), Entry(move(1, 1), done=True)]
    assert [m.after for m in happened(found, {"production": 2})] == [2, 1]
    assert [m.after for m in happened(found, {"production": 1})] == [1]


def test_the_version_before_is_the_one_that_was_promoted_from():
    moves = [move(3, 3, 2), move(2, 2, 1), move(1, 1), move(4, 9, environment="staging")]
    assert before(moves, "production", 3, []) == 2
    assert before(moves, "production", 1, []) is None


def test_a_second_rollback_goes_further_back_and_not_to_where_the_first_came_from():
    moves = [move(4, 2, 3, "rollback"), move(3, 3, 2), move(2, 2, 1), move(1, 1)]
    assert before(moves, "production", 2, [3]) == 1


def test_a_rollback_after_an_old_version_was_promoted_by_hand_goes_to_what_it_replaced():
    moves = [move(4, 1, 3), move(3, 3, 2), move(2, 2, 1), move(1, 1)]
    assert before(moves, "production", 1, []) == 3


def test_a_version_that_was_taken_back_is_passed_over():
    moves = [move(3, 3, 2), move(2, 2, 1), move(1, 1)]
    assert before(moves, "production", 3, [2]) == 1


def test_two_versions_that_only_replaced_each_other_end_the_search():
    moves = [move(3, 1, 2), move(2, 2, 1)]
    assert before(moves, "production", 1, [2]) is None


def test_a_conflict_names_who_was_first_and_when():
    told = str(conflict([move(2, 2, 1)], "production", 2, 1))
    assert "production was v1 when this began, and is v2 now, moved by you@example.org at 2026-11-24T02:00:02Z" in told
