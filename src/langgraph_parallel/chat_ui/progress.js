// The component that shows what a run does, below its message in a chat UI. It is given the UI's own React.
(() => {
  const id = "{{shadowRootId}}";
  const { createElement: make, useEffect, useState } = window[Symbol.for("LGUI_REQUIRE")]("react");
  const ICONS = { ok: "✓", failed: "✗", timed_out: "✗", skipped: "↷", cancelled: "⊘" };
  const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

  function does({ status, tally, waits_on: on }) {
    if (status) return tally || (status === "ok" ? "done" : status.replaceAll("_", " "));
    return tally || (on === "works" ? "works" : `waits: ${on}`);
  }

  function row(branch, now, key) {
    const icon = ICONS[branch.status] ?? (branch.waits_on === "works" ? "▸" : "◔");
    const seconds = Math.max(0, (branch.status ? branch.since : now) - branch.begun);
    const cells = [branch.name, does(branch), `${seconds.toFixed(1)} s`];
    return make(
      "li", { key, className: branch.status || branch.waits_on !== "works" ? "quiet" : "" },
      make("span", { "aria-hidden": true }, icon),
      ...cells.map((text, at) => make("span", { key: at, title: at < 2 ? text : undefined }, text)),
    );
  }

  function Progress({ graph, share, calls, usd, branches, ended, not_asked: saved, failures }) {
    const [now, setNow] = useState(Date.now() / 1000);
    useEffect(() => {
      const timer = setInterval(() => setNow(Date.now() / 1000), 500);
      return () => clearInterval(timer);
    }, []);
    const cost = usd === null ? "cost unknown" : `$${usd.toFixed(4)}`;
    const counts = Object.entries(ended).map(([status, number]) => `${status.replaceAll("_", " ")} ${number}`);
    if (saved) counts.push(`not asked ${saved}`);
    return make(
      "section", { "aria-label": `Progress of ${graph}` },
      make("p", { className: "head" }, [graph, `${Math.round(100 * share)}% done`, counted(calls, "call"), cost].join(" · ")),
      make("ul", { "aria-label": "Branches" }, branches.map((branch, at) => row(branch, now, at))),
      counts.length > 0 && make("p", { className: "quiet" }, counts.join(" · ")),
      ...failures.map((text, at) => make("p", { key: at, className: "failure" }, `failed: ${text}`)),
    );
  }

  const root = document.getElementById(id).shadowRoot;
  const place = root.appendChild(document.createElement("div"));
  window[Symbol.for("LGUI_EXT_STORE")].respond(id, Progress, place);
})();
