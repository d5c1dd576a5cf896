"""A SQLAlchemy application moves: Alembic finds nothing to change, and the models read the same rows."""

from __future__ import annotations

import enum
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Base(DeclarativeBase):
    pass


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Account(Base):
    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(120), unique=True)
    name: Mapped[str | None] = mapped_column(sa.String, index=True)
    about: Mapped[str | None] = mapped_column(sa.Text)
    active: Mapped[bool] = mapped_column(sa.Boolean(create_constraint=True), server_default=sa.true())
    shown: Mapped[bool | None]
    small: Mapped[int | None] = mapped_column(sa.SmallInteger)
    big: Mapped[int | None] = mapped_column(sa.BigInteger)
    weight: Mapped[float | None]
    exact: Mapped[float | None] = mapped_column(sa.Double)
    price: Mapped[Decimal | None] = mapped_column(sa.Numeric(10, 2))
    ratio: Mapped[Decimal | None] = mapped_column(sa.Numeric)
    made: Mapped[datetime] = mapped_column(sa.DateTime, server_default=sa.func.now())
    born: Mapped[date | None]
    wakes: Mapped[time | None]
    waits: Mapped[timedelta | None]
    settings: Mapped[Any] = mapped_column(sa.JSON)
    photo: Mapped[bytes | None]
    token: Mapped[UUID | None]
    colour: Mapped[Colour | None] = mapped_column(sa.Enum(Colour, create_constraint=True))
    pickled: Mapped[Any] = mapped_column(sa.PickleType)
    lines: Mapped[int] = mapped_column(sa.Integer, server_default="5")
    items: Mapped[list[Item]] = relationship(order_by="Item.id")
    __table_args__ = (
        sa.CheckConstraint("lines > 0", name="account_has_lines"),
        sa.Index("account_by_price", sa.desc("price")),
        sa.Index(
            "account_active_name",
            "name",
            unique=True,
            sqlite_where=sa.text("small > 3"),
            postgresql_where=sa.text("small > 3"),
        ),
    )


class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    account_id: Mapped[int] = mapped_column(sa.ForeignKey("account.id", ondelete="CASCADE"))
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("item.id", deferrable=True))
    title: Mapped[str] = mapped_column(sa.String(30))
    colour: Mapped[Colour | None] = mapped_column(sa.Enum(Colour, create_constraint=True))
    paint: Mapped[Colour | None] = mapped_column(sa.Enum(Colour, native_enum=False))
    __table_args__ = (sa.UniqueConstraint("account_id", "title", name="one_title"),)


class Special(Account):
    """Joined inheritance: the key is a reference, and no sequence fills it."""

    __tablename__ = "special"
    id: Mapped[int] = mapped_column(sa.ForeignKey("account.id"), primary_key=True)
    reason: Mapped[str]


def fill(session: Session) -> None:
    for n in range(12):
        kind = Special if n == 5 else Account
        extra = {"reason": "é𝄞"} if n == 5 else {}
        session.add(
            kind(
                email=f"u{n}@example.org", name=f"n{n}", about="long\ttext" if n % 2 else None,
                active=n % 2 == 0, shown=[True, False, None][n % 3], small=n, big=2**62 + n, weight=n / 3,
                exact=-0.0 if n else 1e300, price=Decimal(n * 101) / 100, ratio=Decimal(n) / 8,
                made=datetime(2024, 1, 1 + n, 12, 30, 0, n * 1001, tzinfo=UTC).replace(tzinfo=None),
                born=date(1990, 5, 1 + n), wakes=time(6, n, 0, n * 10),
                waits=timedelta(days=n - 3, microseconds=n),
                settings={"n": [n, 1.5, None], "k": "\u00e9"} if n else None, photo=bytes(range(n)),
                token=UUID(int=n + 2**120), colour=Colour.RED if n % 2 else Colour.GREEN, pickled={"n": n},
                items=[Item(id=n * 10 + m, title=f"t{m}", paint=Colour.RED) for m in range(2)], **extra,
            )
        )  # fmt: skip


def everything(session: Session) -> list[Any]:
    """Every attribute of every object."""
    found: list[Any] = []
    for model in (Account, Special, Item):
        names = [column.key for column in sa.inspect(model).column_attrs]
        objects = session.scalars(sa.select(model).order_by(model.id))
        found += [[type(item).__name__, *((name, getattr(item, name)) for name in names)] for item in objects]
    return found


@pytest.fixture
def application(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        fill(session)
        session.commit()
    engine.dispose()
    return path


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    parts = conninfo_to_dict(database)
    url = sa.URL.create("postgresql+psycopg", username=str(parts["user"]), database=str(parts["dbname"]))
    engine = sa.create_engine(url, connect_args={key: parts[key] for key in ("host", "port") if key in parts})
    yield engine
    engine.dispose()


def test_alembic_finds_nothing_to_change_and_the_models_read_the_same(
    application: Path, database: str, engine: sa.Engine, outgrow: Callable[..., Any]
) -> None:
    source = sa.create_engine(f"sqlite:///{application}")
    with closing(source.connect()) as connection, Session(connection) as session:
        before = everything(session)
    source.dispose()
    done = outgrow("migrate", "run", application, database)
    assert done.code == 0, done.out + done.err
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []
    with Session(engine) as session:
        assert everything(session) == before
        session.add(Account(email="new@example.org", settings=[], pickled=[], items=[Item(title="new")]))
        session.commit()
        made = session.scalars(sa.select(Account).where(Account.email == "new@example.org")).one()
        assert (made.id, made.active, made.lines, made.items[0].id) == (13, True, 5, 112)
        assert session.scalars(sa.select(Account).where(Account.waits > timedelta(days=7))).all()
        assert session.scalars(sa.select(Account).where(Account.colour == Colour.RED)).all()
