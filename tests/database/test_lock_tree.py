"""The lock tree as a pure function of who waits for whom."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.database.lock_tree import LockTree

WAITS = st.dictionaries(st.integers(1, 12), st.sets(st.integers(0, 12), min_size=1, max_size=3), max_size=12)


def test_a_chain_follows_its_root() -> None:
    tree = LockTree.of([(2, [1]), (3, [2]), (4, [3]), (5, [2])])
    assert (tree.roots(), tree.waiters(1), tree.depth(1)) == ((1,), (2, 3, 5, 4), 3)
    release = tree.without(1)
    assert (release.at_once, release.following, release.staying) == ((2,), (3, 5, 4), {})


def test_who_has_another_root_stays_behind_it() -> None:
    tree = LockTree.of([(2, [1]), (3, [1, 9]), (4, [3])])
    release = tree.without(1)
    assert (release.at_once, release.staying) == ((2,), {3: 9, 4: 9})


def test_a_queue_for_one_row_is_as_deep_as_it_is_long() -> None:
    tree = LockTree.of([(2, [1]), (3, [1, 2]), (4, [1, 2, 3])])
    assert (tree.depth(1), tree.direct(1)) == (3, (2, 3, 4))


def test_a_deadlock_has_no_root_and_no_end() -> None:
    tree = LockTree.of([(1, [2]), (2, [1]), (3, [1])])
    assert tree.roots() == ()
    assert tree.depth(1) >= 1
    assert set(tree.without(1).freed) <= {2, 3}


@given(WAITS)
def test_everyone_behind_is_freed_or_stays_and_nobody_else_moves(waits: dict[int, set[int]]) -> None:
    tree = LockTree.of(waits.items())
    for pid in {*waits, *(ahead for those in waits.values() for ahead in those)}:
        release = tree.without(pid)
        parts = [*release.at_once, *release.following, *release.staying]
        assert sorted(parts) == sorted(tree.waiters(pid))
        assert pid not in parts
        for waiter in release.at_once:
            assert tree.blockers[waiter] == {pid}
        for blocker in release.staying.values():
            assert blocker not in tree.blockers and blocker != pid


@given(WAITS)
def test_a_waiter_has_a_root_unless_all_ahead_of_it_wait_in_a_ring(waits: dict[int, set[int]]) -> None:
    tree = LockTree.of(waits.items())
    reached = {waiter for root in tree.roots() for waiter in tree.waiters(root)}
    for waiter in tree.blockers:
        ahead, edge = set[int](), {waiter}
        while edge:
            ahead |= edge
            edge = {other for one in edge for other in tree.blockers.get(one, ())} - ahead
        assert (waiter in reached) == bool(ahead - tree.blockers.keys())
