// Elements, and Markdown as elements: headings, lists, quotes, tables, emphasis and code; all else stays text.

export function make(name, properties = {}, children = []) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

export function asNodes(markdown) {
  return markdown.split(/\n{2,}/).flatMap(block).filter(Boolean);
}

function block(text) {
  const rows = text.split("\n").filter((row) => row.trim());
  const all = (pattern) => rows.length > 0 && rows.every((row) => pattern.test(row));
  if (all(/^\s*[-*] /)) return make("ul", {}, rows.map((row) => make("li", {}, inline(row.replace(/^\s*[-*] /, "")))));
  if (all(/^> ?/)) return make("blockquote", {}, rows.map((row) => make("p", {}, inline(row.slice(1)))));
  if (all(/^\|.*\|$/)) return make("table", {}, [make("tbody", {}, rows.filter(isData).map(tableRow))]);
  if (rows.length > 2 && rows[0].startsWith("```")) return make("pre", { textContent: rows.slice(1, -1).join("\n") });
  const heading = /^(#+) (.*)/.exec(rows[0] ?? "");
  if (heading) return [make(heading[1].length > 1 ? "h5" : "h4", {}, inline(heading[2])), block(rows.slice(1).join("\n"))].flat();
  return rows.length ? make("p", {}, inline(rows.join(" "))) : null;
}

const isData = (row) => !/^\|[\s:|-]+\|$/.test(row);

function tableRow(row, at) {
  const cells = row.slice(1, -1).split("|");
  return make("tr", {}, cells.map((cell) => make(at ? "td" : "th", {}, inline(cell.trim()))));
}

function inline(text) {
  return text.split(/(`+[^`]+`+|\*\*[^*]+\*\*|\*[^*\s][^*]*\*)/).map((part) => {
    const [, marks, inside] = /^(`+|\*+)(.+)\1$/s.exec(part) ?? [];
    if (!inside) return plain(part);
    if (marks[0] === "`") return make("code", { textContent: inside.trim() });
    return make(marks.length > 1 ? "strong" : "em", { textContent: plain(inside) });
  });
}

// References to characters, and characters that are marked as no markup.
function plain(text) {
  const names = { lt: "<", gt: ">", amp: "&", quot: '"' };
  return text
    .replace(/\\([!-/:-@[-`{-~])/g, "$1")
    .replace(/&(?:#(\d{1,6})|(lt|gt|amp|quot));/g, (_, code, name) => (code ? String.fromCodePoint(code) : names[name]));
}
