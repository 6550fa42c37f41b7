// The page of the service: starts runs, follows one of them, and answers what it asks. Texts of others are only
// ever set as text (textContent), never as HTML.
import { asked } from "/page/form.js";
import { asNodes, make } from "/page/nodes.js";

const SAMPLE = {
  "shop/orders.py": `import sqlite3


def find_orders(database, customer):
    query = f"SELECT id, total FROM orders WHERE customer = '{customer}'"
    return sqlite3.connect(database).execute(query).fetchall()


def average(orders):
    return sum(total for _, total in orders) / len(orders)
`,
};
const ICONS = {
  planned: "○", waiting: "◔", running: "▸", ok: "✓", failed: "✗", timed_out: "✗", skipped: "↷", cancelled: "⊘",
};
const WORDS = { planned: "in line", timed_out: "timed out", asking: "asks you", waiting: "waits" };
const CAUSES = {
  needs: "for other branches", slot: "for a slot", rate: "for the endpoint's pace", budget: "for the budget",
  retry: "to try again", rest: "for the endpoint to recover", leader: "for the first of its kind",
  batch: "for the batch", person: "for you",
};
const OVER = ["done", "failed", "cancelled"];
const $ = (id) => document.getElementById(id);
let shown = null; // the run that is shown
let listed = new Map();
let listings = 0;

async function call(path, options = {}) {
  const headers = { Authorization: `Bearer ${sessionStorage.getItem("key") ?? ""}`, ...options.headers };
  if (options.body) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { ...options, headers });
  if (response.ok) return response;
  const { detail } = await response.json().catch(() => ({ detail: response.statusText }));
  const text = typeof detail === "string" ? detail : detail.map((one) => `${one.loc.at(-1)}: ${one.msg}`).join("; ");
  throw Object.assign(new Error(text), { status: response.status });
}

const post = (path, body) => call(path, { method: "POST", body: body && JSON.stringify(body) });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Runs: the list, and the one that is shown.

async function list() {
  if (!sessionStorage.getItem("key")) return;
  const number = ++listings;
  const runs = await (await call("/runs")).json();
  if (number !== listings) return; // a later answer is on its way, or was here first
  const items = new Map(runs.map((run) => [run.id, listed.get(run.id) ?? listItem(run)]));
  for (const run of runs) {
    const { button, state } = items.get(run.id);
    state.textContent = `${WORDS[run.status] ?? run.status} · $${run.usd.toFixed(4)}`;
    button.setAttribute("aria-current", String(run.id === shown?.id));
  }
  for (const [id, { item }] of listed) if (!items.has(id)) item.remove();
  runs.forEach((run, at) => {
    const { item } = items.get(run.id);
    if ($("runs").children[at] !== item) $("runs").insertBefore(item, $("runs").children[at] ?? null);
  });
  listed = items;
  $("no-runs").hidden = runs.length > 0;
}

function listItem(run) {
  const state = make("span", { className: "quiet" });
  const button = make("button", { type: "button" }, [new Date(run.created * 1000).toLocaleTimeString(), state]);
  button.addEventListener("click", () => open(run.id, true));
  return { item: make("li", {}, [button]), button, state };
}

async function open(id, focus) {
  shown?.following.abort();
  const following = new AbortController();
  shown = { id, last: "", status: "", note: "", nodes: new Map(), graphs: new Map(), calls: new Set(), following };
  location.hash = id;
  $("tree").replaceChildren();
  $("run-title").textContent = `Run ${id}`;
  for (const part of ["answer", "result"]) $(part).hidden = true;
  $("run").hidden = false;
  $("nothing").hidden = true;
  $("calls").textContent = "0";
  if (focus) $("run-title").focus();
  await follow(shown);
}

async function refresh(view) {
  const run = await (await call(`/runs/${view.id}`)).json();
  if (view !== shown) return run;
  setStatus(view, run.status, run.problem);
  setCost(run.usd);
  if (run.status === "asking") showForm(view, run);
  else $("answer").hidden = true;
  if (run.result) showResult(run.result);
  list().catch(() => {});
  return run;
}

function setStatus(view, status, problem) {
  view.status = status;
  const words = { waiting: "Waits for its turn", running: "Running", asking: "Asks you to decide" };
  const word = words[status] ?? status.charAt(0).toUpperCase() + status.slice(1);
  const text = [word, problem ?? view.note].filter(Boolean).join(": ");
  if ($("status").textContent !== text) $("status").textContent = text; // is read aloud
  $("status").className = `status ${status}`;
  $("cancel").hidden = OVER.includes(status);
  $("cancel").disabled = false;
}

const setCost = (usd) => ($("cost").textContent = `$${usd.toFixed(4)}`);

