"""A Django project moves: Django finds nothing to do on PostgreSQL, and reads the same rows there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from infra.local_postgres import LocalPostgres

MODELS = """
import uuid

from django.contrib.auth.models import User
from django.db import models
from django.db.models.functions import Lower, Now


class Label(models.Model):
    name = models.CharField(max_length=40, unique=True)


class Country(models.Model):
    code = models.CharField(max_length=2, primary_key=True)
    name = models.TextField(unique=True)


class Customer(models.Model):
    class Tier(models.TextChoices):
        PLAIN = "p", "plain"
        GOLD = "g", "gold"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField()
    slug = models.SlugField(max_length=60)
    tier = models.CharField(max_length=1, choices=Tier, default=Tier.PLAIN)
    active = models.BooleanField(default=True)
    seen_from = models.GenericIPAddressField(null=True)
    born = models.DateField(null=True)
    wakes = models.TimeField(null=True)
    joined = models.DateTimeField(db_index=True)
    settings = models.JSONField(default=dict)
    country = models.ForeignKey(Country, models.PROTECT, null=True)
    user = models.OneToOneField(User, models.CASCADE, null=True)
    labels = models.ManyToManyField(Label)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="customer_email_any_case"),
            models.UniqueConstraint(
                fields=["slug"], condition=models.Q(active=True), name="customer_active_slug"
            ),
        ]
        indexes = [models.Index(fields=["-joined", "tier"])]


class Purchase(models.Model):
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="purchases")
    number = models.BigIntegerField()
    total = models.DecimalField(max_digits=10, decimal_places=2)
    quantity = models.PositiveIntegerField()
    weight = models.FloatField(null=True)
    rank = models.SmallIntegerField(default=0)
    pages = models.PositiveSmallIntegerField(null=True)
    sent = models.PositiveBigIntegerField(null=True)
    duration = models.DurationField()
    receipt = models.BinaryField(null=True)
    note = models.TextField(blank=True, db_index=True)
    placed = models.DateTimeField(db_default=Now())
    double = models.GeneratedField(
        expression=models.F("quantity") * 2, output_field=models.IntegerField(), db_persist=True
    )
    previous = models.ForeignKey("self", models.SET_NULL, null=True)

    class Meta:
        unique_together = [("customer", "number")]
        constraints = [
            models.CheckConstraint(condition=models.Q(total__gte=0), name="purchase_total_not_negative"),
            models.UniqueConstraint(fields=["customer", "placed"], name="purchase_once_at_a_time"),
        ]


class LineOfAPurchaseWhoseTableHasANameThatIsVeryLong(models.Model):
    purchase_that_this_line_is_a_part_of = models.ForeignKey(Purchase, models.CASCADE)
    number = models.IntegerField(db_index=True)
"""

SETTINGS = """
import os

SECRET_KEY = "for a test"
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "shop",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
if "DSN" in os.environ:
    from psycopg.conninfo import conninfo_to_dict

    options = conninfo_to_dict(os.environ["DSN"])
    DATABASES["default"] = {"ENGINE": "django.db.backends.postgresql", "NAME": options.pop("dbname")} | {
        name.upper(): options.pop(name) for name in ("user", "password", "host", "port") if name in options
    }
