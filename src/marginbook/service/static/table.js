// The accounts table: the server sorts, filters and pages; this asks for one page and shows it.
import { call } from "./api.js";
import { $, ZONES, ZONE_NAMES, h, put, replace, zonePill } from "./dom.js";
import { count, money, percent } from "./format.js";
import { explainError } from "./notices.js";

const kept = { sort: "danger", order: "desc", search: "", zone: "", venue: "", offset: 0, limit: 25 };
const COLUMNS = [
  ["account", "Account", "asc"], [null, "Zone"], ["danger", "Support used", "desc"], [null, "Venue’s ratio"], 
  ["exposure", "Exposure", "desc"], ["margin_balance", "Margin balance", "desc"], ["maintenance_margin", "Maintenance", "desc"], ["headroom", "Headroom", "asc"],
];

const HELP = {
  danger: "Demand / support: at 100 % the account is liquidatable, on every venue alike",
  exposure: "Gross notional of positions, or the debt on a lending protocol", headroom: "Margin balance − maintenance margin; below zero means liquidatable",
};

export function accountsTable(cards) {
  let controller = null, total = 0, busy = false;
  const search = h("input", { type: "search", id: "search", placeholder: "Search account", "aria-label": "Search accounts", value: kept.search });
  const zone = h("select", { id: "zone", "aria-label": "Zone" }, h("option", { value: "" }, "All zones"), ZONES.map((z) => h("option", { value: z }, ZONE_NAMES[z])));
  const venue = h("select", { id: "venue", "aria-label": "Venue" }, h("option", { value: "" }, "All venues"));
  const head = h("tr", {}, COLUMNS.map(([key, title, first]) => h("th", { scope: "col", class: title === "Account" || title === "Zone" ? "" : "number", "data-key": key },
    key ? h("button", { type: "button", class: "sort", title: HELP[key], onclick: () => sortBy(key, first) }, title) : title)));
  const body = h("tbody", { id: "accounts" });
  const range = h("span", { class: "muted", id: "range", "aria-live": "polite" });
  const back = h("button", { type: "button", class: "button", id: "previous", onclick: () => turn(-1) }, "‹ Previous");
  const on = h("button", { type: "button", class: "button", id: "next", onclick: () => turn(1) }, "Next ›");
  const node = h("section", { class: "panel accounts", "aria-labelledby": "accounts-title" },
    h("div", { class: "panel-head" }, h("h2", { id: "accounts-title" }, "Accounts"), h("div", { class: "filters" }, search, zone, venue)),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-labelledby": "accounts-title" }, h("table", { class: "accounts-table" }, h("thead", {}, head), body)),
    h("div", { class: "pager" }, back, range, on));

  function marks() {
    for (const cell of head.children) {
      const active = cell.dataset.key === kept.sort;
      cell.setAttribute("aria-sort", active ? (kept.order === "desc" ? "descending" : "ascending") : "none");
    }
    for (const card of cards.children) card.setAttribute("aria-pressed", String(card.id === `card-${kept.zone}`));
    zone.value = kept.zone;
    venue.value = kept.venue;
  }
  function sortBy(key, first) {
    kept.order = kept.sort === key ? (kept.order === "desc" ? "asc" : "desc") : first;
    kept.sort = key;
    reset();
  }
  function reset() {
    kept.offset = 0;
    marks();
    load(true);
  }
  function turn(direction) {
    kept.offset = Math.max(0, Math.min(kept.offset + direction * kept.limit, Math.max(0, Math.floor((total - 1) / kept.limit) * kept.limit)));
    load(true);
  }
  async function load(now = false) {
    if (busy && !now) return;
    controller?.abort();
    controller = new AbortController();
    const mine = controller;
    busy = true;
    try {
      const answer = await call(`/accounts?${new URLSearchParams(kept)}`, { signal: mine.signal });
      total = answer.total;
      draw(answer);
    } catch (error) {
      explainError(error, "Reading accounts");
    } finally {
      if (controller === mine) busy = false;
    }
  }
  function draw(answer) {
    put(range, answer.total ? `${count(answer.offset + 1)}–${count(answer.offset + answer.rows.length)} of ${count(answer.total)}` : "none");
    back.disabled = answer.offset === 0;
    on.disabled = answer.offset + answer.rows.length >= answer.total;
    if (!answer.rows.length) {
      replace(body, h("tr", {}, h("td", { class: "empty", colspan: COLUMNS.length }, kept.search || kept.zone || kept.venue
        ? h("span", {}, "No account matches. ", h("button", { type: "button", class: "link", onclick: clear }, "Clear the filters"))
        : "The book is empty. Open a file to fill it.")));
      return;
    }
    while (body.children.length > answer.rows.length || body.querySelector(".empty")) body.lastChild.remove();
    answer.rows.forEach((row, i) => {
      if (!body.children[i]) body.append(emptyRow());
      fillRow(body.children[i], row);
    });
  }
  function emptyRow() {
    return h("tr", {}, h("th", { scope: "row" }, h("a"), h("small", { class: "muted" })), h("td"),
      h("td", { class: "number use" }, h("span", { class: "meter", "aria-hidden": "true" }, h("i")), h("span")),
      h("td", { class: "number" }, h("span"), h("small", { class: "muted" })), ...Array.from({ length: 4 }, () => h("td", { class: "number" })));
  }
  function fillRow(line, row) {
    const [name, where, use, ratio, exposure, balance, maintenance, headroom] = line.children;
    if (line.dataset.account !== row.account) {
      line.dataset.account = row.account;
      name.firstChild.href = `#/account/${encodeURIComponent(row.account)}`;
      put(name.firstChild, row.account);
      put(name.lastChild, row.rules);
    }
    if (line.dataset.zone !== row.zone) {
      line.dataset.zone = row.zone;
      replace(where, zonePill(row.zone));
    }
    const danger = Number(row.danger);
    use.firstChild.firstChild.className = `fill-${row.zone}`;
    use.firstChild.firstChild.style.setProperty("width", `${Math.max(0, Math.min(100, danger * 100))}%`);
    put(use.lastChild, row.danger === "Infinity" ? "∞" : percent(danger, 1));
    put(ratio.firstChild, row.ratio ? (row.ratio.unit === "percent" ? percent(row.ratio.value, 2) : money4(row.ratio.value)) : "–");
    put(ratio.lastChild, row.ratio ? row.ratio.name : "");
    put(exposure, money(row.exposure));
    put(balance, money(row.margin_balance));
    put(maintenance, money(row.maintenance_margin));
    put(headroom, money(row.headroom));
    headroom.classList.toggle("negative", Number(row.headroom) < 0);
  }
  function clear() {
    Object.assign(kept, { search: "", zone: "", venue: "" });
    search.value = "";
    reset();
  }
  let pause;
  search.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(() => { kept.search = search.value.trim(); reset(); }, 150);
  });
  zone.addEventListener("change", () => { kept.zone = zone.value; reset(); });
  venue.addEventListener("change", () => { kept.venue = venue.value; reset(); });
  marks();
  return {
    node, load,
    zone: (name) => { kept.zone = kept.zone === name ? "" : name; reset(); $("#accounts-title", node).scrollIntoView({ block: "nearest" }); },
    venues: (names) => { replace(venue, h("option", { value: "" }, "All venues"), names.map((name) => h("option", { value: name }, name))); if (!names.includes(kept.venue)) kept.venue = ""; marks(); },
  };
}

const money4 = (text) => (text === "Infinity" ? "∞" : Number(text).toLocaleString("en-US", { minimumFractionDigits: 3, maximumFractionDigits: 3 }));
