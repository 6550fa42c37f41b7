// Which rows are seen, in which order: the tree as it is expanded, filtered and sorted.

const state = {
  expanded: new Uint8Array(count), query: "", show: "all", order: "plan", from: 0, to: END, current: 0, chosen: -1,
};

const SHOWS = {
  all: "all branches",
  critical: "on the critical path",
  failed: "failed",
  timed_out: "timed out",
  cancelled: "cancelled",
  skipped: "skipped",
  running: "not ended",
  throttled: "throttled (429)",
  retried: "retried",
  undecided: "undecided votes",
};

const TESTS = {
  all: () => true,
  critical: (row) => critical.has(row),
  throttled: (row) => callsOf[row].some((call) => texts[data.calls.state[call]] === "throttled"),
  retried: (row) => callsOf[row].some((call) => data.calls.attempt[call] > 1),
  undecided: (row) => (votesOf.get(row) || []).some((vote) => textOf(vote[4]) !== "decided"),
};

function shows(row, show) {
  return TESTS[show] ? TESTS[show](row) : row >= rows.roots && status(row) === show;
}

const found = new Array(count);
function searched(row) {
  if (found[row] === undefined) {
    const { cause = -1, by = -1, error = "" } = more(row);
    const models = new Set(callsOf[row].map((call) => texts[data.calls.target[call]]));
    found[row] = [rows.name[row], word(status(row)), textOf(cause), textOf(by), error, ...models].join("\n").toLowerCase();
  }
  return found[row];
}

const keys = {
  plan: (row) => rows.order[row],
  start: (row) => rows.start[row],
  took: (row) => rows.start[row] - rows.end[row],
  waited: (row) => -rows.waited[row],
  usd: (row) => -costs()[row],
};
let allCosts = null;
function costs() {
  if (!allCosts) allCosts = rows.name.map((_, row) => costOf(row));
  return allCosts;
}

function sorted(list) {
  const key = keys[state.order];
  return list.length < 2 ? list : [...list].sort((a, b) => key(a) - key(b) || a - b);
}

// Rows that match, with those around them; null if nothing is asked for.
function matches() {
  const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length && state.show === "all") return null;
  const hits = new Set(), kept = new Set();
  for (let row = 0; row < count; row++) {
    if (!shows(row, state.show)) continue;
    if (words.length && !words.every((each) => searched(row).includes(each))) continue;
    hits.add(row);
    for (let outer = row; outer >= 0 && !kept.has(outer); outer = rows.parent[outer]) kept.add(outer);
  }
  return { hits, kept };
}

function seen() {
  const filter = matches(), list = [];
  const roots = [];
  for (let row = 0; row < count; row++) if (rows.parent[row] < 0) roots.push(row);
  const waiting = roots.reverse();
  while (waiting.length) {
    const row = waiting.pop();
    if (filter && !filter.kept.has(row)) continue;
    list.push(row);
    if (filter ? below[row].length : state.expanded[row]) waiting.push(...sorted(below[row]).reverse());
  }
  return { list, hits: filter && filter.hits };
}

function expandAll(open) {
  for (let row = 0; row < count; row++) state.expanded[row] = open || rows.parent[row] < 0 ? 1 : 0;
}

function reveal(row) {
  for (let outer = rows.parent[row]; outer >= 0; outer = rows.parent[outer]) state.expanded[outer] = 1;
}