"""

WORK = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"

import django
django.setup()

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from django.contrib.auth.models import User
from django.core.management import call_command
from shop.models import *


def make():
    call_command("makemigrations", "shop", verbosity=0)
    migrate()
    user = User.objects.create_user("ada", "ada@example.org", "secret")
    labels = [Label.objects.create(name=f"label {n}") for n in range(3)]
    france = Country.objects.create(code="FR", name="France")
    for n in range(20):
        customer = Customer.objects.create(
            id=uuid.UUID(int=n + 2**100), email=f"C{n}@example.org", slug=f"c-{n}", active=n % 2 == 0,
            tier=Customer.Tier.GOLD if n % 3 else Customer.Tier.PLAIN,
            seen_from=[None, "192.0.2.7", "2001:db8::1"][n % 3], born=date(1990, 1, 1 + n),
            wakes=time(6, n, 0, 250_000 * (n % 2)), country=france if n % 4 else None,
            joined=datetime(2024, 3, 1 + n, 12, n, 0, 1000 * n, tzinfo=timezone.utc),
            settings={"theme": "dark", "n": [n, 1.50, None, True, "\\u00e9\\U0001d11e"], "b": {"a": 1e20}},
            user=user if n == 0 else None,
        )
        customer.labels.set(labels[: n % 3])
        previous = None
        for m in range(3):
            previous = Purchase.objects.create(
                customer=customer, number=m + 2**40, total=Decimal(n * 100 + m) / 100, quantity=m,
                weight=n / 3 if m else None, rank=-m, pages=m, sent=2**62 + m,
                duration=timedelta(days=n - 5, seconds=m, microseconds=m), receipt=bytes(range(n)),
                note=f"note {n}", placed=datetime(2024, 1, 1 + m, n, 30, tzinfo=timezone.utc),
                previous=previous,
            )
    LineOfAPurchaseWhoseTableHasANameThatIsVeryLong.objects.create(
        purchase_that_this_line_is_a_part_of=previous, number=1
    )


def migrate():
    call_command("migrate", verbosity=0)


def dump():
    call_command("dumpdata", verbosity=0)


def check():
    call_command("migrate", check=True, verbosity=0)
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    label = Label.objects.create(name="made on PostgreSQL")
    customer = Customer.objects.create(email="New@example.org", slug="new", joined="2024-06-01T00:00Z")
    customer.labels.add(label)
    purchase = Purchase.objects.create(
        customer=customer, number=1, total="9.99", quantity=4, duration=timedelta(hours=1)
    )
    purchase.refresh_from_db()
    assert purchase.double == 8 and purchase.placed.tzinfo is not None
    hours = timedelta(hours=1), timedelta(hours=2)
    assert Purchase.objects.filter(duration__range=hours).count() == 1
    assert Customer.objects.filter(settings__theme="dark", settings__b__has_key="a").count() == 20
    assert Customer.objects.filter(seen_from="192.0.2.7").count() == 7


for step in sys.argv[1:]:
    globals()[step]()
"""


class Project:
    """A Django project in a folder, asked by a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "shop").mkdir()
        (folder / "shop" / "__init__.py").write_text("")
        (folder / "shop" / "models.py").write_text(MODELS)
        (folder / "settings.py").write_text(SETTINGS)
        (folder / "work.py").write_text(WORK)

    def run(self, *steps: str, dsn: str | None = None) -> str:
        environment = os.environ | ({"DSN": dsn} if dsn else {})
        done = subprocess.run(
            [sys.executable, "work.py", *steps],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@dataclass(frozen=True)
class Made:
    """The project with its SQLite file, and what dumpdata says about that."""

    project: Project
    path: Path
    dump: Any


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    project = Project(tmp_path_factory.mktemp("project"))
    dump = json.loads(project.run("make", "dump"))
    return Made(project, project.folder / "db.sqlite3", dump)


@pytest.fixture(scope="module")
def own(made: Made, postgres: LocalPostgres) -> Iterator[str]:
    """A database in which Django has made its tables."""
    dsn = postgres.create_database("django_s_own")
    made.project.run("migrate", dsn=dsn)
    yield dsn
    postgres.drop_database("django_s_own")


def test_django_finds_its_own_schema_and_its_own_rows(
    made: Made,
    own: str,
    database: str,
    outgrow: Callable[..., Any],
    content_of: Callable[..., dict[str, Any]],
) -> None:
    done = outgrow("migrate", "run", made.path, database)
    assert done.code == 0, done.out + done.err
    found, expected = content_of(database), content_of(own)
    assert _columns(found) == _columns(expected)
    assert found["constraints"] == expected["constraints"]
    assert found["indexes"] == expected["indexes"]
    assert json.loads(made.project.run("dump", "check", dsn=database)) == made.dump


def test_django_s_rows_go_into_the_schema_that_django_made(
    made: Made,
    own: str,
    tmp_path: Path,
    outgrow: Callable[..., Any],
    content_of: Callable[..., dict[str, Any]],
) -> None:
    empty = content_of(own)
    done = outgrow("migrate", "run", made.path, own, "--target-first", "--journal", tmp_path / "journal")
    assert done.code == 0, done.out + done.err
    loaded = content_of(own)
    assert {part: loaded[part] for part in ("columns", "constraints", "indexes")} == {
        part: empty[part] for part in ("columns", "constraints", "indexes")
    }
    assert loaded["rows"]["django_migrations"] == empty["rows"]["django_migrations"]
    assert json.loads(made.project.run("dump", "check", dsn=own)) == made.dump


def _columns(content: dict[str, Any]) -> list[Any]:
    """The columns in any order, without the digits of a DecimalField, which no SQLite file has."""
    return sorted(
        (table, name, "numeric" if kind == "numeric(10,2)" else kind, not_null, identity, generated, default)
        for table, _, name, kind, not_null, identity, generated, default in content["columns"]
        if not name.startswith("........pg.dropped") and name != "double"
    )
