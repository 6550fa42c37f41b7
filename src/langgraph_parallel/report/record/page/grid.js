// The list of branches: only the rows in view are in the page, so that thousands scroll smoothly.

const narrow = matchMedia("(max-width: 44rem)");
const AROUND = 8;
let HEIGHT = 28; // of a row in pixels, as in the styles
const ICONS = { ok: "✓", failed: "✕", timed_out: "◷", cancelled: "–", skipped: "○", running: "…", partial: "!", interrupted: "‖" };
const grid = document.getElementById("grid");
const axis = element("div", { class: "axis" });
const head = element("div", { role: "row", class: "head", "aria-rowindex": 1 },
  element("div", { role: "columnheader" }, "Branch"),
  element("div", { role: "columnheader", "aria-label": "Time" }, axis),
  element("div", { role: "columnheader", class: "took" }, "Took"));
const marks = element("div");
const body = element("div", { role: "rowgroup", class: "body" });
const lines = element("div", { class: "marks", "aria-hidden": "true" }, marks);
const made = new Map();
let view = { list: [], hits: null }, places = new Map(), waitingFrame = 0;

function refresh() {
  view = seen();
  places = new Map(view.list.map((row, place) => [row, place]));
  if (!places.has(state.current)) state.current = view.list.length ? view.list[0] : -1;
  grid.setAttribute("aria-rowcount", view.list.length + 1);
  const number = view.hits ? view.hits.size : view.list.length;
  const total = count.toLocaleString("en");
  document.getElementById("found").textContent =
    view.hits ? `${number.toLocaleString("en")} of ${total} rows match` : `${number.toLocaleString("en")} of ${total} rows`;
  redraw();
}

function redraw() {
  const hadFocus = body.contains(document.activeElement);
  for (const row of made.values()) row.remove();
  made.clear();
  HEIGHT = narrow.matches ? 46 : 28;
  body.style.height = Math.max(1, view.list.length) * HEIGHT + "px";
  drawAxis();
  draw();
  if (hadFocus && made.has(state.current)) made.get(state.current).focus({ preventScroll: true });
}

function soon() {
  if (!waitingFrame) waitingFrame = requestAnimationFrame(() => { waitingFrame = 0; draw(); });
}

function draw() {
  const top = Math.max(0, Math.floor(grid.scrollTop / HEIGHT) - AROUND);
  const bottom = Math.min(view.list.length, Math.ceil((grid.scrollTop + grid.clientHeight) / HEIGHT) + AROUND);
  const wanted = new Set(view.list.slice(top, bottom));
  if (places.has(state.current)) wanted.add(state.current); // else the focus would be lost
  for (const [row, drawn] of made) {
    if (!wanted.has(row)) { drawn.remove(); made.delete(row); }
  }
  let next = null; // in the order of the list, for who reads the page without seeing it; what has the focus stays
  for (const row of [...wanted].sort((a, b) => places.get(b) - places.get(a))) {
    if (!made.has(row)) {
      made.set(row, drawRow(row));
      body.insertBefore(made.get(row), next);
    }
    next = made.get(row);
  }
}

function isOpen(row) { return view.hits ? true : Boolean(state.expanded[row]); }

function drawRow(row) {
  const place = places.get(row), inner = below[row].length;
  const words = [word(status(row))];
  if (critical.has(row)) words.push("on the critical path");
  const drawn = element("div", {
    role: "row", class: `row ${status(row)}${critical.has(row) ? " critical" : ""}${view.hits && !view.hits.has(row) ? " dim" : ""}`,
    "aria-level": level[row] + 1, "aria-rowindex": place + 2, "aria-expanded": inner ? String(isOpen(row)) : null,
    "aria-selected": String(row === state.chosen), tabindex: row === state.current ? 0 : -1, "data-row": row,
  },
  element("div", { role: "gridcell", class: "name", title: rows.name[row] },
    element("span", { class: "twist", "aria-hidden": "true" }, inner ? (isOpen(row) ? "▾" : "▸") : ""),
    element("span", { class: "icon", "aria-hidden": "true" }, ICONS[status(row)] || "•"),
    element("span", { class: "label" }, rows.name[row]),
    element("span", { class: "sr" }, `, ${words.join(", ")}`)),
  drawBars(row),
  element("div", { role: "gridcell", class: "took" }, seconds(rows.end[row] - rows.start[row])));
  drawn.style.top = place * HEIGHT + "px";
  drawn.style.setProperty("--level", level[row]);
  return drawn;
}

function drawBars(row) {
  const waited = rows.waited[row], took = rows.end[row] - rows.start[row];
  const words = `from ${seconds(rows.start[row])} on, ${seconds(took)}: ${seconds(Math.max(0, took - waited))} working, ${seconds(waited)} waiting`;
  const bars = element("div", { role: "gridcell", class: "bars" }, element("span", { class: "sr" }, words));
  put(bars, "base", rows.start[row], rows.end[row]);
  for (const wait of merged(waitsOf[row], data.waits)) put(bars, "wait", wait.start, wait.end);
  const closed = below[row].length && !isOpen(row);
  const inner = closed ? [...family(row)].slice(1) : [];
  putCalls(bars, "work thin", inner.flatMap((each) => callsOf[each]).sort((a, b) => data.calls.start[a] - data.calls.start[b]));
  putCalls(bars, "work", callsOf[row]);
  for (const each of [row, ...inner]) for (const step of stepsOf.get(each) || []) put(bars, "lit", step.start, step.end);
  for (const vote of votesOf.get(row) || []) if (vote[3] >= 0) put(bars, "stop", vote[3], vote[3]);
  return bars;
}

