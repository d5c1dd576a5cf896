"""Parses SQLite's expressions, with the grammar and precedence of sqlite.org/lang_expr.html.

Window functions and bind parameters are refused, and so are subqueries, which cannot occur in a table's
declaration; `query` and `statement` parse those of views and triggers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from migration.schema.expression import (
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Collate,
    Exists,
    Expression,
    In,
    InQuery,
    IsNull,
    Like,
    Literal,
    Name,
    Raise,
    Subquery,
    Unary,
)
from migration.schema.tokens import BadSqlError, Kind, Token, tokenize

if TYPE_CHECKING:
    from migration.schema.query import Select

#: How tightly each operator binds; a higher number binds tighter.
_NOT = 3
_EQUALITY = 4
_BINDING = {
    "OR": 1,
    "AND": 2,
    **dict.fromkeys(
        ("=", "==", "<>", "!=", "IS", "IN", "LIKE", "GLOB", "REGEXP", "MATCH", "BETWEEN"), _EQUALITY
    ),
    **dict.fromkeys(("ISNULL", "NOTNULL", "NOT"), _EQUALITY),
    **dict.fromkeys(("<", "<=", ">", ">="), 5),
    **dict.fromkeys(("&", "|", "<<", ">>"), 7),
    **dict.fromkeys(("+", "-"), 8),
    **dict.fromkeys(("*", "/", "%"), 9),
    **dict.fromkeys(("||", "->", "->>"), 10),
    "COLLATE": 11,
}
_UNARY = 12
_ESCAPE = 6
_CLOCKS = ("CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME")
_SPELLING = {"==": "=", "!=": "<>"}


def parse_expression(sql: str) -> Expression:
    """Parse one expression.

    Raises:
        BadSqlError: not an expression, or one that cannot occur in a table's declaration.
    """
    parser = ExpressionParser(sql)
    expression = parser.expression(0)
    parser.expect_end()
    return expression


class ExpressionParser:
    """A precedence climber over the tokens."""

    #: Whether SELECT, RAISE and aggregates may occur; `query.QueryParser` parses them.
    queries = False

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._tokens = tokenize(sql)
        self._at = 0

    def select(self) -> Select:
        """The SELECT that begins here."""
        self._refuse_query()

    def raising(self) -> Raise:
        """What stands behind RAISE."""
        self._refuse_query()

    def _refuse_query(self) -> NoReturn:
        raise self._unexpected("an expression without subqueries", back=1)

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise self._unexpected("the end of the expression")

    def expression(self, binding: int) -> Expression:
        """The longest expression whose operators bind tighter than `binding`."""
        left = self._operand()
        while (operator := self._operator()) and _BINDING[operator] > binding:
            left = self._infix(left, operator)
        return left

    def _operator(self) -> str | None:
        token = self._peek()
        if token is None or token.kind not in (Kind.OPERATOR, Kind.WORD):
            return None
        text = token.value.upper()
        return text if text in _BINDING else None

    # Operands

    def _operand(self) -> Expression:
        token = self._next("an operand")
        match token.kind:
            case Kind.NUMBER:
                whole = token.value.isdecimal() or token.value.lower().startswith("0x")
                text = str(int(token.value, 0)) if whole and not token.value.isdecimal() else token.value
                return Literal("integer" if whole else "real", text)
            case Kind.STRING:
                return Literal("text", token.value)
            case Kind.BLOB:
                return Literal("blob", token.value.lower())
            case Kind.NAME:
                return self._name(token)
            case Kind.WORD:
                return self._word(token)
            case Kind.OPERATOR:
                return self._prefixed(token)
            case _:
                raise self._unexpected("an operand", back=1)

    def _prefixed(self, token: Token) -> Expression:
        if token.value in ("-", "+", "~"):
            return Unary(token.value, self.expression(_UNARY))
        if token.value == "(" and self._selects():
            return Subquery(self._enclosed())
        if token.value == "(":
            inside = self.expression(0)
            self._expect(")")
            return inside
        raise self._unexpected("an operand", back=1)

    def _word(self, token: Token) -> Expression:
        word = token.value.upper()
        following = self._peek()
        called = following is not None and following.is_operator("(")
        if word == "NOT":
            return Unary("NOT", self.expression(_NOT))
        if word == "NULL":
            return Literal("null", "")
        if word in _CLOCKS:
            return Literal("clock", word)
        if word == "CASE":
            return self._case()
        if word == "CAST" and called:
            return self._cast()
        if word == "RAISE":
            return self.raising()
        if word == "EXISTS" and self.queries:
            self._expect("(")
            return Exists(self._enclosed())
        if word in ("EXISTS", "SELECT"):
            self._refuse_query()
        if called:
            return self._call(token.value.lower())
        if word in ("TRUE", "FALSE"):
            return Literal("word", word.lower())
        return self._name(token)

    def _name(self, token: Token) -> Name:
        parts = [token.value]
        while (following := self._peek()) and following.is_operator("."):
            self._at += 1
            parts.append(self._next("a name").value)
        quoted = self._sql[token.start] == '"' and len(parts) == 1
        return Name(parts[-1], parts[-2] if len(parts) > 1 else None, quoted)

    def _call(self, name: str) -> Call:
        self._expect("(")
        if self.queries and self._take("*"):
            self._expect(")")
            return Call(name, star=True)
        distinct = self.queries and self._take("DISTINCT")
        return Call(name, self._listed(), distinct=distinct)

    def _selects(self) -> bool:
        token = self._peek()
        return self.queries and token is not None and token.is_word("SELECT")

    def _enclosed(self) -> Select:
        """A SELECT whose parenthesis is open."""
        query = self.select()
        self._expect(")")
        return query

    def _arguments(self) -> tuple[Expression, ...]:
        self._expect("(")
        return self._listed()

    def _listed(self) -> tuple[Expression, ...]:
        """The expressions of a list whose parenthesis is open."""
        arguments: list[Expression] = []
        if self._take(")"):
            return ()
        while True:
            token = self._peek()
            if token is not None and (token.is_operator("*") or token.is_word("DISTINCT", "SELECT")):
                raise self._unexpected("an argument")
            arguments.append(self.expression(0))
            if self._take(")"):
                return tuple(arguments)
            self._expect(",")

    def _case(self) -> Case:
        token = self._peek()
        subject = None if token is not None and token.is_word("WHEN") else self.expression(0)
        branches = []
        while self._take("WHEN"):
            condition = self.expression(0)
            self._expect("THEN")
            branches.append((condition, self.expression(0)))
        otherwise = self.expression(0) if self._take("ELSE") else None
        self._expect("END")
        return Case(subject, tuple(branches), otherwise)

    def _cast(self) -> Cast:
        self._expect("(")
        operand = self.expression(0)
        self._expect("AS")
        words = []
        while not self._take(")"):
            words.append(self._next("a type").value)
        return Cast(operand, " ".join(words))

    # Operators

    def _infix(self, left: Expression, operator: str) -> Expression:
        self._at += 1
        match operator:
            case "NOT":
                return self._negated(left)
            case "ISNULL":
                return IsNull(left)
            case "NOTNULL":
                return Unary("NOT", IsNull(left))
            case "IS":
                return self._is(left)
            case "IN" | "BETWEEN" | "LIKE" | "GLOB" | "REGEXP" | "MATCH":
                return self._predicate(left, operator)
            case "COLLATE":
                return Collate(left, self._next("a collation").value.upper())
            case _:
                right = self.expression(_BINDING[operator])
                return Binary(_SPELLING.get(operator, operator), left, right)

    def _negated(self, left: Expression) -> Expression:
        if self._take("NULL"):
            return Unary("NOT", IsNull(left))
        operator = self._operator()
        if operator not in ("IN", "BETWEEN", "LIKE", "GLOB", "REGEXP", "MATCH"):
            raise self._unexpected("LIKE, IN, BETWEEN or NULL")
        self._at += 1
        return Unary("NOT", self._predicate(left, operator))

    def _is(self, left: Expression) -> Expression:
        negated = self._take("NOT")
        if self._take("DISTINCT"):
            self._expect("FROM")
            negated = not negated
        right = self.expression(_EQUALITY)
        same: Expression = IsNull(left) if right == Literal("null", "") else Binary("IS", left, right)
        return Unary("NOT", same) if negated else same

    def _predicate(self, left: Expression, operator: str) -> Expression:
        if operator == "IN":
            following = self._at + 1
            if self.queries and following < len(self._tokens) and self._tokens[following].is_word("SELECT"):
                self._expect("(")
                return InQuery(left, self._enclosed())
            return In(left, self._arguments())
        if operator == "BETWEEN":
            low = self.expression(_EQUALITY)
            self._expect("AND")
            return Between(left, low, self.expression(_EQUALITY))
        pattern = self.expression(_EQUALITY)
        escape = self.expression(_ESCAPE) if self._take("ESCAPE") else None
        return Like(operator, left, pattern, escape)

    # Tokens

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self, wanted: str) -> Token:
        token = self._peek()
        if token is None:
            raise self._unexpected(wanted)
        self._at += 1
        return token

    def _take(self, text: str) -> bool:
        token = self._peek()
        taken = token is not None and (token.is_operator(text) or token.is_word(text))
        self._at += taken
        return taken

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._unexpected(text)

    def _unexpected(self, wanted: str, back: int = 0) -> BadSqlError:
        at = self._at - back
        found = self._sql[self._tokens[at].start :][:20] if at < len(self._tokens) else "the end"
        return BadSqlError("cannot read an expression", why=f"{wanted} was expected where {found!r} stands")
