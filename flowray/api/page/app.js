// The page's way around: `#/` lists executions, `#/executions/ID` shows one; `?token=` may stand behind either.

import { requestJson } from "./core.js";
import { showExecution } from "./execution.js";
import { showList } from "./list.js";

const main = document.getElementById("main");
let leave = () => {};

function route() {
  leave();
  const [path, search = ""] = location.hash.replace(/^#/, "").split("?");
  const query = new URLSearchParams(search);
  const execution = /^\/executions\/([^/]+)$/.exec(path);
  document.title = "flowray";
  leave = execution
    ? showExecution(main, decodeURIComponent(execution[1]), query.get("token"))
    : showList(main, query);
}

async function showServer() {
  const info = await requestJson("/v1/info").catch(() => null);
  if (!info) return;
  const text = [`v${info.version}`, info.database, info.durability_mode].filter((part) => typeof part === "string");
  document.getElementById("server").textContent = text.join(" · ");
}

addEventListener("hashchange", () => { route(); main.focus({ preventScroll: true }); scrollTo(0, 0); });
route();
showServer();
