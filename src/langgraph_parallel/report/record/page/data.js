"use strict";

// What the run was, from the columns that the page holds.

const data = JSON.parse(document.getElementById("data").textContent);
const rows = data.rows;
const count = rows.name.length;
const texts = data.texts;
const END = Math.max(1, data.end);

function grouped(column) {
  const found = Array.from({ length: count }, () => []);
  column.forEach((row, number) => found[row].push(number));
  return found;
}

const callsOf = grouped(data.calls.row);
const waitsOf = grouped(data.waits.row);
const below = Array.from({ length: count }, () => []);
rows.parent.forEach((parent, row) => { if (parent >= 0) below[parent].push(row); });
const level = rows.parent.map(() => 0);
(function measure() {
  const waiting = [];
  for (let row = 0; row < count; row++) if (rows.parent[row] < 0) waiting.push(row);
  while (waiting.length) {
    const row = waiting.pop();
    for (const inner of below[row]) { level[inner] = level[row] + 1; waiting.push(inner); }
  }
})();
const stepsOf = new Map();
for (const [row, start, end, waited, kind] of data.path) {
  if (kind === 2) continue;
  if (!stepsOf.has(row)) stepsOf.set(row, []);
  stepsOf.get(row).push({ start, end, waited });
}
const critical = new Set(); // with the rows around those that have steps
for (const row of stepsOf.keys()) for (let outer = row; outer >= 0 && !critical.has(outer); outer = rows.parent[outer]) critical.add(outer);
const votesOf = new Map();
for (const vote of data.votes) {
  if (!votesOf.has(vote[0])) votesOf.set(vote[0], []);
  votesOf.get(vote[0]).push(vote);
}

function more(row) { return rows.more[row] || {}; }

function textOf(number) { return number >= 0 ? texts[number] : ""; }

function status(row) { return texts[rows.status[row]]; }

function word(name) { return name.replaceAll("_", " "); }

function seconds(time) {
  const value = time / data.unit;
  if (value < 0.9995) return Math.round(value * 1000) + " ms";
  if (value < 9.995) return value.toFixed(2) + " s";
  if (value < 59.95) return value.toFixed(1) + " s";
  const whole = Math.round(value), minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function dollars(usd) {
  if (usd === null) return "unknown";
  if (!usd) return "";
  return "$" + usd.toFixed(Math.max(2, 2 - Math.floor(Math.log10(Math.abs(usd)))));
}

// A row, and all below it.
function* family(row) {
  const waiting = [row];
  while (waiting.length) {
    const next = waiting.pop();
    yield next;
    waiting.push(...below[next]);
  }
}

function costOf(row) {
  let sum = 0;
  for (const each of family(row)) for (const call of callsOf[each]) sum += data.calls.usd[call] || 0;
  return sum;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key === "class") made.className = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}