// Events: they are followed until the run is over or asks, also over restarts of the service.

async function follow(view) {
  let wait = 500;
  while (view === shown) {
    try {
      await refresh(view);
      const headers = view.last ? { "Last-Event-ID": view.last } : {};
      const response = await call(`/runs/${view.id}/events`, { headers, signal: view.following.signal });
      for await (const { id, event } of lines(response.body)) {
        wait = 500;
        view.last = id || view.last;
        if (event.event === "over") return await end(view);
        if (event.event === "begun") await refresh(view);
        else apply(view, event);
      }
    } catch (error) {
      if (view === shown && [401, 404].includes(error.status)) return setStatus(view, "failed", error.message);
    }
    if (view !== shown) return;
    $("status").textContent = "Connection lost; trying again";
    await pause(wait);
    wait = Math.min(2 * wait, 8000);
  }
}

async function* lines(body) {
  let text = "";
  for await (const chunk of chunks(body.pipeThrough(new TextDecoderStream()))) {
    const blocks = (text + chunk).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const field = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      if (field.data) yield { id: field.id, event: JSON.parse(field.data) };
    }
  }
}

async function* chunks(stream) {
  const reader = stream.getReader();
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) yield value;
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function end(view) {
  const { status } = await refresh(view);
  const isOver = OVER.includes(status);
  for (const node of view.nodes.values()) {
    if (isOver && ["planned", "waiting", "running"].includes(node.status)) set(view, node, "cancelled");
  }
}

function apply(view, event) {
  if (event.event === "queued") return;
  if (event.event === "run_started" && event.branch.length === 0) view.graphs.set(event.run, event.graph);
  if (event.run_usd !== undefined) setCost(event.run_usd);
  const path = [view.graphs.get(event.run) ?? event.graph, ...event.branch];
  const node = at(view, path);
  switch (event.event) {
    case "run_started": return set(view, node, "running");
    case "planned":
      for (const { id, name, needs } of event.sections) plan(view, [...path, id], name, needs, event.kept);
      for (const id of event.voters) plan(view, [...path, id], id, [], event.kept);
      return;
    case "started": node.name.textContent = event.name; return set(view, node, "running");
    case "waiting": return set(view, node, "waiting", cause(event));
    case "working": return set(view, node, "running");
    case "calling": return set(view, node, "running", event.attempt > 1 ? `attempt ${event.attempt}` : "");
    case "called":
      if (event.kind === "model") view.calls.add(event.call);
      $("calls").textContent = view.calls.size;
      return set(view, node, "running");
    case "ended": return set(view, node, event.status, event.error ?? "");
    case "run_ended":
      if (event.branch.length === 0 && event.status !== "interrupted")
        set(view, node, event.status === "partial" ? "ok" : event.status, event.error ?? "");
      return;
    case "vote": node.vote = heard(event); return tell(node);
    case "verdict":
      node.vote = verdict(event);
      for (const [key, one] of view.nodes)
        if (key.startsWith(`${path.join("\n")}\n`) && one.status === "planned") set(view, one, "skipped", "not asked");
      return tell(node);
  }
}

// The tree of branches: one item for each path, whose texts change and whose place stays.

function at(view, path) {
  const key = path.join("\n");
  if (view.nodes.has(key)) return view.nodes.get(key);
  const [icon, name, word, more] = ["icon", "name", "word", "more"].map((className) => make("span", { className }));
  icon.setAttribute("aria-hidden", "true");
  name.textContent = path.at(-1);
  const row = make("div", {}, [icon, name, word, more]);
  const below = make("ul");
  const node = { name, icon, word, more, row, below, note: "", vote: "", isLeaf: path.length > 1 };
  view.nodes.set(key, node);
  (path.length > 1 ? at(view, path.slice(0, -1)).below : $("tree")).append(make("li", {}, [row, below]));
  return set(view, node, "planned");
}

function plan(view, path, name, needs, kept) {
  const node = at(view, path);
  if (node.status !== "planned") return;
  node.name.textContent = name;
  if (kept.includes(path.at(-1))) set(view, node, "ok", "kept from before");
  else if (needs.length) set(view, node, "waiting", `for ${needs.join(", ")}`);
}

function set(view, node, status, text = "") {
  node.status = status;
  node.row.className = `branch ${status}`;
  node.icon.textContent = ICONS[status] ?? "•";
  node.word.textContent = WORDS[status] ?? status;
  node.note = text;
  const branches = [...view.nodes.values()].filter((one) => one.isLeaf);
  const ended = branches.filter((one) => !["planned", "waiting", "running"].includes(one.status));
  $("branches").textContent = `${ended.length} of ${branches.length}`;
  return tell(node);
}

