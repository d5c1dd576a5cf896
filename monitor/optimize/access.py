"""Which columns of which table a statement compares, joins, sorts and shows: what an index could serve.

sqlglot reads the statement; names are resolved by the database's own structure. What is understood wrongly
here costs a fruitless trial and no more: every index is tried before it is proposed.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Any, Final

from monitor.optimize.calls import calls, without_alias
from monitor.optimize.statement import TOKEN, quoted
from monitor.optimize.terms import Access, Parameter, Reading, Scope, Term

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.optimize.structure import Structure, Table

#: Stands in the parsed text for the parameter of that number.
_MARK: Final = "outgrow parameter "
_MOST_BRANCHES: Final = 6


def read_statement(sql: str, structure: Structure) -> Reading:
    """Read a statement against a structure. Never raises: what is not understood is left out."""
    try:
        sqlglot = importlib.import_module("sqlglot")  # not at import time: half a second, and only used here
        tree = sqlglot.parse_one(_marked(sql), read="sqlite")
    except Exception:  # noqa: BLE001  # any error of the parser's, RecursionError among them: SQLite knows better
        return Reading()
    walker = _Walker(sqlglot.exp, structure)
    try:
        walker.note_calls(sql)
        walker.statement(tree)
    except RecursionError:
        return Reading()
    known = dict(walker.parameters)
    count = sum(match.lastgroup == "parameter" for match in TOKEN.finditer(sql))
    parameters = tuple(known.get(number, Parameter()) for number in range(count))
    return Reading(tuple(walker.accesses), parameters, tree)


def _marked(sql: str) -> str:
    """Write a numbered string for every parameter: sqlglot reads ?, ?1, :a, @a and $a differently."""
    parts = []
    number = 0
    for match in TOKEN.finditer(sql):
        if match.lastgroup == "parameter":
            parts.append(f"'{_MARK}{number}'")
            number += 1
        else:
            parts.append(match[0])
    return "".join(parts)


def parameter_number(node: Any) -> int | None:
    """Return the number of the parameter that a node stands for; None if it is none."""
    text = node.name if type(node).__name__ == "Literal" else ""
    return int(text.removeprefix(_MARK)) if text.startswith(_MARK) else None


class _Walker:
    def __init__(self, exp: Any, structure: Structure) -> None:
        self.exp = exp
        self.structure = structure
        self.accesses: list[Access] = []
        self.parameters: list[tuple[int, Parameter]] = []
        self._views: set[str] = set()
        #: Calls as they stand in the text, by how sqlglot writes them.
        self._written: dict[str, str] = {}

    def note_calls(self, sql: str) -> None:
        """Remember how a statement writes its calls."""
        sqlglot = importlib.import_module("sqlglot")
        for call in calls(sql):
            with contextlib.suppress(Exception):  # a call that sqlglot cannot read gets no index
                self._written.setdefault(sqlglot.parse_one(call, read="sqlite").sql(dialect="sqlite"), call)

    def statement(self, tree: Any, outer: Scope | None = None) -> None:
        """Look at every SELECT, UPDATE and DELETE in a tree, each in its own scope, outermost first."""
        exp = self.exp
        scopes: dict[int, Scope] = {}
        hidden = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
        for node in tree.walk():
            if not isinstance(node, exp.Select | exp.Update | exp.Delete):
                continue
            around = node.parent
            while around is not None and id(around) not in scopes:
                around = around.parent
            scope = Scope(outer=outer if around is None else scopes[id(around)])
            scopes[id(node)] = scope
            joins = list(self._sources(node, scope, hidden))
            self._level(node, scope, joins)

    def _sources(self, node: Any, scope: Scope, hidden: set[str]) -> Iterator[Any]:
        exp = self.exp
        start = node.args.get("from_") or node.args.get("from")
        named = [start.this] if start is not None else []
        if isinstance(node, exp.Update | exp.Delete):
            named.append(node.this)
        for table in list(named):
            for join in table.args.get("joins") or ():
                named.append(join.this)
                yield join
        for join in node.args.get("joins") or ():
            named.append(join.this)
            yield join
        for table in named:
            if not isinstance(table, exp.Table) or table.name.lower() in hidden:
                continue
            name = table.name.lower()
            if name in self.structure.tables:
                scope.tables[table.alias_or_name.lower()] = self.structure.tables[name]
            elif name in self.structure.views and name not in self._views:
                self._views.add(name)
                self._view(name)

    def _view(self, name: str) -> None:
        """Look at what a view selects: its joins are the statement's, too."""
        sqlglot = importlib.import_module("sqlglot")
        try:
            created = sqlglot.parse_one(self.structure.views[name], read="sqlite")
        except Exception:  # noqa: BLE001
            return
        if created.expression is not None:
            self.note_calls(self.structure.views[name])
            self.statement(created.expression)

    def _level(self, node: Any, scope: Scope, joins: Sequence[Any]) -> None:
        where = node.args.get("where")
        conditions = [] if where is None else list(self._conjuncts(where.this))
        for join in joins:
            on = join.args.get("on")
            if on is not None:
                conditions += self._conjuncts(on)
        self._note_parameters(node, scope)
        used = self._used(node, scope)
        order = self._ordered(node.args.get("order"), scope)
        grouped = self._grouped(node.args.get("group"), scope)
        using = [name.name.lower() for join in joins for name in join.args.get("using") or ()]
        for branch in self._branches(conditions):
            for alias, table in scope.tables.items():
                access = self._access(alias, table, branch, scope)
                joined = tuple(self._column(table, name) for name in using if name in table.columns)
                self.accesses.append(
                    Access(
                        table.name.lower(),
                        **{**access, "joined": access["joined"] + joined},
                        order=tuple(term for _, term in order)
                        if {key for key, _ in order} == {alias}
                        else (),
                        grouped=tuple(term for _, term in grouped)
                        if {key for key, _ in grouped} == {alias}
                        else (),
                        used=used[alias],
                    )
                )

    def _conjuncts(self, condition: Any) -> Iterator[Any]:
        exp = self.exp
        if isinstance(condition, exp.Paren):
            yield from self._conjuncts(condition.this)
        elif isinstance(condition, exp.And):
            yield from self._conjuncts(condition.left)
            yield from self._conjuncts(condition.right)
        else:
            yield condition

    def _branches(self, conditions: Sequence[Any]) -> list[list[Any]]:
        """Give each arm of an OR its own list of conditions: each may have its own index."""
        exp = self.exp
        plain = [one for one in conditions if not isinstance(one, exp.Or)]
        branches = [plain]
        for one in conditions:
            if isinstance(one, exp.Or):
                arms = [[*plain, *self._conjuncts(arm)] for arm in one.flatten()]
                branches += arms[:_MOST_BRANCHES]
        return branches[: 1 + _MOST_BRANCHES]

    def _access(self, alias: str, table: Table, conditions: Sequence[Any], scope: Scope) -> dict[str, Any]:
        found: dict[str, list[Any]] = {"equal": [], "joined": [], "ranged": [], "constant": []}
        for condition in conditions:
            for kind, term, text in self._compared(condition, alias, table, scope):
                if kind == "constant":
                    found["constant"].append((term, text))
                elif term not in found[kind]:
                    found[kind].append(term)
        return {name: tuple(terms) for name, terms in found.items()}

    def _compared(
        self, condition: Any, alias: str, table: Table, scope: Scope
    ) -> Iterator[tuple[str, Term, str]]:
        exp = self.exp
        if isinstance(condition, exp.Paren):
            yield from self._compared(condition.this, alias, table, scope)
            return
        if isinstance(condition, exp.Not):
            inner = condition.this
            if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
                term = self._term(inner.this, alias, scope)
                if term is not None:
                    yield "constant", term, f"{term.sql} IS NOT NULL"
            return
        if isinstance(condition, exp.EQ | exp.Is | exp.NullSafeEQ):
            for this, other in (
                (condition.this, condition.expression),
                (condition.expression, condition.this),
            ):
                term = self._term(this, alias, scope)
                if term is None:
                    continue
                foreign = self._owners(other, scope)
                if alias in foreign:
                    continue
                yield ("joined" if foreign else "equal"), term, ""
                constant = self._constant(other)
                if constant is not None:
                    operator = "IS" if constant == "NULL" else "="
                    yield "constant", term, f"{term.sql} {operator} {constant}"
        elif isinstance(condition, exp.In):
            term = self._term(condition.this, alias, scope)
            if term is not None:
                yield "equal", term, ""
        elif isinstance(condition, exp.GT | exp.GTE | exp.LT | exp.LTE):
            for this, other in (
                (condition.this, condition.expression),
                (condition.expression, condition.this),
            ):
                term = self._term(this, alias, scope)
                if term is not None and alias not in self._owners(other, scope):
                    yield "ranged", term, ""
        elif isinstance(condition, exp.Between):
            term = self._term(condition.this, alias, scope)
            if term is not None:
                yield "ranged", term, ""
        elif isinstance(condition, exp.Like | exp.Glob):
            term = self._term(condition.this, alias, scope)
            pattern = condition.expression
            if term is not None and not str(pattern.name).startswith(("%", "_", "*", "?", "[")):
                like = isinstance(condition, exp.Like)
                yield "ranged", Term(term.sql, term.column, "NOCASE" if like else None), ""

    def _term(self, node: Any, alias: str, scope: Scope) -> Term | None:
        """Turn a column of this table, or a deterministic function of it, into an index's term."""
        exp = self.exp
        if isinstance(node, exp.Paren):
            return self._term(node.this, alias, scope)
        if isinstance(node, exp.Collate):
            inner = self._term(node.this, alias, scope)
            return inner and Term(inner.sql, inner.column, node.expression.name.upper())
        if isinstance(node, exp.Column):
            found = scope.find(node)
            if found is None or found[0] != alias or not found[2]:
                return None
            name = node.name.lower()
            return self._column(found[1], name) if name in found[1].columns else None
        if isinstance(node, exp.Func):
            text = self._written.get(node.sql(dialect="sqlite"))
            if text is None:
                return None
            columns = [scope.find(column) for column in node.find_all(exp.Column)]
            if columns and all(found is not None and found[0] == alias and found[2] for found in columns):
                return Term(without_alias(text, alias), None)
        return None

    def _column(self, table: Table, name: str) -> Term:
        return Term(quoted(table.written(name)), name)

    def _owners(self, node: Any, scope: Scope) -> set[str]:
        """Name the aliases of this scope whose columns a node holds."""
        return {
            found[0]
            for column in node.find_all(self.exp.Column)
            if (found := scope.find(column)) is not None and found[2]
        }

    def _constant(self, node: Any) -> str | None:
        exp = self.exp
        if isinstance(node, exp.Null):
            return "NULL"
        if isinstance(node, exp.Literal) and parameter_number(node) is None:
            return str(node.sql(dialect="sqlite"))
        if isinstance(node, exp.Boolean):
            return "1" if node.this else "0"
        return None

    def _ordered(self, order: Any, scope: Scope) -> list[tuple[str, Term]]:
        found: list[tuple[str, Term]] = []
        for item in [] if order is None else order.expressions:
            for alias in scope.tables:
                term = self._term(item.this, alias, scope)
                if term is not None:
                    descending = bool(item.args.get("desc"))
                    found.append((alias, Term(term.sql, term.column, term.collation, descending)))
                    break
            else:
                return []
        if found and all(term.descending for _, term in found):  # an index is read backwards as fast
            return [(alias, Term(term.sql, term.column, term.collation)) for alias, term in found]
        return found

    def _grouped(self, grouping: Any, scope: Scope) -> list[tuple[str, Term]]:
        found: list[tuple[str, Term]] = []
        for item in [] if grouping is None else grouping.expressions:
            owner = next(
                ((alias, term) for alias in scope.tables if (term := self._term(item, alias, scope))), None
            )
            if owner is None:
                return []
            found.append(owner)
        return found

    def _used(self, node: Any, scope: Scope) -> dict[str, frozenset[str] | None]:
        exp = self.exp
        used: dict[str, set[str]] = {alias: set() for alias in scope.tables}
        for column in node.find_all(exp.Column):
            found = scope.find(column)
            if found is not None and found[2]:
                used[found[0]].add(column.name.lower())
        stars = any(isinstance(shown, exp.Star) or shown.find(exp.Star) for shown in node.expressions)
        counted = stars and all(
            not isinstance(star.parent, exp.Select | exp.Column) for star in node.find_all(exp.Star)
        )
        return {alias: None if stars and not counted else frozenset(names) for alias, names in used.items()}

    def _note_parameters(self, node: Any, scope: Scope) -> None:
        exp = self.exp
        for literal in node.find_all(exp.Literal):
            number = parameter_number(literal)
            if number is not None and number not in dict(self.parameters):
                use = self._use(literal, scope)
                if use is not None:
                    self.parameters.append((number, use))

    def _use(self, literal: Any, scope: Scope) -> Parameter | None:
        exp = self.exp
        inside = literal.parent
        while isinstance(inside, exp.Paren | exp.Cast | exp.Lower | exp.Upper):
            inside = inside.parent
        if isinstance(inside, exp.Limit | exp.Offset):
            return Parameter("limit" if isinstance(inside, exp.Limit) else "offset")
        uses = (
            (exp.Like, "like"),
            (exp.Between, "range"),
            (exp.GT | exp.GTE | exp.LT | exp.LTE, "range"),
            (exp.EQ | exp.NEQ | exp.In | exp.Is, "equal"),
        )
        while inside is not None and not isinstance(inside, exp.Select | exp.Update | exp.Delete):
            use = next((name for kind, name in uses if isinstance(inside, kind)), None)
            if use is not None:
                column = next(
                    (found for part in inside.find_all(exp.Column) if (found := scope.find(part))), None
                )
                if column is None:
                    return None
                name = next(part.name.lower() for part in inside.find_all(exp.Column) if scope.find(part))
                return Parameter(use, column[1].name.lower(), name)
            inside = inside.parent
        return None
