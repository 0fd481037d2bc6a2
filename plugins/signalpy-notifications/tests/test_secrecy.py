"""What a URL holds is kept out of texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_notifications.secrecy import scheme_of, without_secrets


@pytest.mark.parametrize(
    ("url", "scheme"),
    [("mailtos://x", "mailtos"), ("JSON://h", "json"), ("no url", None), ("", None), ("://x", None), ("1x://h", None)],
)
def test_the_scheme_names_the_service(url: str, scheme: str | None) -> None:
    """The scheme is told in lower case, and nothing of what is no URL."""
    assert scheme == scheme_of(url)


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        (
            "mailtos://anna:s3cret@mail.example.com:2525?to=ops@example.com",
            ["anna", "S3CRET", "mail.example.com", "2525"],
        ),
        ("tgram://123456789:ABC_def/@chat/", ["123456789", "abc_DEF", "@chat"]),
        ("json://host/path?%2Btoken=s3cret%20word&x=%40home", ["s3cret word", "s3cret%20word", "@home", "path"]),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnl/#general", ["T1JJ3T3L2", "TIiajkdnl", "general"]),
    ],
)
def test_every_part_of_a_url_is_masked(url: str, secrets: list[str]) -> None:
    """Password, token and host are masked wherever they appear, decoded or not, in any case of letters, on one line."""
    told = without_secrets(f"cannot use {url}:\n{' and '.join(secrets)}", url)
    assert "\n" not in told
    assert told.startswith("cannot use ")
    assert not [secret for secret in secrets if secret.lower() in told.lower()]


def test_what_is_no_part_stays() -> None:
    """The reason itself is left readable."""
    told = without_secrets("Connection refused by 127.0.0.1", "mailto://anna:p4ss@127.0.0.1?to=ops@example.com")
    assert "Connection refused by ***" == told


def test_a_short_part_is_masked_where_it_stands_alone() -> None:
    """A part of few characters is masked as a word, and leaves other words readable."""
    assert "*** is no password for about ***" == without_secrets("pw is no password for about ab", "svc://ab:pw@h")


SAFE = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/?#@:&=%+;[]*")
PARTS = st.text(SAFE, min_size=4, max_size=12)


@given(st.tuples(PARTS, PARTS, PARTS, PARTS, PARTS), st.text(max_size=20))
def test_no_part_of_any_url_survives(parts: tuple[str, ...], around: str) -> None:
    """Whatever the parts are, none is left in the text."""
    user, password, host, path, value = parts
    url = f"svc://{user}:{password}@{host}/{path}?={value}"
    told = without_secrets(f"{around} {password} {around} {host}/{path}?={value} {user}", url).replace("***", " ")
    assert not [part for part in parts if part.lower() in told.lower()]
