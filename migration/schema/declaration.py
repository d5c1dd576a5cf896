"""What the text of CREATE TABLE says and no PRAGMA tells.

SQLite's pragmas know columns, keys and types, but not the names of constraints, CHECKs, collations,
AUTOINCREMENT, DEFERRABLE, conflict clauses or generation expressions. This parser follows SQLite's grammar
(src/parse.y, described in sqlite.org/lang_createtable.html), including its odd corners: the comma between
table constraints is optional, a string can be a name, and almost every keyword can be a name too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from migration.schema.tokens import BadSqlError, Token, tokenize


@dataclass
class KeyDeclaration:
    """A PRIMARY KEY or UNIQUE, of a column or of the table."""

    columns: tuple[str, ...]
    name: str | None = None
    autoincrement: bool = False
    on_conflict: str | None = None


@dataclass
class ReferenceDeclaration:
    """REFERENCES or FOREIGN KEY. No parent columns: the parent's primary key."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    name: str | None = None
    deferrable: bool = False
    initially_deferred: bool = False


@dataclass
class CheckDeclaration:
    expression: str
    name: str | None = None


@dataclass
class ColumnDeclaration:
    """A column; `start` and `end` are positions in the text."""

    name: str
    collation: str | None = None
    generation_expression: str | None = None
    not_null_on_conflict: str | None = None
    start: int = 0
    end: int = 0


@dataclass
class TableDeclaration:
    """Everything found, in the order of the text."""

    columns: list[ColumnDeclaration] = field(default_factory=list)
    keys: list[KeyDeclaration] = field(default_factory=list)
    uniques: list[KeyDeclaration] = field(default_factory=list)
    references: list[ReferenceDeclaration] = field(default_factory=list)
    checks: list[CheckDeclaration] = field(default_factory=list)


_COLUMN_CONSTRAINTS = [
    "CONSTRAINT",
    "NULL",
    "NOT",
    "DEFAULT",
    "PRIMARY",
    "UNIQUE",
    "CHECK",
    "REFERENCES",
    "COLLATE",
    "AS",
    "DEFERRABLE",
    "INITIALLY",
    "ON",
]
_TABLE_CONSTRAINTS = ("PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT")


def parse_table(sql: str) -> TableDeclaration:
    """Parse CREATE TABLE as sqlite_schema keeps it.

    Raises:
        BadSqlError: not a CREATE TABLE with a column list.
    """
    return _Parser(sql).table()


