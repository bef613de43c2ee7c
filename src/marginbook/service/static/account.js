// One account: gauge, quantities, pools, liquidation prices, remedies, what-if, explanation.
import { call, post } from "./api.js";
import { gauge } from "./charts.js";
import { $, ZONE_NAMES, h, put, replace, zonePill } from "./dom.js";
import { exact, money, percent, price, words } from "./format.js";
import { explainError } from "./notices.js";

const MONEY = ["wallet_balance", "unrealized_pnl", "collateral_value", "debt_value", "margin_balance", "account_equity", "initial_margin",
  "maintenance_margin", "margin_used", "free_margin", "withdrawable", "borrowable", "headroom", "notional"];
const RATIOS = ["effective_leverage", "margin_level", "health_factor", "ltv", "collateral_ratio", "bankruptcy_price"];
const HELP = {
  wallet_balance: "Funds in the venue's margin wallet, without unrealised profit", unrealized_pnl: "(mark − entry) × signed size",
  margin_balance: "What backs the account by the venue's own definition", account_equity: "All assets − all liabilities at market, no haircut",
  initial_margin: "Needed to open", maintenance_margin: "Needed to keep open", free_margin: "Margin balance − initial margin", withdrawable: "What may leave, by the venue's own limits",
  headroom: "Margin balance − maintenance margin; below zero means liquidatable", notional: "Gross exposure", collateral_value: "Market value of what is posted", debt_value: "Market value of what is owed, interest included",
  health_factor: "Σ collateral × liquidation threshold / debt", ltv: "Debt / collateral", collateral_ratio: "Collateral / debt", effective_leverage: "Gross exposure / margin balance", borrowable: "What may still be borrowed", margin_used: "Tied up", margin_level: "Margin balance / margin used",
};

