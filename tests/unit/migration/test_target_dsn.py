"""Connection strings: read without connecting, shown without secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.errors import DsnError
from migration.target.dsn import parse_dsn
from monitor.errors import ExitCode

SECRET = "hunter2-Zx9"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"postgresql://ada:{SECRET}@db.example:5433/shop", "postgresql://ada@db.example:5433/shop"),
        (f"postgres://ada:{SECRET}@db.example/shop?sslmode=require", "postgresql://ada@db.example/shop"),
        (f"host=db.example user=ada password={SECRET} dbname=shop", "postgresql://ada@db.example/shop"),
        (f"host=db.example password='{SECRET}' dbname='my shop'", "postgresql://db.example/my%20shop"),
        (
            f"postgresql:///shop?host=/run/pg&user=ada&password={SECRET}",
            "postgresql://ada@/shop?host=/run/pg",
        ),
        (
            f"host=/run/pg port=5433 password={SECRET} dbname=shop",
            "postgresql:///shop?host=/run/pg&port=5433",
        ),
        (f"postgresql://ada:{SECRET}@one:1,two:2/shop", "postgresql://ada@one:1,two:2/shop"),
        (f"postgresql://ada:{SECRET}@[::1]:5432/shop", "postgresql://ada@[::1]:5432/shop"),
        ("service=production", "service=production"),
        ("dbname=shop", "postgresql:///shop"),
    ],
)
def test_both_forms_are_read_and_shown_without_the_password(text: str, shown: str) -> None:
    dsn = parse_dsn(text)
    assert str(dsn) == shown
    assert SECRET not in f"{dsn} {dsn!r}"
    assert (SECRET in dsn.secrets.values()) == (SECRET in text)


def test_secrets_are_taken_out_of_messages() -> None:
    dsn = parse_dsn("postgresql://ada:p%40ss%2Fword@h/d")
    assert dsn.scrub("fatal: p@ss/word and p%40ss%2Fword") == "fatal: *** and ***"


@pytest.mark.parametrize(
    "text",
    [
        f"mysql://ada:{SECRET}@h/d",
        f"{SECRET}",
        f"/srv/{SECRET}.db",
        f"postgresql://ada:x/{SECRET}@h/d",  # libpq would take "ada" for the host
        f"postgresql://ada:x@{SECRET}@h/d",
        f"postgresql://ada:%zz{SECRET}@h/d",
        f"host=h password=a {SECRET} dbname=d",
        f"host=h {SECRET}=1",
        f"postgresql://h/d?{SECRET}=1",
        "",
    ],
)
def test_what_cannot_be_read_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(DsnError) as caught:
        parse_dsn(text)
    assert caught.value.exit_code is ExitCode.WRONG_USAGE
    assert caught.value.next_step
    assert SECRET not in f"{caught.value} {caught.value.__cause__} {caught.value.args}"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60))
def test_no_text_makes_the_reader_fail_otherwise(text: str) -> None:
    try:
        str(parse_dsn(f"postgresql://ada@h/{text}"))
        str(parse_dsn(text))
    except DsnError:
        pass