class _Parser:
    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._tokens = tokenize(sql)
        self._at = 0
        self._found = TableDeclaration()

    def table(self) -> TableDeclaration:
        while self._token() is not None and not self._operator("("):
            self._at += 1
        if not self._take_operator("("):
            raise self._unexpected("a column list")
        self._column()
        while self._take_operator(","):
            if self._starts_table_constraint():
                break
            self._column()
        # After the first table constraint only constraints follow, with or without commas between them.
        while not self._operator(")"):
            if self._token() is None:
                raise self._unexpected("the end of the column list")
            if not self._take_operator(","):
                self._table_constraint()
        return self._found

    def _starts_table_constraint(self) -> bool:
        """Whether one of the five reserved words follows; quoted, they are names as all others are."""
        token = self._token()
        return token is not None and token.is_word(*_TABLE_CONSTRAINTS)

    # Columns

    def _column(self) -> None:
        first = self._token()
        column = ColumnDeclaration(self._name(), start=first.start if first is not None else 0)
        self._found.columns.append(column)
        self._skip_type()
        name: str | None = None
        while True:
            column.end = self._tokens[self._at - 1].end
            if self._operator(",") or self._operator(")") or self._token() is None:
                return
            if self._take("CONSTRAINT"):
                name = self._name()
                continue
            if self._column_constraint(column, name):
                name = None
            else:
                raise self._unexpected("a column constraint")

    def _skip_type(self) -> None:
        while (token := self._token()) is not None:
            if token.is_word(*_COLUMN_CONSTRAINTS):
                return
            if token.is_word("GENERATED") and (following := self._token(1)) and following.is_word("ALWAYS"):
                return
            if token.is_operator("("):
                self._parenthesised()
            elif token.can_name:
                self._at += 1
            else:
                return

    def _column_constraint(self, column: ColumnDeclaration, name: str | None) -> bool:
        if self._take("NOT"):
            if self._take("NULL"):
                column.not_null_on_conflict = self._conflict_clause()
            elif self._take("DEFERRABLE"):
                self._deferral(self._last_reference(), deferrable=False)
        elif self._take("NULL"):
            self._conflict_clause()
        elif self._take("PRIMARY"):
            self._expect("KEY")
            self._take("ASC", "DESC")
            key = KeyDeclaration((column.name,), name, on_conflict=self._conflict_clause())
            key.autoincrement = self._take("AUTOINCREMENT")
            self._found.keys.append(key)
        elif self._take("UNIQUE"):
            self._found.uniques.append(
                KeyDeclaration((column.name,), name, on_conflict=self._conflict_clause())
            )
        elif self._take("CHECK"):
            self._found.checks.append(CheckDeclaration(self._parenthesised(), name))
            self._conflict_clause()
        elif self._take("REFERENCES"):
            self._reference((column.name,), name)
        elif self._take("DEFERRABLE"):
            self._deferral(self._last_reference(), deferrable=True)
        elif self._take("COLLATE"):
            column.collation = self._name()
        elif self._take("GENERATED"):
            self._expect("ALWAYS")
        elif self._take("AS"):
            column.generation_expression = self._parenthesised()
            self._take("STORED", "VIRTUAL")
        elif self._take("DEFAULT"):
            self._default()
        else:
            return False
        return True

    def _default(self) -> None:
        if self._operator("("):
            self._parenthesised()
            return
        if not self._take_operator("+"):
            self._take_operator("-")
        self._at += 1

    # Table constraints

    def _table_constraint(self) -> None:
        name: str | None = None
        while self._take("CONSTRAINT"):
            name = self._name()
        if self._take("PRIMARY"):
            self._expect("KEY")
            columns, autoincrement = self._sorted_columns()
            self._found.keys.append(KeyDeclaration(columns, name, autoincrement, self._conflict_clause()))
        elif self._take("UNIQUE"):
            columns, _ = self._sorted_columns()
            self._found.uniques.append(KeyDeclaration(columns, name, on_conflict=self._conflict_clause()))
        elif self._take("CHECK"):
            self._found.checks.append(CheckDeclaration(self._parenthesised(), name))
            self._conflict_clause()
        elif self._take("FOREIGN"):
            self._expect("KEY")
            columns, _ = self._sorted_columns()
            self._expect("REFERENCES")
            self._reference(columns, name)
        elif self._take("DEFERRABLE"):
            self._deferral(self._last_reference(), deferrable=True)
        elif self._take("NOT"):
            self._expect("DEFERRABLE")
            self._deferral(self._last_reference(), deferrable=False)
        elif name is None or not (self._operator(",") or self._operator(")")):
            raise self._unexpected("a table constraint")

    def _sorted_columns(self) -> tuple[tuple[str, ...], bool]:
        """A list of columns with COLLATE, ASC and DESC; and whether AUTOINCREMENT ends it."""
        if not self._take_operator("("):
            raise self._unexpected("a list of columns")
        columns, autoincrement = [self._name()], False
        while not self._take_operator(")"):
            if self._take_operator(","):
                columns.append(self._name())
            elif self._take("AUTOINCREMENT"):
                autoincrement = True
            elif self._token() is None:
                raise self._unexpected("the end of a list of columns")
            else:
                self._at += 1
        return tuple(columns), autoincrement

    def _reference(self, columns: tuple[str, ...], name: str | None) -> None:
        parent = self._name()
        parent_columns = self._sorted_columns()[0] if self._operator("(") else ()
        self._found.references.append(ReferenceDeclaration(columns, parent, parent_columns, name))
        while True:
            if self._take("ON"):
                self._at += 1  # DELETE, UPDATE or INSERT; the PRAGMA tells the action
                if self._take("SET"):
                    self._take("NULL", "DEFAULT")
                elif self._take("NO"):
                    self._take("ACTION")
                else:
                    self._at += 1
            elif self._take("MATCH"):
                self._name()
            else:
                return

    def _deferral(self, reference: ReferenceDeclaration | None, *, deferrable: bool) -> None:
        deferred = False
        if self._take("INITIALLY"):
            deferred = self._take("DEFERRED")
            self._take("IMMEDIATE")
        if reference is not None:
            reference.deferrable = deferrable
            reference.initially_deferred = deferrable and deferred

    def _last_reference(self) -> ReferenceDeclaration | None:
        return self._found.references[-1] if self._found.references else None

    # Tokens

    def _conflict_clause(self) -> str | None:
        if self._word("ON") and (following := self._token(1)) and following.is_word("CONFLICT"):
            self._at += 2
            return self._name().upper()
        return None

    def _parenthesised(self) -> str:
        """The text between the parenthesis that starts here and its partner, which is passed."""
        if not self._operator("("):
            raise self._unexpected("a parenthesis")
        start, depth = self._tokens[self._at].end, 0
        while (token := self._token()) is not None:
            depth += token.is_operator("(") - token.is_operator(")")
            self._at += 1
            if depth == 0:
                return self._sql[start : token.start].strip()
        raise self._unexpected("a closing parenthesis")

    def _name(self) -> str:
        token = self._token()
        if token is None or not token.can_name:
            raise self._unexpected("a name")
        self._at += 1
        return token.value

    def _token(self, ahead: int = 0) -> Token | None:
        position = self._at + ahead
        return self._tokens[position] if position < len(self._tokens) else None

    def _word(self, *words: str) -> bool:
        token = self._token()
        return token is not None and token.is_word(*words)

    def _operator(self, operator: str) -> bool:
        token = self._token()
        return token is not None and token.is_operator(operator)

    def _take(self, *words: str) -> bool:
        taken = self._word(*words)
        self._at += taken
        return taken

    def _take_operator(self, operator: str) -> bool:
        taken = self._operator(operator)
        self._at += taken
        return taken

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._unexpected(word)

    def _unexpected(self, wanted: str) -> BadSqlError:
        token = self._token()
        found = "the end" if token is None else self._sql[token.start : token.end]
        return BadSqlError(
            "cannot read the SQL of a table", why=f"{wanted} was expected where {found!r} stands"
        )