export function accountView(root, id, state) {
  const title = h("h1", {}, id);
  const place = h("p", { class: "muted" }, "Reading …");
  const body = h("div", { class: "account-grid" });
  root.append(h("nav", { class: "crumbs", "aria-label": "Where you are" }, h("a", { href: "#/" }, "‹ All accounts")), h("div", { class: "account-head" }, title, h("span", { id: "account-zone" })), place, body);
  const gaugeBox = h("section", { class: "panel gauge-panel", "aria-label": "Gauge" });
  const numbers = h("section", { class: "panel", "aria-labelledby": "numbers-title" });
  const prices = h("section", { class: "panel", "aria-labelledby": "prices-title" });
  const remedies = h("section", { class: "panel", "aria-labelledby": "remedies-title" });
  const pools = h("section", { class: "panel span", "aria-labelledby": "pools-title" });
  const tree = treePanel(id);
  const trial = whatIfPanel(id);
  let closed = false, busy = false, sequence = null;
  async function load() {
    if (busy || closed) return;
    busy = true;
    try {
      const answer = await call(`/accounts/${encodeURIComponent(id)}`);
      if (!closed) draw(answer);
    } catch (error) {
      if (error.status === 404) {
        closed = true;
        replace(body, h("p", { class: "empty" }, "There is no such account in the book shown. ", h("a", { href: "#/" }, "See all accounts")));
        put(place, "");
      } else explainError(error, `Reading ${id}`);
    } finally {
      busy = false;
    }
  }
  function draw(answer) {
    const row = answer.account;
    sequence = answer.sequence;
    put(place, `${row.venue} · ${row.rules} · parameters ${(row.parameters_as_of || "–").slice(0, 10)} · prices ${(row.prices_as_of || answer.as_of || "–").replace("T", " ").replace("Z", " UTC")}`);
    if (!body.firstChild) {
      body.append(h("div", { class: "stack" }, gaugeBox, remedies), h("div", { class: "stack" }, numbers, prices, trial.node), pools, tree.node);
    }
    const held = answer.gauge.zone || row.zone;
    replace($("#account-zone"), held ? zonePill(held) : null, held && row.zone && held !== row.zone
      ? h("small", { class: "muted held" }, ` by its numbers ${ZONE_NAMES[row.zone].toLowerCase()}; held until it is past the inner border`) : null);
    if (row.error) {
      replace(gaugeBox, h("p", { class: "empty" }, `${row.error.place}: got ${row.error.value}, expected ${row.error.expected} (${row.error.code})`));
      return;
    }
    drawGauge(row, answer.gauge);
    drawNumbers(row);
    drawPrices(row, answer.gauge);
    drawRemedies(row, answer);
    drawPools(row);
    trial.assets(answer.gauge.assets || [], row);
  }
  function drawGauge(row, scale) {
    const ratio = row.margin_ratio;
    const lending = row.health_factor !== undefined;
    const reading = lending ? exact3(row.health_factor) : ratio ? percent(ratio.value, 2) : percent(scale.danger, 1);
    replace(gaugeBox, gauge({ danger: scale.danger === "Infinity" ? 9 : Number(scale.danger), warning: Number(scale.warning), call: Number(scale.call), zone: row.zone, reading, caption: lending ? "health factor" : "margin ratio" }),
      h("p", { class: "muted centre" }, h("strong", {}, `${scale.danger === "Infinity" ? "∞" : percent(scale.danger, 1)} of the support is used. `),
        ratio ? `The venue’s own margin ratio is ${ratio.definition}; ${ratio.bad} is bad.` : ""),
      h("div", { class: "distances" }, distance("All prices fall by", row.distance?.down), distance("All prices rise by", row.distance?.up), distance("All move against it by", row.distance_worst)));
  }
  const distance = (label, value) => h("div", {}, h("span", { class: "muted" }, label), h("strong", {}, value === null || value === undefined ? "never" : percent(value, 2)));
  function drawNumbers(row) {
    const line = (name, value, exactText) => h("div", { class: "fact" }, h("dt", { title: HELP[name] || "" }, words(name)), h("dd", { title: exactText }, value));
    replace(numbers, h("div", { class: "panel-head" }, h("h2", { id: "numbers-title" }, "Numbers"), h("p", { class: "muted" }, row.currency || "")),
      h("dl", { class: "facts" }, MONEY.filter((name) => row[name] !== undefined).map((name) => line(name, exact(row[name]), `${row[name]} ${row.currency}`)),
        RATIOS.filter((name) => row[name] !== undefined).map((name) => line(name, name === "ltv" || name === "collateral_ratio" ? percent(row[name], 2) : exact(row[name]), row[name])),
        Object.entries(row.venue_quantities || {}).map(([name, value]) => line(name, h("span", {}, exact(value), h("small", { class: "muted" }, " the venue’s own")), value))),
      row.warnings?.length ? h("p", { class: "hint" }, row.warnings.join(" · ")) : null, row.evidence ? h("p", { class: "hint" }, `Not confirmed by a venue’s number: ${row.evidence}`) : null);
  }
  function drawPrices(row, scale) {
    const now = scale.prices || {};
    replace(prices, h("div", { class: "panel-head" }, h("h2", { id: "prices-title" }, "Liquidation prices"), h("p", { class: "muted" }, "each with all else fixed")),
      row.liquidation_prices.length ? h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["Market", "Liquidated at", "Now", "Move"].map((t, i) => h("th", { class: i ? "number" : "" }, t)))),
        h("tbody", {}, row.liquidation_prices.map((p) => {
          const today = Number(now[p.market]);
          const move = today ? Number(p.price) / today - 1 : null;
          return h("tr", {}, h("th", { scope: "row" }, p.market, h("small", { class: "muted" }, `${p.side}${p.pool.startsWith("isolated") ? " · isolated" : ""}${p.source === "venue_displayed" ? " · as the venue shows it" : ""}`)),
            h("td", { class: "number" }, `${p.when === "at_or_below" ? "≤" : "≥"} ${exact(p.price)}`), h("td", { class: "number" }, price(now[p.market])), h("td", { class: "number" }, move === null ? "–" : percent(move, 1, true)));
        })))) : h("p", { class: "empty" }, "No single price liquidates this account."));
  }
  function drawRemedies(row) {
    replace(remedies, h("div", { class: "panel-head" }, h("h2", { id: "remedies-title" }, "What cures it"), h("p", { class: "muted" }, "the least exact amount of each")),
      row.remedies.length ? h("ul", { class: "remedies" }, row.remedies.map((r) => h("li", {}, h("strong", {}, words(r.action)), h("span", { class: "amount" }, `${exact(r.amount)} ${r.asset || ""}`),
        h("small", { class: "muted" }, Object.entries(r.result || {}).filter(([, v]) => v !== null && typeof v !== "object").map(([k, v]) => `${words(k)} ${/^-?[\d.]+$/.test(v) ? money(v) : v}`).join(" · ")))))
        : h("p", { class: "empty" }, row.zone === "safe" ? "Nothing to cure: the account is safe." : "No single action cures this account."));
  }
  function drawPools(row) {
    replace(pools, h("div", { class: "panel-head" }, h("h2", { id: "pools-title" }, row.pools.length > 1 ? "Pools" : "Pool")),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-labelledby": "pools-title" }, h("table", {}, h("thead", {}, h("tr", {}, ["Pool", "Zone", "Margin balance", "Maintenance", "Headroom", "Ratio", "Down", "Up"].map((t, i) => h("th", { class: i > 1 ? "number" : "" }, t)))),
        h("tbody", {}, row.pools.map((p) => h("tr", {}, h("th", { scope: "row" }, p.pool), h("td", {}, zonePill(p.zone)), h("td", { class: "number" }, money(p.margin_balance, p.currency)), h("td", { class: "number" }, money(p.maintenance_margin)),
          h("td", { class: `number ${Number(p.headroom) < 0 ? "negative" : ""}` }, money(p.headroom)), h("td", { class: "number" }, p.health_factor !== undefined ? exact3(p.health_factor) : p.margin_ratio ? percent(p.margin_ratio.value, 2) : "–"),
          h("td", { class: "number" }, p.distance?.down ? percent(p.distance.down, 1) : "never"), h("td", { class: "number" }, p.distance?.up ? percent(p.distance.up, 1) : "never")))))));
  }
  load();
  const timer = setInterval(() => !document.hidden && state.summary?.sequence !== sequence && load(), 1000);
  return { update: () => {}, close: () => { closed = true; clearInterval(timer); } };
}

