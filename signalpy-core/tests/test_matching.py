"""Names and patterns: the same answers as ``fnmatch``, however the names are looked up."""

import fnmatch

from hypothesis import example, given
from hypothesis import strategies as st

from signalpy.matching import (
    PatternIndex,
    did_you_mean,
    is_pattern,
    literal_length,
    matches,
    matches_any,
    nearest,
)

# Few letters, so that names and patterns meet; every character that means something to fnmatch or to re.
NAMES = st.text(st.sampled_from("ab.é\n[]!-^\\|&~$") | st.characters(), max_size=6)
PIECES = st.sampled_from(
    ["*", "?", "**", "[ab]", "[!a]", "[]", "[!]", "[]a]", "[^a]", "[b-a]", "[a-b", "a", "b", ".", "\n"]
)
PATTERNS = st.lists(PIECES | NAMES, max_size=5).map("".join)
KIN = st.tuples(NAMES, PATTERNS) | NAMES.flatmap(
    lambda name: st.tuples(st.just(name), st.integers(0, len(name)).map(lambda cut: name[:cut] + "*"))
)


@given(KIN)
@example(("a\n", "a"))
@example(("a\n", "a*"))
@example(("account.a.b", "account.*"))
@example(("Account.a", "account.*"))
@example(("[", "[[]"))
def test_a_pattern_matches_what_fnmatch_says(pair: tuple[str, str]) -> None:
    """``matches`` agrees with ``fnmatch.fnmatchcase`` on any name and any pattern, newlines and sets included."""
    name, pattern = pair
    assert fnmatch.fnmatchcase(name, pattern) is matches(name, pattern)


@given(NAMES, st.lists(PATTERNS | NAMES, max_size=12))
def test_an_index_finds_what_trying_every_pattern_finds(name: str, patterns: list[str]) -> None:
    """The index gives every value whose pattern matches, equal patterns included, in the order of filing."""
    patterns = [*patterns, name, name[:1] + "*", name]
    index = PatternIndex((pattern, place) for place, pattern in enumerate(patterns))
    expected = tuple(place for place, pattern in enumerate(patterns) if fnmatch.fnmatchcase(name, pattern))
    assert expected == index.find(name)
    assert expected == index.find(name), "the second look-up is as good as the first"


@given(st.text("ab.", max_size=5), st.lists(st.text("ab.", max_size=4).map(lambda prefix: prefix + "*"), max_size=20))
def test_of_prefixes_within_prefixes_all_that_fit_are_found(name: str, patterns: list[str]) -> None:
    """Prefixes that begin with one another, and neighbours that only begin alike, are told apart."""
    index = PatternIndex((pattern, place) for place, pattern in enumerate(patterns))
    assert tuple(place for place, pattern in enumerate(patterns) if name.startswith(pattern[:-1])) == index.find(name)


def test_names_with_the_same_subscribers_share_the_answer() -> None:
    """However many names there are, what they lead to is there once."""
    index = PatternIndex((("account.*", 1), ("*", 2), ("other.*", 3)))
    assert (1, 2) == index.find("account.a")
    assert index.find("account.a") is index.find("account.b")


@given(NAMES, st.lists(PATTERNS, max_size=6))
def test_the_first_pattern_that_matches_is_told(name: str, patterns: list[str]) -> None:
    """``matches_any`` gives the first matching pattern itself, or ``None``."""
    expected = next((pattern for pattern in patterns if fnmatch.fnmatchcase(name, pattern)), None)
    assert expected == matches_any(name, patterns)


@given(NAMES)
def test_a_name_without_wildcards_matches_only_itself(name: str) -> None:
    """What ``is_pattern`` calls no pattern is matched by nothing but itself."""
    if not is_pattern(name):
        assert matches(name, name)
        assert not matches(name + "x", name)


def _literals(pattern: str) -> int:
    """How many characters stand for themselves, by the grammar in the documentation of ``fnmatch``."""
    count, here = 0, 0
    while here < len(pattern):
        if pattern[here] == "[":
            start = here + 2 if pattern[here + 1 : here + 2] == "!" else here + 1
            end = pattern.find("]", start + 1)
            if end > start:
                here = end + 1
                continue
        count += pattern[here] not in "*?"
        here += 1
    return count


@given(PATTERNS)
@example("[]")
@example("[!]")
@example("a[b")
@example("[]]x")
@example("[!]]x")
def test_literal_characters_are_those_outside_of_wildcards_and_sets(pattern: str) -> None:
    """A set counts as none, and a bracket that nothing closes is a character like any other."""
    assert _literals(pattern) == literal_length(pattern)


def test_near_names_come_closest_first() -> None:
    """Only names that look alike are offered, at most as many as asked for."""
    known = ["accounts.transfer", "accounts.transfers", "accounts.balance", "notifications.send"]
    assert ["accounts.transfer", "accounts.transfers"] == nearest("acounts.transfer", known, most=2)
    assert [] == nearest("zzz", known)


def test_a_hint_offers_near_names_or_nothing() -> None:
    """The hint is a sentence to be put behind a message; without a near name there is none."""
    assert " Did you mean 'audit'?" == did_you_mean("audt", ["audit", "require_actor"])
    assert " Did you mean 'abcdx' or 'abcxx'?" == did_you_mean("abcde", ["abcxx", "abcdx", "zzz"])
    assert "" == did_you_mean("quux", ["audit"])
