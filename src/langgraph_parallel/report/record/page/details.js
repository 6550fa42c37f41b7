// What one branch did: all that the record has of it.

const details = document.getElementById("details");
const split = document.querySelector(".split");
const MOST = 100; // rows of a table

function showDetails(row) {
  const before = state.chosen;
  state.chosen = row;
  for (const each of [before, row]) if (made.has(each)) made.get(each).setAttribute("aria-selected", String(each === row));
  const close = element("button", { type: "button", "aria-label": "Close the details" }, "×");
  close.addEventListener("click", hideDetails);
  const title = element("h3", { id: "details-title", tabindex: -1 }, rows.name[row]);
  details.replaceChildren(element("div", { class: "details-top" }, title, close), facts(row), ...buttons(row));
  const { error, value } = more(row);
  if (error) part("Error", element("pre", { tabindex: 0 }, error));
  for (const vote of votesOf.get(row) || []) voteParts(vote);
  if (waitsOf[row].length) part("Waits", waitList(row));
  if (callsOf[row].length) part("Calls", callTable(row));
  if (value !== undefined) part("Result", element("pre", { tabindex: 0 }, value));
  details.hidden = false;
  split.classList.add("open");
  title.focus({ preventScroll: true });
  details.scrollTop = 0;
  redraw();
}

function hideDetails() {
  const row = state.chosen;
  state.chosen = -1;
  details.hidden = true;
  split.classList.remove("open");
  redraw();
  if (row >= 0) focusRow(row);
}

function part(title, content) { details.append(element("h4", {}, title), content); }

function facts(row) {
  const { attempt, cause, by, saved } = more(row);
  const took = rows.end[row] - rows.start[row], steps = stepsOf.get(row);
  const around = [];
  for (let outer = rows.parent[row]; outer >= 0; outer = rows.parent[outer]) around.push(rows.name[outer]);
  const usd = costOf(row);
  const list = [
    ["Status", word(status(row))],
    ["Kind of failure", cause === undefined ? "" : textOf(cause)],
    ["Ended by", by === undefined ? "" : textOf(by)],
    ["In", around.join(", in ")],
    ["Time", `${seconds(rows.start[row])} to ${seconds(rows.end[row])}`],
    ["Took", seconds(took)],
    ["Working", seconds(Math.max(0, took - rows.waited[row]))],
    ["Waiting", rows.waited[row] ? seconds(rows.waited[row]) : "not at all"],
    ["Critical path", steps ? `${seconds(steps.reduce((sum, one) => sum + one.end - one.start, 0))} of it` : "not on it"],
    ["Attempt", attempt],
    ["Branches below", below[row].length ? below[row].length.toLocaleString("en") : ""],
    ["Voters not asked", saved],
    ["Cost with all below", usd ? dollars(usd) : ""],
  ];
  const made = element("dl");
  for (const [name, value] of list) if (value) made.append(element("dt", {}, name), element("dd", {}, String(value)));
  return made;
}

function buttons(row) {
  const zoomTo = element("button", { type: "button" }, "Zoom to it");
  zoomTo.addEventListener("click", () => {
    const room = Math.max(2, (rows.end[row] - rows.start[row]) * 0.08);
    setTime(rows.start[row] - room, rows.end[row] + room);
  });
  const group = element("div", { class: "buttons" }, zoomTo);
  const outer = rows.parent[row];
  if (outer >= 0) {
    const up = element("button", { type: "button" }, "What it is in");
    up.addEventListener("click", () => { focusRow(outer, false); showDetails(outer); });
    group.append(up);
  }
  return [group];
}

function voteParts([, rule, stop, stoppedAt, decision, choice, k, n, voters, notAsked, ballots]) {
  const outcome = decision < 0 ? "no verdict yet" : `${choice < 0 ? "no choice" : textOf(choice) || "nothing"}, ${k} of ${n}` + (textOf(decision) === "decided" ? "" : `, ${word(textOf(decision))}`);
  const list = element("dl");
  const facts = [
    ["Result", outcome], ["Heard", `${ballots.length} of ${voters} voters`], ["Not asked", notAsked || ""],
    ["Rule", textOf(rule)], [stoppedAt < 0 ? "Stop" : "Stopped by", textOf(stop)], ["At", stoppedAt < 0 ? "" : seconds(stoppedAt)],
  ];
  for (const [name, value] of facts) if (value !== "") list.append(element("dt", {}, name), element("dd", {}, String(value)));
  part("Vote", list);
  const lines = ballots.slice(0, MOST).map(([voter, at, cast, said]) => [textOf(voter), textOf(said) || word(textOf(cast)), seconds(at)]);
  if (lines.length) details.append(listed(["Voter", "Ballot", "Counted at"], lines, ballots.length));
}

function waitList(row) {
  const list = element("ul");
  for (const wait of waitsOf[row].slice(0, MOST)) {
    const on = textOf(data.waits.on[wait]), time = data.waits.end[wait] - data.waits.start[wait];
    list.append(element("li", {}, `${seconds(time)} for ${data.waitWords[on] || on}, from ${seconds(data.waits.start[wait])} on`));
  }
  return list;
}

function callTable(row) {
  const lines = callsOf[row].slice(0, MOST).map((call) => {
    const { calls } = data, extra = calls.more[call] || {};
    const notes = [word(textOf(calls.state[call]))];
    if (extra.cause !== undefined) notes.push(word(textOf(extra.cause)));
    if (calls.attempt[call] > 1) notes.push(`attempt ${calls.attempt[call]}`);
    if (extra.hedge) notes.push("hedge");
    if (extra.lane) notes.push(extra.lane);
    if (extra.for !== undefined) notes.push(`instead of ${textOf(extra.for)}`);
    if (extra.step !== undefined) notes.push(`step ${textOf(extra.step)}`);
    const tokens = calls.in[call] || calls.out[call] ? `${calls.in[call].toLocaleString("en")} / ${calls.out[call].toLocaleString("en")}` : "";
    return [textOf(calls.target[call]), notes.join(", "), seconds(calls.start[call]), seconds(calls.end[call] - calls.start[call]), tokens, dollars(calls.usd[call])];
  });
  return listed(["Model", "Outcome", "Began", "Took", "Tokens in / out", "Cost"], lines, callsOf[row].length);
}

// A table, and how many rows it leaves out.
function listed(heads, lines, number) {
  const shown = tableOf(heads, lines, 2), left = number - lines.length;
  return left ? element("div", {}, shown, element("p", { class: "quiet" }, `and ${left.toLocaleString("en")} more`)) : shown;
}

function tableOf(heads, lines, numbers) {
  const cells = (kind, values) => values.map((value, place) => {
    const isHead = kind === "th" || place === 0;
    return element(isHead ? "th" : "td", { class: place >= numbers ? "number" : null, scope: kind === "th" ? "col" : place ? null : "row" }, value);
  });
  const table = element("table", {},
    element("thead", {}, element("tr", {}, ...cells("th", heads))),
    element("tbody", {}, ...lines.map((line) => element("tr", {}, ...cells("td", line)))));
  return element("div", { class: "wide", tabindex: 0, role: "group", "aria-label": heads[0] + " by " + heads[1] }, table);
}

details.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { event.stopPropagation(); hideDetails(); }
});