function tell(node) {
  node.more.textContent = [node.note, node.vote].filter(Boolean).join(" · ");
  return node;
}

function cause({ on, needs, seconds }) {
  const what = needs.length ? `for ${needs.join(", ")}` : (CAUSES[on] ?? `for ${on}`);
  return seconds ? `${what}, ${seconds.toFixed(1)} s` : what;
}

function heard({ heard, of, leader, votes, tied }) {
  if (typeof leader !== "string") return `${heard} of ${of} heard`;
  return `${heard} of ${of} heard; ${leader} ${tied ? "is tied" : "leads"} with ${votes}`;
}

function verdict({ status, choice, k, n, decided_by: by, not_asked: saved }) {
  const rest = saved ? `; ${saved} not asked` : "";
  if (Array.isArray(choice)) return `verdict of ${n}: ${choice.length} reported${rest}`;
  if (choice == null) return `no verdict of ${n}: ${status.replaceAll("_", " ")}${rest}`;
  return by === "person" ? `verdict: ${choice}, by a person` : `verdict: ${choice}, ${k} of ${n}${rest}`;
}

// What a run asks, and what came of it.

function showResult({ report, choice, decided_by: by }) {
  $("decision").textContent = choice ? `Decision: ${choice}, by ${by === "person" ? "a person" : "vote"}` : "Undecided";
  $("report").className = "text";
  $("report").replaceChildren(...asNodes(report));
  $("result").hidden = false;
}

function showForm(view, { id, form, problem }) {
  if (!$("answer").hidden && $("answer").dataset.run === id) return; // what is typed stays
  const requests = form.action_requests.map((request, at) => asked(request, form.review_configs[at], at));
  const error = make("p", { className: "problem", id: "answer-problem", textContent: problem ?? "" });
  error.setAttribute("role", "alert");
  const button = make("button", { className: "main", textContent: "Answer" });
  $("answer").replaceChildren(...requests.map((one) => one.part), error, button);
  $("answer").dataset.run = id;
  $("answer").hidden = false;
  $("answer").onsubmit = alone(async () => {
    error.textContent = "";
    try {
      await post(`/runs/${id}/answer`, { decisions: requests.map((one) => one.decision()) });
    } catch (refused) {
      if (refused.status !== 409) return (error.textContent = refused.message);
      view.note = refused.message; // it was answered or cancelled elsewhere
    }
    if (view !== shown) return;
    $("answer").hidden = true;
    $("run-title").focus();
    follow(view);
  });
}

// Forms and buttons.

// What is sent again while an answer is awaited would be a second run, or a second decision.
function alone(act) {
  let isBusy = false;
  return async (event) => {
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    try {
      await act();
    } finally {
      isBusy = false;
    }
  };
}

function given() {
  const kind = $("kind").value;
  if (kind === "sample") return { files: SAMPLE };
  return kind === "diff" ? { diff: $("text").value } : { files: { [$("path").value]: $("text").value } };
}

$("kind").addEventListener("change", () => {
  $("file-part").hidden = $("kind").value !== "file";
  $("text-part").hidden = $("kind").value === "sample";
});
$("new-form").addEventListener("submit", alone(async () => {
  $("new-problem").textContent = "";
  try {
    const { id } = await (await post("/runs", given())).json();
    open(id, true);
  } catch (error) {
    $("new-problem").textContent = error.message;
  }
}));
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("key", $("key").value);
  document.body.inert = true; // until the page is there again, nothing of it can be used
  location.hash = "";
  location.reload(); // nothing of another tenant stays
});
$("record").addEventListener("click", async () => {
  try {
    const page = await (await call(`/runs/${shown.id}/record?view=html`)).blob();
    const address = URL.createObjectURL(page);
    make("a", { href: address, download: `run-${shown.id}.html` }).click();
    URL.revokeObjectURL(address);
  } catch (refused) {
    $("status").textContent = refused.message;
  }
});

$("cancel").addEventListener("click", async () => {
  const view = shown;
  $("cancel").disabled = true;
  await post(`/runs/${view.id}/cancel`).catch((error) => ($("status").textContent = error.message));
  if (view.status === "asking") follow(view); // of which nobody tells anything meanwhile
});

async function keepListing() {
  for (;;) {
    await list().catch((error) => ($("new-problem").textContent = error.status === 401 ? error.message : ""));
    await pause(3000);
  }
}

$("key").value = sessionStorage.getItem("key") ?? "";
document.body.inert = false; // now a form that is sent is ours to send
keepListing();
if (location.hash.length > 1 && $("key").value) open(location.hash.slice(1), false);
