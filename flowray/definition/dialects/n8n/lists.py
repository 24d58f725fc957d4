"""n8n's nodes that work on all items at once, each as a JavaScript program over the list ``all``. Runs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowray.definition.dialects.n8n.document import N8nNode, as_object, rows
from flowray.definition.dialects.n8n.expressions import Texts

Program = tuple[str, dict[str, Any]]

_HEAD = """const list = v => Array.isArray(v) ? v.filter(x => x != null) : v == null ? [] : [v];
const at = (item, path) => path.split('.').reduce((v, key) => v == null ? v : v[key], item);
const put = (item, path, value) => { const keys = path.split('.'); const last = keys.pop();
  let place = item; for (const key of keys) place = place[key] ??= {}; place[last] = value; return item; };
"""


def _aggregate(node: N8nNode, _: Texts) -> Program:
    if node.text("aggregate") == "aggregateAllItemData" or node.params.get("operation") == "aggregateAllItemData":
        return f"{_HEAD}return {{[field]: list(all)}};", {"field": node.text("destinationFieldName", "data")}
    fields = [
        {
            "from": row.get("fieldToAggregate"),
            "to": row.get("outputFieldName") or str(row.get("fieldToAggregate") or "").split(".")[-1],
        }
        for row in rows(node.params.get("fieldsToAggregate"), "fieldToAggregate")
        if row.get("fieldToAggregate")
    ]
    code = "const out = {}; for (const f of fields) out[f.to] = list(all).map(i => at(i, f.from)); return out;"
    return _HEAD + code, {"fields": fields}


def _split(node: N8nNode, _: Texts) -> Program:
    fields = [name.strip() for name in node.text("fieldToSplitOut").split(",") if name.strip()]
    include = node.text("include", "noOtherFields")
    code = """const out = [];
for (const item of list(all)) {
  const columns = fields.map(f => { const v = at(item, f);
    return Array.isArray(v) ? v : v != null && typeof v === 'object' ? Object.values(v) : [v]; });
  const others = Object.entries(item).filter(([k]) => include === 'allOtherFields' && !fields.includes(k));
  const rest = Object.fromEntries(others);
  for (let i = 0; i < Math.max(0, ...columns.map(c => c.length)); i++) {
    const row = {...rest};
    fields.forEach((f, n) => { const v = columns[n][i];
      const bare = fields.length === 1 && include === 'noOtherFields';
      if (bare && v !== null && typeof v === 'object' && !Array.isArray(v)) Object.assign(row, v);
      else row[target || f.split('.').pop()] = v; });
    out.push(row);
  }
}
return out;"""
    return _HEAD + code, {
        "fields": fields,
        "include": include,
        "target": str(node.options.get("destinationFieldName") or ""),
    }


def _item_lists(node: N8nNode, texts: Texts) -> Program:
    match node.text("operation", "splitOutItems"):
        case "aggregateItems" | "concatenateItems":
            return _aggregate(node, texts)
        case "limit":
            return _limit(node, texts)
        case "sort":
            return _sort(node, texts)
        case "removeDuplicates":
            return _unique(node, texts)
    return _split(node, texts)


def _limit(node: N8nNode, texts: Texts) -> Program:
    most = texts.value(node.params.get("maxItems", 1))
    code = "return keep === 'lastItems' ? list(all).slice(-most) : list(all).slice(0, most);"
    return _HEAD + code, {"most": most, "keep": node.text("keep", "firstItems")}


def _sort(node: N8nNode, _: Texts) -> Program:
    if node.text("type") == "code":
        node.unsupported("code", "A sort by a program of its own keeps the order.")
    keys = rows(node.params.get("sortFieldsUi"), "sortField")
    code = """return list(all).sort((a, b) => {
  for (const {fieldName, order} of keys) {
    const x = at(a, fieldName), y = at(b, fieldName), way = order === 'descending' ? -1 : 1;
    if (x < y) return -way;
    if (x > y) return way;
  }
  return 0;
});"""
    return _HEAD + code, {"keys": keys}


def _unique(node: N8nNode, _: Texts) -> Program:
    if (
        node.text("operation", "removeDuplicateInputItems") != "removeDuplicateInputItems"
        and node.kind == "removeDuplicates"
    ):
        node.unsupported("operation", "Items of earlier executions are not remembered.")
    fields = [name.strip() for name in node.text("fieldsToCompare").split(",") if name.strip()]
    code = """const seen = new Set();
return list(all).filter(item => {
  const key = JSON.stringify(fields.length ? fields.map(f => at(item, f)) : item);
  return !seen.has(key) && seen.add(key);
});"""
    return _HEAD + code, {"fields": fields}


def _summarize(node: N8nNode, _: Texts) -> Program:
    fields = rows(node.params.get("fieldsToSummarize"), "values")
    by = [name.strip() for name in node.text("fieldsToSplitBy").split(",") if name.strip()]
    code = """const groups = new Map();
