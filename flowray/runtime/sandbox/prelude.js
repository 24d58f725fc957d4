// What a JavaScript program finds in its context, and how its end is told. One line when it runs; no line comments
// after code. ``drive("run", names, roots, source, printedLimit)``, then ``drive("report")`` and ``drive("value")``.
// JSON.parse gives back what is parsed already: real programs do not know whether they are given text, and the
// language's own answer to anything else is an error about "[object Object]".
(() => {
  const parse = JSON.parse, stringify = JSON.stringify;
  const printed = { stdout: [], stderr: [] }, room = { stdout: 0, stderr: 0 };
  let report = { state: "running" }, value = "null";
  const shown = (item) => {
    if (typeof item === "string") return item;
    if (item instanceof Error) return item.name + ": " + item.message;
    if (typeof item === "object" && item !== null) { try { return stringify(item); } catch { return "[circular]"; } }
    return String(item);
  };
  const printer = (stream) => (...items) => {
    const line = items.map(shown).join(" ");
    if (room[stream] <= 0) return;
    room[stream] -= line.length + 1;
    printed[stream].push((room[stream] < 0 ? line.slice(0, room[stream]) + "…" : line) + "\n");
  };
  const nothing = () => undefined;
  const out = printer("stdout"), err = printer("stderr");
  const console = { log: out, info: out, debug: out, dir: out, table: out, warn: err, error: err, trace: err,
    assert: (holds, ...items) => { if (!holds) err("Assertion failed:", ...items); } };
  for (const name of ["group", "groupEnd", "time", "timeEnd", "count", "clear"]) console[name] = nothing;
  const absent = {
    fetch: "code reaches no network; an http node does", XMLHttpRequest: "code reaches no network; an http node does",
    WebSocket: "code reaches no network", require: "code loads no modules",
    setTimeout: "nothing here waits; a wait node does", setInterval: "nothing here waits; a wait node does",
    setImmediate: "nothing here waits; Promise.resolve().then does"
  };
  const define = (name, item) => Object.defineProperty(globalThis, name,
    { value: item, writable: true, configurable: true, enumerable: false });
  JSON.parse = (text, reviver) => typeof text === "object" && text !== null ? text : parse(text, reviver);
  for (const [name, why] of Object.entries(absent))
    define(name, function () { throw new TypeError(name + " is not available here: " + why); });
  define("console", console);
  Map.prototype.toJSON = function () { return Object.fromEntries(this); };
  Set.prototype.toJSON = function () { return [...this]; };
  Error.prototype.toJSON = function () { return { name: this.name, message: this.message }; };
  BigInt.prototype.toJSON = function () {
    const number = Number(this); return Number.isSafeInteger(number) ? number : String(this);
  };
  const thrown = (error) => {
    const real = error instanceof Error;
    let message; try { message = real ? String(error.message) : shown(error); } catch { message = "(not shown)"; }
    report = { state: "failed", name: real ? String(error.name) : "", message, stack: real ? String(error.stack) : "" };
  };
  const run = (names, roots, source, limit) => {
    room.stdout = room.stderr = limit;
    const all = parse(names);
    for (const key of Object.keys(all))
      if (/^[A-Za-z_$][\w$]*$/.test(key) && !(key in globalThis)) define(key, all[key]);
    const further = parse(roots);
    for (const key of Object.keys(further)) define(key, further[key]);
    for (const key of ["inputs", "variables", "context"]) define(key, all);
    try {
      (0, eval)(source)().then((result) => {
        const text = stringify(result);
        value = text === undefined ? "null" : text;
        report = { state: "done" };
      }).catch(thrown);
    } catch (error) { thrown(error); }
  };
  return (what, ...rest) => {
    if (what === "run") return run(...rest);
    if (what === "value") return value;
    return stringify({ ...report, stdout: printed.stdout.join(""), stderr: printed.stderr.join("") });
  };
})()