const exact3 = (text) => (text === "Infinity" ? "∞" : (Math.floor(Number(text) * 1000) / 1000).toFixed(3));

function treePanel(id) {
  const box = h("div", { class: "tree" });
  const button = h("button", { type: "button", class: "button", id: "explain", onclick: load }, "Explain every step");
  const node = h("section", { class: "panel span", "aria-labelledby": "tree-title" }, h("div", { class: "panel-head" }, h("h2", { id: "tree-title" }, "How the numbers come about"), button), box);
  async function load() {
    button.setAttribute("aria-busy", "true");
    try {
      const { tree, as_of } = await call(`/accounts/${encodeURIComponent(id)}/explain`);
      replace(box, h("p", { class: "muted" }, `At ${as_of.replace("T", " ").replace("Z", " UTC")}. Open a line to see its inputs.`), branch(tree, 0));
      put(button, "Explain again");
    } catch (error) {
      explainError(error, "Explaining");
    } finally {
      button.removeAttribute("aria-busy");
    }
  }
  function branch(item, depth) {
    const line = [h("span", { class: "tree-name" }, words(item.quantity)), h("span", { class: "tree-value" }, `${exact(item.value)} ${item.unit}`), item.formula ? h("code", {}, item.formula) : null, item.source ? h("small", { class: "muted" }, item.source) : null];
    if (!item.inputs?.length) return h("div", { class: "leaf" }, line);
    return h("details", { open: depth < 2 }, h("summary", {}, line), item.inputs.map((child) => branch(child, depth + 1)));
  }
  return { node };
}

function whatIfPanel(id) {
  const kind = h("select", { id: "whatif-kind", "aria-label": "Action" });
  const asset = h("select", { id: "whatif-asset", "aria-label": "Asset or market" });
  const amount = h("input", { id: "whatif-amount", type: "text", inputmode: "decimal", placeholder: "Amount", "aria-label": "Amount", autocomplete: "off" });
  const answer = h("div", { class: "whatif-answer", "aria-live": "polite" });
  const form = h("form", { class: "whatif", onsubmit: ask }, kind, amount, asset, h("button", { class: "button primary", type: "submit" }, "Try"));
  const node = h("section", { class: "panel", "aria-labelledby": "whatif-title" }, h("div", { class: "panel-head" }, h("h2", { id: "whatif-title" }, "What if?"), h("p", { class: "muted" }, "nothing is applied")), form, answer);
  let known = "", choices = {};
  function assets(list, row) {
    const lending = row.health_factor !== undefined;
    const text = JSON.stringify(list) + lending;
    if (text === known) return;
    known = text;
    choices = Object.fromEntries(list.map((entry) => [entry.action, entry.names]));
    replace(kind, list.map((entry) => h("option", { value: entry.action }, words(entry.action))));
    names();
  }
  function names() {
    replace(asset, (choices[kind.value] || []).map((name) => h("option", {}, name)));
  }
  kind.addEventListener("change", names);
  async function ask(event) {
    event.preventDefault();
    const text = amount.value.trim().replace(/,/g, "");
    if (!/^\d+(\.\d+)?$/.test(text)) {
      replace(answer, h("p", { class: "hint bad" }, "Type an amount, such as 250 or 0.5."));
      amount.focus();
      return;
    }
    try {
      const result = await post("/whatif", { account: id, change: { action: kind.value, asset: asset.value, amount: text } });
      const rows = ["headroom", "free_margin", "margin_balance", "health_factor", "maintenance_margin", "effective_leverage", "ltv"].filter((name) => result.before?.[name] !== undefined && result.after?.[name] !== undefined);
      replace(answer, h("p", { class: result.accepted ? "hint good" : "hint bad" }, result.accepted ? "The venue would accept it." : `The venue would refuse it: ${result.reason || "no reason given"}.`),
        result.after ? h("table", { class: "mini" }, h("thead", {}, h("tr", {}, h("th"), h("th", { class: "number" }, "now"), h("th", { class: "number" }, "then"))), h("tbody", {},
          h("tr", {}, h("th", { scope: "row" }, "zone"), h("td", { class: "number" }, zonePill(result.before.zone)), h("td", { class: "number" }, zonePill(result.after.zone))),
          rows.map((name) => h("tr", {}, h("th", { scope: "row" }, words(name)), h("td", { class: "number" }, money(result.before[name])), h("td", { class: "number" }, money(result.after[name])))))) : null);
    } catch (error) {
      replace(answer, h("p", { class: "hint bad" }, error.message));
    }
  }
  return { node, assets };
}