for (const item of list(all)) {
  const key = JSON.stringify(by.map(f => at(item, f)));
  if (!groups.has(key)) groups.set(key, []);
  groups.get(key).push(item);
}
const answers = {count: v => v.length, countUnique: v => new Set(v.map(x => JSON.stringify(x))).size,
  sum: v => v.reduce((a, b) => a + Number(b), 0), min: v => Math.min(...v), max: v => Math.max(...v),
  average: v => v.reduce((a, b) => a + Number(b), 0) / v.length, append: v => v,
  concatenate: (v, f) => v.join(f.separateBy === 'other' ? f.customSeparator : f.separateBy ?? ',')};
const names = {append: 'appended', concatenate: 'concatenated', countUnique: 'unique_count'};
const out = [...groups.values()].map(group => {
  const row = {};
  for (const f of by) put(row, f, at(group[0], f));
  for (const f of fields) {
    const how = f.aggregation ?? 'count', values = group.map(i => at(i, f.field)).filter(v => v != null && v !== '');
    row[`${names[how] ?? how}_${f.field.replaceAll('.', '_')}`] = answers[how](values, f);
  }
  return row;
});
return by.length ? out : out[0] ?? {};"""
    return _HEAD + code, {"fields": fields, "by": by}


LIST_PROGRAMS: dict[str, Callable[[N8nNode, Texts], Program]] = {
    "aggregate": _aggregate,
    "splitOut": _split,
    "itemLists": _item_lists,
    "limit": _limit,
    "sort": _sort,
    "removeDuplicates": _unique,
    "summarize": _summarize,
}


def merge_program(node: N8nNode) -> Program:
    """``lists`` holds the items of each input; one whose way was not taken is empty."""
    mode = node.text("mode", "append")
    combine = node.text("combinationMode", node.text("combineBy", "combineByFields" if mode == "combine" else ""))
    old = {"mergeByIndex": "combineByPosition", "mergeByPosition": "combineByPosition", "mergeByKey": "combineByFields",
           "multiplex": "combineAll", "mergeByFields": "combineByFields", "passThrough": "chooseBranch",
           "wait": "chooseBranch"}  # fmt: skip
    how = old.get(mode, mode) if mode != "combine" else old.get(combine, combine)
    pairs = rows(node.params.get("mergeByFields"), "values") or rows(node.params.get("fieldsToMatch"), "values")
    keys = [[str(row.get("field1")), str(row.get("field2") or row.get("field1"))] for row in pairs]
    keys += [[name.strip(), name.strip()] for name in node.text("fieldsToMatchString").split(",") if name.strip()]
    if node.params.get("propertyName1"):
        keys.append([node.text("propertyName1"), node.text("propertyName2")])
    if mode == "combineBySql":
        node.unsupported("query", "A merge by SQL appends the items instead.")
    chosen = 1 if node.params.get("output") == "input2" or node.params.get("useDataOfInput") in (2, "2") else 0
    code = """const [a, b] = [list(lists[0]), list(lists[1])];
switch (how) {
  case 'chooseBranch': return [a, b][chosen].length === 1 ? [a, b][chosen][0] : [a, b][chosen];
  case 'combineByPosition': return a.slice(0, unpaired ? undefined : b.length || undefined)
    .map((x, i) => ({...x, ...b[i]})).concat(unpaired ? b.slice(a.length) : []);
  case 'combineAll': return a.flatMap(x => b.map(y => ({...x, ...y})));
  case 'combineByFields': {
    const same = (x, y) => keys.every(([f, g]) => at(x, f) === at(y, g));
    const joined = a.flatMap(x => b.filter(y => same(x, y)).map(y => ({...x, ...y})));
    if (join === 'enrichInput1') return a.map(x => ({...x, ...b.find(y => same(x, y))}));
    if (join === 'enrichInput2') return b.map(y => ({...a.find(x => same(x, y)), ...y}));
    if (join === 'keepNonMatches') return a.filter(x => !b.some(y => same(x, y)));
    if (join === 'keepEverything') return joined.concat(
      a.filter(x => !b.some(y => same(x, y))), b.filter(y => !a.some(x => same(x, y))));
    return joined;
  }
  default: return lists.flatMap(list);
}"""
    settings = {
        "how": how, "keys": keys, "join": node.text("joinMode", "keepMatches"), "chosen": chosen,
        "unpaired": bool(as_object(node.params.get("options")).get("includeUnpaired")),
    }  # fmt: skip
    return _HEAD + code, settings
