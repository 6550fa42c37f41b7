// Wires the parts of the page together.

const byId = (id) => document.getElementById(id);
const search = byId("search"), show = byId("show"), order = byId("order");

function onClick(id, action) { byId(id).addEventListener("click", action); }

function link(span) {
  const branch = span.dataset.branch;
  const row = branch === undefined ? 0 : Number(branch) + rows.roots;
  const button = element("button", { type: "button", class: "link" }, span.textContent);
  button.addEventListener("click", () => {
    search.value = state.query = "";
    show.value = state.show = "all";
    reveal(row);
    refresh();
    byId("branches").scrollIntoView();
    focusRow(row, false);
    showDetails(row);
  });
  span.replaceWith(button);
}

function addLegend() {
  const kinds = [
    ["base", "under way"], ["work", "call"], ["wait", "waiting"], ["work failed", "failed"], ["work throttled", "429"],
    ["work cancelled", "cut off"], ["work kept", "from the cache"], ["lit", "critical path"], ["stop", "stop fired"],
  ];
  for (const [kind, words] of kinds) byId("legend").append(element("span", {}, element("i", { class: kind }), words));
}

function addParts() {
  for (const heading of document.querySelectorAll("main > section > h2")) {
    byId("parts").append(element("a", { href: `#${heading.parentElement.id}` }, heading.textContent));
  }
}

function start() {
  addParts();
  byId("no-script").hidden = true;
  if (!count) { byId("charts").hidden = true; return; }
  for (const [name, words] of Object.entries(SHOWS)) {
    let number = 0;
    for (let row = 0; row < count; row++) if (shows(row, name)) number++;
    if (name === "all" || number) show.append(element("option", { value: name }, name === "all" ? words : `${words} (${number.toLocaleString("en")})`));
  }
  expandAll(count <= 300);
  const header = element("div", { role: "rowgroup" }, head);
  header.style.display = "contents";
  grid.append(header, body);
  body.append(lines);
  addLegend();
  for (const id of ["tools", "legend", "grid", "keys"]) byId(id).hidden = false;
  document.documentElement.style.setProperty("--bar", grid.offsetWidth - grid.clientWidth + "px");
  refresh();
  document.querySelectorAll(".to-branch").forEach(link);
}

byId("tools").addEventListener("submit", (event) => event.preventDefault());
search.addEventListener("input", () => { state.query = search.value; grid.scrollTop = 0; refresh(); });
search.addEventListener("keydown", (event) => { if (event.key === "ArrowDown") { event.preventDefault(); focusRow(state.current); } });
show.addEventListener("change", () => { state.show = show.value; grid.scrollTop = 0; refresh(); });
order.addEventListener("change", () => { state.order = order.value; refresh(); });
onClick("expand", () => { expandAll(true); refresh(); });
onClick("collapse", () => { expandAll(false); refresh(); });
onClick("zoom-in", () => zoom(0.5));
onClick("zoom-out", () => zoom(2));
onClick("earlier", () => move(-0.25));
onClick("later", () => move(0.25));
onClick("fit", () => setTime(0, END));
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); search.focus(); }
});
let resizing = 0;
window.addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(redraw, 100); });
start();
