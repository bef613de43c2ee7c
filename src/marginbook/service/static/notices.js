// What the page has to say: messages that stay until closed, and what went wrong in words.
import { Refused } from "./api.js";
import { $, h } from "./dom.js";

export function notice(kind, title, lines = []) {
  const box = h("section", { class: `notice ${kind}`, role: kind === "bad" ? "alert" : "status" },
    h("div", {}, h("strong", {}, title), lines.length ? h("ul", {}, lines.slice(0, 30).map((line) => h("li", {}, line))) : null,
      lines.length > 30 ? h("p", {}, `and ${lines.length - 30} more`) : null),
    h("button", { class: "button square", type: "button", "aria-label": "Close this message", onclick: () => box.remove() }, "×"));
  $("#notices").append(box);
  if (kind === "good") setTimeout(() => box.remove(), 8000);
  return box;
}

export function explainError(error, doing) {
  if (error.name === "AbortError") return;
  const problem = error instanceof Refused ? error.problem : { code: "page", place: doing, value: String(error), expected: "" };
  $(`.notice[data-code="${CSS.escape(problem.code)}"]`)?.remove();
  notice("bad", `${doing} did not work (${problem.code})`, [error.message]).dataset.code = problem.code;
}
