// One request of a person, as fields of a form: what is asked, the decisions that are allowed, and what each needs.
import { asNodes, make } from "/page/nodes.js";

const WORDS = { approve: "Approve", edit: "Decide", reject: "Reject", respond: "Answer" };

export function asked(request, config, number) {
  const { properties = {}, required = [] } = config.args_schema ?? {};
  const fields = Object.keys(request.args).map((name) => [name, field(properties[name], request.args[name])]);
  const edited = fields.filter(([name]) => required.length === 0 || required.includes(name));
  const message = make("textarea", { rows: 3 });
  const parts = {
    approve: [],
    edit: edited.map(([name, input]) => labelled(name, input)),
    reject: [labelled("Reason", message)],
    respond: [labelled("Answer", message)],
  };
  const radios = config.allowed_decisions.map((value, at) =>
    make("input", { type: "radio", name: `decision-${number}`, value, checked: at === 0 }));
  const chosen = () => radios.find((radio) => radio.checked).value;
  const below = make("div", { className: "parts" });
  const choose = () => below.replaceChildren(...parts[chosen()]);
  for (const radio of radios) radio.addEventListener("change", choose);
  choose();

  const decision = () => {
    const type = chosen();
    if (type === "approve") return { type };
    if (type !== "edit") return { type, message: message.value };
    const args = Object.fromEntries(fields.map(([name, input]) => [name, input.value || null]));
    return { type, edited_action: { name: request.name, args } };
  };
  const text = make("div", { className: "text", tabIndex: 0 }, asNodes(request.description));
  text.setAttribute("role", "region");
  text.setAttribute("aria-label", `What is asked, ${number + 1}`);
  const choices = radios.map((radio) => make("label", { className: "choice" }, [radio, WORDS[radio.value]]));
  const legend = make("legend", { textContent: "Your decision is asked" });
  const part = make("fieldset", {}, [legend, text, ...choices, below]);
  part.setAttribute("aria-describedby", "answer-problem");
  return { part, decision };
}

function field(schema, value) {
  if (!schema?.enum) return make("input", { value: value ?? "" });
  const options = ["", ...schema.enum].map((one) => make("option", { value: one, textContent: one || "choose" }));
  const select = make("select", {}, options);
  select.value = value ?? "";
  return select;
}

function labelled(text, input) {
  return make("label", { className: "parts" }, [text, input]);
}
