"""The SQL in files: statements of .sql files, and the texts of programs that are SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.lint.literals import STYLES, Literal, literals
from migration.lint.pieces import Piece
from migration.schema.tokens import BadSqlError, tokenize

if TYPE_CHECKING:
    from migration.lint.pieces import Kind, SourceFile

ENDINGS = ("sql", *STYLES)

#: The first words of a statement, with what tells it from a sentence that begins with the same word.
_STATEMENT = re.compile(
    r"""\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*(?:
      SELECT\b(?=.*?(?:\bFROM\b|\())
    | WITH\s+(?:RECURSIVE\s+)?["`\[\w]+\s*(?:\([^)]*\)\s*)?AS\b
    | INSERT\s+(?:OR\s+\w+\s+)?INTO\b | REPLACE\s+INTO\b
    | UPDATE\s+(?:OR\s+\w+\s+)?["`\[\w.\]]+\s+(?:AS\s+)?(?:\w+\s+)?SET\b
    | DELETE\s+FROM\b
    | CREATE\s+(?:TEMP\s+|TEMPORARY\s+|UNIQUE\s+|VIRTUAL\s+)?(?:TABLE|INDEX|VIEW|TRIGGER)\b
    | ALTER\s+TABLE\b | DROP\s+(?:TABLE|INDEX|VIEW|TRIGGER)\b
    | PRAGMA\s+\w+ | ATTACH\s+(?:DATABASE\s+)?\S+\s+AS\b | DETACH\s+DATABASE\b | REINDEX\b
    | BEGIN(?:\s+(?:DEFERRED|IMMEDIATE|EXCLUSIVE|TRANSACTION))*\s*;?\s*\Z
    | VACUUM(?:\s+INTO\b.*)?\s*;?\s*\Z
    )""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_VERB = re.compile(r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*([A-Za-z]+)", re.DOTALL)
#: A sign that lower-case words are SQL, where nothing around them says so.
_SIGNS = re.compile(r"[=*(?`\"]|\$\d|:\w")

#: Functions that take a whole statement.
_QUERIES = frozenset(
    (
        *(
            "query",
            "execute",
            "exec",
            "prepare",
            "raw",
            "run",
            "all",
            "get",
            "each",
            "executemany",
            "queryraw",
        ),
        *("executescript", "queryrow", "querycontext", "execcontext", "queryrowcontext", "select_all", "sql"),
        *("find_by_sql", "text", "queryrawunsafe", "executeraw", "executerawunsafe", "executesql", "unsafe"),
        *(
            "queryx",
            "getcontext",
            "selectcontext",
            "mustexec",
            "exec_query",
            "select_value",
            "iterate",
            "pluck",
        ),
    )
)
#: Functions of query builders that take a condition or an expression.
_CONDITIONS = frozenset(
    (
        *("where", "andwhere", "orwhere", "having", "andhaving", "orhaving", "whereraw", "andwhereraw"),
        *("orwhereraw", "havingraw", "orderbyraw", "selectraw", "groupbyraw", "joinraw", "literal"),
    )
)
#: These take names as well: only what calculates or compares is SQL.
_EXPRESSIONS = frozenset(
    (
        "select",
        "addselect",
        "orderby",
        "addorderby",
        "groupby",
        "addgroupby",
        "raw",
        "order",
        "group",
        "pluck",
    )
)
_CALLED = re.compile(r"(?P<name>[A-Za-z_$][\w$]*)!?\s*(?:<[^<>()]*>)?\s*(?P<open>\(|)\s*\Z")
_COMPUTES = re.compile(r"[A-Za-z_]\w*\s*\(|[=<>|/%]|\bLIKE\b|\bGLOB\b|\bIS\b|\bIN\b", re.IGNORECASE)


@dataclass(frozen=True)
class Extracted:
    """What a file holds; `unread` are the places (offsets) of SQL whose end cannot be found."""

    pieces: tuple[Piece, ...]
    unread: tuple[int, ...] = ()


def extract(file: SourceFile) -> Extracted:
    """Find the SQL of one file."""
    language = file.path.suffix.lstrip(".").lower()
    if language == "sql":
        return _script(file)
    pieces: list[Piece] = []
    unread: list[int] = []
    for literal in literals(file.text, language):
        piece = _piece(literal, language)
        if piece is None:
            continue
        parts = split(piece) if piece.kind == "query" else [piece]
        if parts is None:
            unread.append(piece.offsets[0])
        else:
            pieces += parts
    return Extracted(tuple(pieces), tuple(unread))


def _script(file: SourceFile) -> Extracted:
    whole = Piece("script", file.text, file.text, tuple(range(len(file.text))))
    parts = split(whole)
    if parts is not None:
        return Extracted(tuple(parts))
    # A quote that never ends spoils what is behind it: line by line, the statements before it are whole.
    return Extracted((), (0,) if file.text.strip() else ())


def _piece(literal: Literal, language: str) -> Piece | None:
    text = "".join(literal.characters)
    if not text.strip():
        return None
    callee, opened = _callee(literal.before)
    kind = _kind(text, callee, opened=opened)
    if kind is None:
        return None
    return Piece(
        kind,
        text,
        "".join(literal.shown),
        tuple(literal.offsets),
        tuple(literal.holes),
        language,
        callee,
    )


def _callee(before: str) -> tuple[str, bool]:
    """The function whose first argument comes next, or the tag of a template."""
    called = _CALLED.search(before.rstrip("rRbBfFuU") if before.endswith(("f", "r", "b")) else before)
    if called is None:
        return "", False
    return called["name"].lstrip("$_").lower(), bool(called["open"])


def _kind(text: str, callee: str, *, opened: bool) -> Kind | None:
    if _STATEMENT.match(text):
        verb = _VERB.match(text)
        word = verb[1] if verb else ""
        sure = callee in _QUERIES or word.isupper()
        if sure or (word.islower() and _SIGNS.search(text)):
            return "query"
    if not opened:
        return None
    if callee in _CONDITIONS and " " in text.strip():
        return "fragment"
    if callee in _EXPRESSIONS and _COMPUTES.search(text) and not text.lstrip().startswith(("/", "#")):
        return "fragment"
    return None


def split(piece: Piece) -> list[Piece] | None:
    """The statements of a text; a trigger's body stays within it. None: a quote in it never ends."""
    try:
        tokens = tokenize(piece.text)
    except BadSqlError:
        return None
    parts: list[Piece] = []
    begin: int | None = None
    last = depth = 0
    trigger = False
    for place, token in enumerate(tokens):
        if begin is None:
            if token.is_operator(";"):
                continue
            begin, depth = token.start, 0
            head = tokens[place : place + 4]
            trigger = token.is_word("CREATE") and any(item.is_word("TRIGGER") for item in head)
        if trigger and token.is_word("BEGIN", "CASE"):
            depth += 1
        elif trigger and token.is_word("END"):
            depth -= 1
        if token.is_operator(";") and depth <= 0:
            parts.append(piece.part(begin, last))
            begin = None
        last = token.end
    if begin is not None:
        parts.append(piece.part(begin, last))
    return parts