function putCalls(bars, kind, calls) {
  for (const call of merged(calls, data.calls)) {
    const outcome = texts[call.state];
    put(bars, outcome === "ok" ? kind : `${kind} ${outcome}`, call.start, call.end);
  }
}

// Spans of one row, with those that would be less than a pixel joined to those before.
function merged(numbers, columns) {
  const least = (state.to - state.from) / 1000, list = [];
  for (const number of numbers) {
    const start = columns.start[number], end = columns.end[number], kind = columns.state ? columns.state[number] : 0;
    const last = list[list.length - 1];
    if (last && last.state === kind && start - last.end < least && end - start < least && numbers.length > 50) last.end = Math.max(last.end, end);
    else list.push({ start, end, state: kind });
  }
  return list;
}

function put(parent, kind, start, end) {
  if (end < state.from || start > state.to) return;
  const width = state.to - state.from, begin = Math.max(start, state.from), finish = Math.min(end, state.to);
  const drawn = element("i", { class: kind });
  drawn.style.left = `min(${100 * (begin - state.from) / width}%, 100% - 2px)`;
  drawn.style.width = 100 * (finish - begin) / width + "%";
  parent.append(drawn);
}

function drawAxis() {
  const width = state.to - state.from, pixels = axis.clientWidth || 600;
  const least = width / Math.max(2, pixels / 80);
  let step = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  for (const factor of [1, 2, 5, 10]) if (step * factor >= least) { step *= factor; break; }
  axis.replaceChildren();
  marks.replaceChildren();
  for (let tick = Math.ceil(state.from / step) * step; tick < state.to; tick += step) {
    const left = 100 * (tick - state.from) / width + "%";
    const label = element("span", {}, tick ? seconds(tick) : "0"), mark = element("i");
    label.style.left = mark.style.left = left;
    if (tick - state.from < 0.93 * width) axis.append(label); // else it would be cut off
    marks.append(mark);
  }
  for (const seam of data.seams) {
    if (seam < state.from || seam > state.to) continue;
    const mark = element("i", { class: "seam" });
    mark.style.left = 100 * (seam - state.from) / width + "%";
    marks.append(mark);
  }
  for (const chart of document.querySelectorAll(".chart")) {
    chart.setAttribute("viewBox", `${1000 * state.from / END} 0 ${1000 * width / END} 100`);
  }
}

function setTime(from, to) {
  const width = Math.min(END, Math.max(Math.min(END, 10), to - from));
  state.from = Math.min(Math.max(0, from), END - width);
  state.to = state.from + width;
  redraw();
}

function zoom(factor, share = 0.5) {
  const width = state.to - state.from, center = state.from + share * width;
  setTime(center - share * width * factor, center + (1 - share) * width * factor);
}

function move(share) {
  const shift = share * (state.to - state.from);
  setTime(state.from + shift, state.to + shift);
}

function focusRow(row, focus = true) {
  if (!places.has(row)) return;
  const before = made.get(state.current);
  if (before) before.tabIndex = -1;
  state.current = row;
  const top = places.get(row) * HEIGHT, room = grid.clientHeight - head.offsetHeight;
  if (top < grid.scrollTop) grid.scrollTop = top;
  else if (top + HEIGHT > grid.scrollTop + room) grid.scrollTop = top + HEIGHT - room;
  draw();
  const drawn = made.get(row);
  drawn.tabIndex = 0;
  if (focus) drawn.focus({ preventScroll: true });
}

function setOpen(row, open) {
  state.expanded[row] = open ? 1 : 0;
  refresh();
  focusRow(row);
}

function step(by) {
  const place = Math.min(view.list.length - 1, Math.max(0, places.get(state.current) + by));
  focusRow(view.list[place]);
}

const page = () => Math.max(1, Math.floor(grid.clientHeight / HEIGHT) - 2);
const KEYS = {
  ArrowDown: () => step(1), ArrowUp: () => step(-1), PageDown: () => step(page()), PageUp: () => step(-page()),
  Home: () => step(-count), End: () => step(count),
  ArrowRight: () => { if (below[state.current].length) { if (isOpen(state.current)) step(1); else setOpen(state.current, true); } },
  ArrowLeft: () => {
    const row = state.current;
    if (below[row].length && isOpen(row) && !view.hits) setOpen(row, false);
    else if (rows.parent[row] >= 0) focusRow(rows.parent[row]);
  },
  "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "0": () => setTime(0, END),
  Enter: () => showDetails(state.current), " ": () => showDetails(state.current),
};

grid.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || state.current < 0) return;
  const moves = { ArrowLeft: -0.25, ArrowRight: 0.25 };
  const action = event.shiftKey && moves[event.key] ? () => move(moves[event.key]) : KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
grid.addEventListener("click", (event) => {
  const drawn = event.target.closest("[data-row]");
  if (!drawn) return;
  const row = Number(drawn.dataset.row);
  state.current = row;
  if (event.target.closest(".twist") && below[row].length && !view.hits) setOpen(row, !isOpen(row));
  else { focusRow(row); showDetails(row); }
});
grid.addEventListener("scroll", soon, { passive: true });
grid.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  const box = axis.getBoundingClientRect();
  zoom(event.deltaY > 0 ? 1.25 : 0.8, Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
}, { passive: false });
axis.addEventListener("pointerdown", (event) => {
  axis.setPointerCapture(event.pointerId);
  let last = event.clientX;
  const drag = (moved) => { move((last - moved.clientX) / axis.clientWidth); last = moved.clientX; };
  axis.addEventListener("pointermove", drag);
  axis.addEventListener("pointerup", () => axis.removeEventListener("pointermove", drag), { once: true });
});
