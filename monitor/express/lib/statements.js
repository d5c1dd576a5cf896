'use strict';

// SQL without what its literals say, so that slow statements can be told apart and nobody's data is kept. The twin of
// ../../middleware/statements.py; ../../middleware/vectors.json pins the results.

/** Longer SQL is cut before it is looked at, and the result once more. */
const LONGEST_READ = 20_000;
const LONGEST = 4_000;

const TOKEN = new RegExp(
  [
    /(?<skip>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[ \t\r\n\f\v]+)/,
    /(?<literal>[eE]'(?:[^'\\]|''|\\[\s\S])*(?:'|$)|(?:[xXbBnN]|[uU]&)?'(?:[^']|'')*(?:'|$)|\$(?<tag>[A-Za-z_][A-Za-z0-9_]*|)\$[\s\S]*?(?:\$\k<tag>\$|$)|\?[0-9]*|\$[0-9]+|(?<![:A-Za-z0-9_])[:@$][A-Za-z_][A-Za-z0-9_]*|0[xX][0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)/,
    /(?<quoted>"(?:[^"]|"")*(?:"|$))/,
    /(?<name>`(?:[^`]|``)*(?:`|$)|\[[A-Za-z_][A-Za-z0-9_ ]*\]|[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*)/,
    /(?<other>[\s\S])/,
  ]
    .map((part) => part.source)
    .join('|'),
  'g',
);
const DOT_FOLLOWS = /[ \t\r\n\f\v]*\./y;
const BEFORE_VALUE = new Set(['=', '<', '>', 'LIKE', 'GLOB', 'MATCH', 'REGEXP', 'BETWEEN']);
const LISTS = new Set(['IN', 'VALUES']);
const IN_LIST = /\b(IN ?)\( ?\?(?: ?, ?\?)+ ?\)/gi;
const ROWS = /\b(VALUES ?\([^()]*\))(?: ?, ?\([^()]*\))+/gi;

function dotFollows(sql, position) {
  DOT_FOLLOWS.lastIndex = position;
  return DOT_FOLLOWS.test(sql);
}

/** A statement with `?` in place of every literal and parameter, at most LONGEST characters. */
function withoutLiterals(statement) {
  const sql = statement.slice(0, LONGEST_READ);
  const parts = [];
  const lists = []; // of each open parenthesis, whether it holds values
  let closedList = false;
  let before = '';
  for (const token of sql.matchAll(TOKEN)) {
    const { skip, literal, quoted } = token.groups;
    let [text] = token;
    if (skip !== undefined) {
      if (parts.length > 0 && parts.at(-1) !== ' ') {
        parts.push(' ');
      }
      continue;
    }
    if (literal !== undefined) {
      text = '?';
    } else if (quoted !== undefined) {
      // SQLite takes "abc" for a string where no column is called so: no name stands alone there.
      const standsAlone = before !== '.' && !dotFollows(sql, token.index + text.length);
      const holdsValues = lists.at(-1) === true && (before === '(' || before === ',');
      if (standsAlone && (BEFORE_VALUE.has(before) || holdsValues)) {
        text = '?';
      }
    } else if (text === '(') {
      lists.push(LISTS.has(before) || (before === ',' && closedList));
    } else if (text === ')') {
      closedList = lists.pop() ?? false;
    }
    parts.push(text);
    before = text.toUpperCase();
  }
  const written = parts
    .join('')
    .replace(/^[ ;]+|[ ;]+$/g, '')
    .replace(IN_LIST, '$1(?)')
    .replace(ROWS, '$1');
  return written.length <= LONGEST ? written : `${written.slice(0, LONGEST - 1)}…`;
}

module.exports = { LONGEST, withoutLiterals };
