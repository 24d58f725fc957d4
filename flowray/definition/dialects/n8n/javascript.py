"""n8n's names in JavaScript: a program in flowray's sandbox that sees ``$json``, ``$input``, ``$('Node')`` and so on.

The values come in as ``__in`` (the item, or the list of items), ``__nodes`` (those of other nodes, by name), ``__now``
and ``__env``. What n8n adds to JavaScript beyond them is not there; ``unknown_names`` finds it.
"""

from __future__ import annotations

import re

PRELUDE = """const __items = v => (Array.isArray(v) ? v : v == null ? [] : [v]).map(
  j => j !== null && typeof j === 'object' && 'json' in j && !Array.isArray(j) ? j : {json: j ?? {}});
const __source = v => { const all = __items(v); return {
  all: () => all, first: () => all[0], last: () => all[all.length - 1], item: all[0] ?? {json: {}},
  itemMatching: i => all[i], json: (all[0] ?? {json: {}}).json, params: {}, isExecuted: v != null }; };
const $input = __source(__in), items = $input.all(), item = $input.item, $json = item.json, json = $json;
const $ = name => __source(__nodes[name]), $items = name => name ? $(name).all() : items;
const $node = new Proxy({}, {get: (_, name) => $(name)});
const $itemIndex = 0, $runIndex = 0, $env = __env;
const $if = (test, yes, no) => test ? yes : no, $ifEmpty = (v, other) => v == null || v === '' ? other : v;
const $now = {toISO: () => __now, toString: () => __now, toJSON: () => __now, toMillis: () => Date.parse(__now)};
const $today = {toISO: () => __now.slice(0, 10) + 'T00:00:00.000Z', toJSON: () => __now.slice(0, 10)};
const __unwrap = v => { if (v == null) return null; const bare = i =>
  i !== null && typeof i === 'object' && 'json' in i ? i.json : i; return Array.isArray(v) ? v.map(bare) : bare(v); };
const __define = (type, name, run) => { if (!(name in type.prototype)) Object.defineProperty(type.prototype, name,
  {value: function (...given) { return run(this.valueOf(), ...given); }, enumerable: false}); };
__define(String, 'parseJson', s => JSON.parse(s));
__define(Object, 'toJsonString', o => JSON.stringify(o));
__define(String, 'toNumber', s => Number(s));
__define(String, 'isEmpty', s => s.length === 0);
__define(String, 'isNotEmpty', s => s.length > 0);
__define(Array, 'isEmpty', a => a.length === 0);
__define(Array, 'isNotEmpty', a => a.length > 0);
__define(Array, 'first', a => a[0]);
__define(Array, 'last', a => a[a.length - 1]);
__define(Array, 'sum', a => a.reduce((x, y) => x + Number(y), 0));
__define(Array, 'unique', a => [...new Set(a)]);
__define(Array, 'compact', a => a.filter(x => x != null && x !== ''));
__define(Array, 'pluck', (a, key) => a.map(x => x[key]));
__define(Array, 'append', (a, ...more) => [...a, ...more]);
__define(String, 'removeMarkdown', s => s.replace(/[*_~`#>]/g, ''));
__define(String, 'isUrl', s => /^https?:\\/\\/\\S+$/.test(s));
__define(String, 'isEmail', s => /^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$/.test(s));
__define(String, 'toTitleCase', s => s.replace(/\\b\\w/g, c => c.toUpperCase()));
"""

_TRY = """const __try = f => {
  try { return f() ?? null; } catch (e) { if (e instanceof TypeError) return null; throw e; } };"""

_UNKNOWN = re.compile(
    r"(?<![\w$.])(DateTime|Duration|Interval|require|fetch|Buffer|process|\$jmespath|\$getWorkflowStaticData|\$binary"
    r"|\$execution|\$workflow|\$prevNode|\$parameter|\$vars|\$secrets|\$fromAI|\$response|\$helpers|\$position)(?![\w$])"
    r"|(\.binary\b|\$now\.(?!toISO|toString|toMillis)\w+|\$today\.(?!toISO)\w+|\.toDateTime\(|\.toFormat\(|this\.helpers"
    r"|\.extractUrl\(|\.extractDomain\(|\.hash\(|\.format\(|\.plus\(|\.minus\(|\bawait\b)"
)
_NAMED = re.compile(
    r"""\$(?:items)?\(\s*(?:"([^"]+)"|'([^']+)'|`([^`]+)`)|\$node\[\s*(?:"([^"]+)"|'([^']+)')\s*\]|\$node\.(\w+)"""
)


def unknown_names(code: str) -> list[str]:
    """What the code uses of n8n's that is not here, in order, without repetition."""
    return list(dict.fromkeys((match[1] or match[2]).strip("(") for match in _UNKNOWN.finditer(code)))


def nodes_named(code: str) -> list[str]:
    """Names of the nodes whose items the code reads."""
    found = [next(group for group in match.groups() if group is not None) for match in _NAMED.finditer(code)]
    return list(dict.fromkeys(found))


def reads_all(code: str) -> bool:
    """Whether the code looks at the whole list of items."""
    return bool(re.search(r"\$input\.all\(|(?<![\w$.])items\b(?!\s*[:=])|\$items\(|\.all\(\)", code))


def item_program(code: str) -> str:
    """A body of statements that returns one item, or its json."""
    return f"{PRELUDE}\nreturn __unwrap((() => {{\n{code}\n}})());"


def expressions_program(expressions: dict[str, str]) -> str:
    """An object of values. An expression that throws is null, as an empty value of n8n's is."""
    lines = ",\n".join(f"  {key}: __try(() => ({text}))" for key, text in expressions.items())
    return f"{PRELUDE}\n{_TRY}\nreturn {{\n{lines}\n}};"
