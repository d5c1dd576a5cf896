"""How the lint finds SQL in files, says where it stands, and owns up to what it could not read."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from migration.errors import OptionRefusedError
from migration.lint.catalogue import BY_ID, chosen
from migration.lint.check import lint_files
from migration.lint.extract import extract
from migration.lint.pieces import Piece, SourceFile

WORDS = (
    "SELECT FROM WHERE GROUP BY ORDER HAVING LIMIT OFFSET INSERT INTO OR REPLACE IGNORE UPDATE SET DELETE "
    "VALUES ON CONFLICT DO NOTHING user firstName t id \"u\" `x` [y] 'abc' '%a' 1 0 x'00' ? :a ( ) , . = == "
    "<> + - / % || -> ->> AND OR NOT NULL IS LIKE GLOB REGEXP MATCH COLLATE NOCASE AS DISTINCT count sum "
    "max( group_concat( datetime( strftime( 'now' '%Y' julianday( random( hex( randomblob( 16 substr( "
    "json_extract( '$.a' CAST( AS INTEGER IN BETWEEN CASE WHEN THEN END UNION PRAGMA CREATE TABLE PRIMARY "
    "KEY AUTOINCREMENT DEFAULT boolean WITHOUT ROWID RETURNING ASC DESC NULLS FIRST round( printf( iif( "
    "ifnull( JOIN WITH RECURSIVE BEGIN IMMEDIATE rowid INDEXED typeof( abs( OVER "
)
SHOP = Path(__file__).parents[3] / "examples" / "express-typeorm" / "src"


def pieces(name: str, text: str) -> list[Piece]:
    return list(extract(SourceFile.of(Path(name), text)).pieces)


def texts(name: str, text: str) -> list[str]:
    return [piece.shown for piece in pieces(name, text)]


def test_an_sql_file_is_split_where_its_statements_end_and_a_trigger_stays_whole() -> None:
    trigger = "CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 3; END"
    assert texts("x.sql", f"SELECT ';' -- ; \n ;; {trigger};\nSELECT 2") == [
        "SELECT ';'",
        trigger,
        "SELECT 2",
    ]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.ts", "db.query(`SELECT a FROM t WHERE b = ${x.y}`)", ["SELECT a FROM t WHERE b = ${x.y}"]),
        ("a.ts", "const q = sql`select a from t`", ["select a from t"]),
        ("a.js", "db.prepare('SELECT \\'a\\' ' +\n  \"FROM t\").all()", ["SELECT 'a' FROM t"]),
        ("a.mjs", "run('SELECT a FROM ' + table + ' LIMIT 1')", ["SELECT a FROM ${table} LIMIT 1"]),
        ("a.ts", "qb.where('a = 1').andWhere(`b LIKE :x`)", ["a = 1", "b LIKE :x"]),
        ("a.ts", "qb.orderBy('user.name').addSelect('count(*)', 'n')", ["count(*)"]),
        ("a.cjs", "x = `${`SELECT a FROM inner_one`}`; // 'SELECT b FROM c'", ["SELECT a FROM inner_one"]),
        ("a.ts", "const r = /['\"`]/; db.query('DELETE FROM t')", ["DELETE FROM t"]),
        ("a.py", 'db.execute("SELECT a "\n    "FROM t")', ["SELECT a FROM t"]),
        ("a.py", 'x = f"""UPDATE {table}\nSET a = {b["c"]}"""', ['UPDATE {table}\nSET a = {b["c"]}']),
        ("a.py", "# it's\nx = r'SELECT \\d FROM t'", ["SELECT \\d FROM t"]),
        (
            "a.rb",
            "User.find_by_sql(<<~SQL)\n  SELECT a FROM t\n  WHERE b = #{c}\nSQL\n",
            ["SELECT a FROM t\n  WHERE b = #{c}"],
        ),
        ("a.py", 'def f():\n    """SELECT is what this does: FROM (a)"""\n', []),
        ("a.py", 'db.execute(\n    """\n    SELECT a FROM t"""\n)', ["SELECT a FROM t"]),
        ("a.rb", 'where("name LIKE ?", x)', ["name LIKE ?"]),
        ("a.go", "db.Query(`SELECT a\nFROM t`) // SELECT", ["SELECT a\nFROM t"]),
        ("a.ts", "alert('Select an item from the list'); f('Update your profile'); g('begin')", []),
        ("a.ts", "import x from 'drop-table'; const s = 'insert coin';", []),
    ],
)
def test_the_sql_among_the_texts_of_a_program_is_found(name: str, text: str, found: list[str]) -> None:
    assert texts(name, text) == found


def test_a_finding_says_line_and_column_in_the_file_behind_escapes_and_joined_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    path.write_text('const a = 1;\ndb.query("SELECT \\"x\\" " +\n    "FROM t WHERE a == 2");\n')
    (finding,) = lint_files([path]).findings
    assert (finding.rule, finding.line, finding.column) == ("double-equals", 3, 21)
    assert path.read_text().splitlines()[2][20:22] == "=="


def test_what_the_program_fills_in_is_kept_and_never_judged(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    path.write_text("db.query(`SELECT ${colA} FROM ${tableName} WHERE ifnull(${x}, 0) = ${yZ}`)")
    report = lint_files([path])
    assert [finding.rule for finding in report.findings] == ["ifnull"]
    assert (
        report.statements[0].rewritten == "SELECT ${colA} FROM ${tableName} WHERE coalesce(${x}, 0) = ${yZ}"
    )


@pytest.mark.parametrize(
    ("name", "text", "rewritten"),
    [
        (
            "a.ts",
            "db.query('SELECT a FROM t WHERE b = ? AND c = ?', [])",
            "SELECT a FROM t WHERE b = $1 AND c = $2",
        ),
        ("a.go", "db.Query(`SELECT a FROM t WHERE b = ?`)", "SELECT a FROM t WHERE b = $1"),
        (
            "a.py",
            "db.execute(\"SELECT a FROM t WHERE b = ? AND c NOT LIKE '1%'\", x)",
            "SELECT a FROM t WHERE b = %s AND c NOT LIKE '1%%'",
        ),
        ("a.py", "db.execute('SELECT a FROM t WHERE b = :b')", "SELECT a FROM t WHERE b = %(b)s"),
        ("a.ts", "db.query('SELECT a FROM t WHERE b = $1 AND c::text = $2')", None),
        ("a.ts", "import k from 'knex'; k.select('SELECT a FROM t WHERE b = ?')", None),
        ("a.py", "import sqlalchemy\nc.execute(text('SELECT a FROM t WHERE b = :b'))", None),
        ("a.sql", "SELECT a FROM t WHERE b = ?", None),
        ("a.py", "db.execute('SELECT a %% 7 FROM t WHERE b = %s AND c > %(c)s', x)", None),
    ],
)
def test_parameters_are_written_as_the_driver_of_the_language_wants_them(
    tmp_path: Path, name: str, text: str, rewritten: str | None
) -> None:
    path = tmp_path / name
    path.write_text(text)
    report = lint_files([path], rules=[BY_ID["parameter-style"]])
    assert [statement.rewritten for statement in report.statements] == ([rewritten] if rewritten else [])


def test_in_query_builders_the_names_behind_an_alias_are_the_librarys_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    path.write_text('qb.where("user.firstName = :a", { a }).andWhere("lastName = :b", { b })')
    assert [finding.sql for finding in lint_files([path]).findings] == ["lastName"]


def test_what_is_postgresqls_already_is_left_alone_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.sql"
    path.write_text(
        "SELECT oid FROM pg_class ORDER BY 1; SELECT a::text FROM userData; SELECT 1 FROM t WHERE a ILIKE 'b'"
    )
    report = lint_files([path])
    assert (report.pieces, report.postgres, report.findings) == (3, 3, ())


def test_words_in_any_order_upset_no_rule(tmp_path: Path) -> None:
    """Unfinished and impossible SQL, as programs have it: each rule says something or nothing."""
    path = tmp_path / "a.sql"
    chance = random.Random(5)
    path.write_text(
        ";".join(" ".join(chance.choices(WORDS.split(), k=chance.randint(1, 12))) for _ in range(2_000))
    )
    report = lint_files([path])
    assert report.pieces > 1_500
    assert len({finding.rule for finding in report.findings}) > 25


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        (
            "a.ts",
            'import { Like } from "typeorm";\nrepo.find({ name: Like(x) });',
            [(2, 19, "Like", "ILike")],
        ),
        ("a.js", "const s = require('sequelize'); x = { [Op.like]: y }", [(1, 40, "Op.like", "Op.iLike")]),
        (
            "a.py",
            "from django.db import models\nq.filter(name__contains=x)",
            [(2, 14, "__contains=", "__icontains=")],
        ),
        ("a.ts", 'import { Like } from "./own"; Like(x)', []),
        ("a.ts", 'import { ILike } from "typeorm"; ILike(x); isLike(x); "Like(x)"', []),
    ],
)
def test_what_libraries_write_as_like_is_found_by_its_name(
    tmp_path: Path, name: str, text: str, found: list[tuple[int, int, str, str]]
) -> None:
    path = tmp_path / name
    path.write_text(text)
    report = lint_files([path])
    assert [(item.line, item.column, item.sql, item.rewritten) for item in report.findings] == found
    assert {item.rule for item in report.findings} <= {"like-case"}
    assert lint_files([path], rules=[BY_ID["glob"]]).findings == ()


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "open.sql").write_text("SELECT 'never closed")
    (tmp_path / "odd.sql").write_text("SELECT FROM WHERE a == 1")
    (tmp_path / "bytes.py").write_bytes(b"x = '\xff'")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "x.js").write_text("db.query('PRAGMA foreign_keys')")
    (tmp_path / "notes.txt").write_text("SELECT 1")
    report = lint_files([tmp_path])
    assert {item.file.name for item in report.unread} == {"open.sql", "bytes.py"}
    assert [item.file.name for item in report.unparsed] == ["odd.sql"]
    assert [finding.rule for finding in report.findings] == ["double-equals"]
    assert report.files == 2


def test_a_path_or_a_rule_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionRefusedError, match="there is no"):
        lint_files([tmp_path / "none.sql"])
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(OptionRefusedError, match="cannot be linted"):
        lint_files([tmp_path / "a.txt"])
    with pytest.raises(OptionRefusedError, match="no rule nul-order"):
        chosen(("nul-order",), ())


def test_only_and_ignore_choose_the_rules() -> None:
    assert [rule.id for rule in chosen(("glob", "ifnull"), ("glob",))] == ["ifnull"]
    assert "glob" not in {rule.id for rule in chosen((), ("glob",))}


def test_the_example_shop_is_read_whole_and_only_its_sqlite_migration_fails() -> None:
    report = lint_files([SHOP])
    assert report.unread == report.unparsed == ()
    assert report.pieces > 12
    failing = {finding.file.name for finding in report.findings if finding.severity == "fails"}
    assert failing == {"1760000000000-create-shop.ts", "data-source.ts"}
    found = {finding.rule for finding in report.findings}
    assert {"autoincrement", "column-type", "boolean-default", "datetime-function", "sqlite-catalog"} <= found
