"""What a copy has made goes again, whatever kind it is of."""

from __future__ import annotations

from migration.promotion.steps.copy_rows import _drop
from migration.target.database import connected, occupants


def test_tables_enumerations_and_functions_are_dropped_and_nothing_else(database: str) -> None:
    with connected(database) as target:
        target.execute("SET search_path = public, pg_catalog")
        target.execute(
            "CREATE TYPE t_kind AS ENUM ('a'); CREATE TABLE t (kind t_kind); CREATE TABLE other ()"
        )
        target.execute("CREATE VIEW v AS SELECT * FROM t")
        target.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
        target.execute("CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()")
        assert _drop(target, "public", {"table t", "type t_kind", "function f", "view v"}) == 1
        assert occupants(target, "public") == ("table other",)
        functions = target.execute("SELECT count(*) FROM pg_proc WHERE proname = 'f'").fetchone()
        assert functions == (0,)
