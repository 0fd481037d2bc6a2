"""Repeats are known among the latest keys."""

from signalpy_notifications.repeats import Recent


def test_a_key_counts_once() -> None:
    """A key is new once, and again after it was discarded."""
    recent = Recent(10)
    assert [True, False, True] == [recent.add("a"), recent.add("a"), recent.add("b")]
    recent.discard("a")
    assert recent.add("a")


def test_the_oldest_key_is_forgotten_first() -> None:
    """However many keys come, no more than the size are kept."""
    recent = Recent(2)
    for key in "abc":
        recent.add(key)
    assert "<Recent(2 of 2)>" == repr(recent)
    assert [False, False, True] == [recent.add("b"), recent.add("c"), recent.add("a")]
