// The cascade: a first shock, how deep markets are, and then each round of liquidations to step through.
import { call, post } from "./api.js";
import { cascadeBars, cascadeLines } from "./charts.js";
import { $, ZONES, ZONE_NAMES, h, put, replace, zonePill } from "./dom.js";
import { clock, count, many, money, percent, price } from "./format.js";
import { explainError } from "./notices.js";

const PLAY = 900; // [ms] a round
const LOOK = 300; // [ms] between two looks at a run's progress
const LINES = 6; // assets drawn; the others are in the table
const CURVES = {
  sqrt: { name: "Square root", text: (v) => `sqrt:Y=1,sigma=${v.sigma / 100},volume=${v.volume}`, fields: [["sigma", "Volatility a day [%]", 5], ["volume", "Traded a day", 1e9]] },
  linear: { name: "Linear", text: (v) => `linear:depth=${v.depth}`, fields: [["depth", "Sold for a fall of 1 %", 5e6]] },
  pool: { name: "Constant product", text: (v) => `pool:reserve=${v.reserve}`, fields: [["reserve", "Quote side of the pool", 1e8]] },
  none: { name: "No impact", text: () => "none", fields: [] },
};
const kept = { asset: "ALL", move: -30, curve: "sqrt", values: {}, rounds: 200, funds: "", waterfall: false, answer: null, book: null, step: 0, running: false };
for (const { fields } of Object.values(CURVES)) for (const [key, , value] of fields) kept.values[key] = value;
let shown = null; // the view that is open; a run outlives it

/** What the overview's shock panel hands over. */
export function startWith(asset, move) {
  kept.asset = asset;
  kept.move = Math.round(Number(move) * 100);
}

export function cascadeView(root) {
  const field = (label, input, key) => h("label", { class: "field", "data-curve": key }, h("span", { class: "muted" }, label), input);
  const number = (id, value, limits, take) => h("input", { type: "number", id, value, required: true, step: "any", ...limits, oninput: (event) => take(Number(event.target.value)) });
  const asset = h("select", { id: "cascade-asset", onchange: () => { kept.asset = asset.value; } });
  const curve = h("select", { id: "cascade-curve", onchange: () => { kept.curve = curve.value; curveFields(); } },
    Object.entries(CURVES).map(([key, { name }]) => h("option", { value: key }, name)));
  const values = Object.entries(CURVES).flatMap(([key, { fields }]) => fields.map(([name, label]) =>
    field(label, number(`cascade-${name}`, kept.values[name], { min: 0 }, (value) => { kept.values[name] = value; }), key)));
  const run = h("button", { type: "submit", class: "button primary", id: "cascade-run" }, "Run");
  const cancel = h("button", { type: "button", class: "button", id: "cascade-cancel", onclick: stop }, "Cancel");
  const form = h("form", { class: "cascade-form", onsubmit: (event) => { event.preventDefault(); start(); } },
    field("What moves", asset),
    field("First move [%]", number("cascade-move", kept.move, { min: -99.9, max: 1000 }, (value) => { kept.move = value; })),
    field("What sales do to prices", curve), values,
    field("Rounds at most", number("cascade-rounds", kept.rounds, { min: 1, max: 1000, step: 1 }, (value) => { kept.rounds = value; })),
    field("Insurance funds", h("input", { type: "text", id: "cascade-funds", value: kept.funds, placeholder: "binance:USDT=1000000", oninput: (event) => { kept.funds = event.target.value; } })),
    h("label", { class: "field check" }, h("input", { type: "checkbox", id: "cascade-waterfall", checked: kept.waterfall, onchange: (event) => { kept.waterfall = event.target.checked; } }),
      h("span", {}, "Each venue’s whole waterfall")),
    h("div", { class: "field actions" }, run, cancel));
  const bar = h("progress", { max: 1, "aria-label": "Progress of the cascade" });
  const stage = h("span", { role: "status" }), detail = h("span", { class: "muted" });
  const progress = h("div", { class: "cascade-progress", id: "cascade-progress", hidden: true }, bar, h("p", {}, stage, " ", detail));
  const result = h("div", { class: "cascade-result", id: "cascade-result" });
  root.append(h("nav", { class: "crumbs", "aria-label": "Where you are" }, h("a", { href: "#/" }, "‹ All accounts")),
    h("section", { class: "panel", "aria-labelledby": "cascade-title" }, h("div", { class: "panel-head" }, h("h1", { id: "cascade-title" }, "Cascade")),
      h("p", { class: "muted" }, "A price moves, accounts are liquidated by each venue’s exact rules, what is sold moves prices again. It runs on a copy: nothing is applied to the book. "
        + "How deep markets are is yours to say; the square root of 5 % and a billion a day is a convention, not a measurement."),
      form, progress), h("p", { class: "visually-hidden", role: "status", id: "cascade-said" }), result);
  let stepper = null, known = null;
  const view = { update, close, busy, told, finished };
  shown = view;
  curve.value = kept.curve;
  curveFields();
  busy(kept.running);
  return view;

  function curveFields() {
    for (const node of form.querySelectorAll("[data-curve]")) {
      const on = node.dataset.curve === kept.curve;
      node.hidden = !on;
      $("input", node).disabled = !on;
    }
  }
  function update({ summary }) {
    const book = summary.mode + summary.title; // a replay that starts again is the same book
    if (known === book) return;
    known = book;
    if (kept.book !== known) Object.assign(kept, { answer: null, book: known, step: 0 });
    replace(asset, summary.assets.map((name) => h("option", { value: name }, name === "ALL" ? "All prices" : name)));
    if (!summary.assets.includes(kept.asset)) kept.asset = "ALL";
    asset.value = kept.asset;
    finished();
  }
  function close() {
    stepper?.close();
    shown = null;
  }
  function busy(on) {
    const [from, to] = on ? [run, cancel] : [cancel, run];
    to.disabled = false;
    if (document.activeElement === from) to.focus();
    from.disabled = true;
    progress.hidden = !on;
    if (on) told({ stage: "copying", round: 0, done: 0, of: 0, seconds: 0, seconds_most: 0 });
  }
  function told(answer) {
    if (answer.of) bar.value = answer.done / answer.of;
    else bar.removeAttribute("value");
    put(stage, { copying: "Copying the book.", starting: "Starting.", rounds: `Round ${answer.round}.` }[answer.stage] || "Finishing.");
    put(detail, `${answer.of ? `${count(answer.done)} of ${count(answer.of)} steps, ` : ""}${answer.seconds} s${answer.seconds_most ? ` of at most ${answer.seconds_most}` : ""}`);
  }
  function finished() {
    stepper?.close();
    stepper = kept.answer ? resultView(result, kept.answer) : null;
    if (!kept.answer) replace(result);
  }
}

function fundsOf(text) {
  return Object.fromEntries(text.split(",").map((part) => part.trim()).filter(Boolean).map((part) => part.split("=").map((piece) => piece.trim())).map(([place, amount]) => [place, amount || ""]));
}

async function start() {
  if (kept.running) return;
  kept.running = true;
  shown?.busy(true);
  const book = kept.book, look = setInterval(async () => {
    try {
      const answer = await call("/cascade");
      if (answer.running && kept.running) shown?.told(answer);
    } catch { /* the run itself says what is wrong */ }
  }, LOOK);
  try {
    const answer = await post("/cascade", { shocks: [{ asset: kept.asset, move: String(Number((kept.move / 100).toFixed(6))) }],
      impact: [CURVES[kept.curve].text(kept.values)], funds: fundsOf(kept.funds), rounds: kept.rounds, waterfall: kept.waterfall });
    if (book === kept.book) Object.assign(kept, { answer, step: 0 });
    shown?.finished();
    put($("#cascade-said"), $("#cascade-sentence")?.textContent || "");
  } catch (error) {
    if (error.problem?.code !== "cascade_cancelled") explainError(error, "The cascade");
  } finally {
    clearInterval(look);
    kept.running = false;
    shown?.busy(false);
  }
}

async function stop() {
  try { await call("/cascade", { method: "DELETE" }); } catch (error) { explainError(error, "Cancelling"); }
}

// A run outlives the view, but not the page.
window.addEventListener("pagehide", () => { if (kept.running) call("/cascade", { method: "DELETE", keepalive: true }).catch(() => {}); });

const spoken = (shock) => shock.replace(/^ALL=/, "All prices=").replace("=", " ").replace("-", "−").replace(/%$/, " %");
const total = (amounts) => Object.values(amounts).reduce((sum, value) => sum + Number(value), 0);
const ratio = (answer, step, asset) => (step ? 1 + Number(answer.rounds[step - 1].moves[asset]?.cascade || 0) : 1);

/** Prices by asset: the first mark of each asset that moved, before and at the shock. */
function assetsOf(answer) {
  const found = {};
  for (const row of answer.prices) if (!found[row.asset] || (row.kind === "mark" && found[row.asset].kind !== "mark")) found[row.asset] = row;
  const last = answer.rounds.length;
  const move = (name) => Math.abs(ratio(answer, last, name) - 1);
  return Object.values(found).sort((a, b) => move(b.asset) - move(a.asset) || (a.asset < b.asset ? -1 : 1));
}

function resultView(root, answer) {
  const rounds = answer.rounds, last = rounds.length, assets = assetsOf(answer), currency = answer.currency || "";
  const venues = [...new Set(rounds.flatMap((row) => Object.keys(row.closed)))].sort();
  const closed = rounds.reduce((sum, row) => sum + total(row.closed), 0);
  const pools = rounds.reduce((sum, row) => sum + total(row.pools), 0);
  const end = last === 0 ? "Nobody is liquidated: no cascade." : answer.stopped === "settled" ? `Settled after ${many(last, "round")}.` : `Stopped after ${many(last, "round")}: more would follow.`;
  const slider = h("input", { type: "range", id: "cascade-step", min: 0, max: last, step: 1, "aria-label": "Round", oninput: () => { pause(); go(Number(slider.value)); } });
  const label = h("output", { for: "cascade-step", class: "shock-value", id: "cascade-round" });
  const button = (id, text, name, act) => h("button", { type: "button", class: "button square", id, "aria-label": name, onclick: act }, text);
  const play = button("cascade-play", "▶", "Play", () => (timer ? pause() : begin()));
  const back = button("cascade-back", "‹", "Previous round", () => { pause(); go(kept.step - 1); });
  const on = button("cascade-on", "›", "Next round", () => { pause(); go(kept.step + 1); });
  const told = h("p", { class: "sentence", id: "cascade-told", "aria-live": "polite" });
  const lines = h("div"), bars = h("div"), pricesBox = h("div", { class: "scroll" }), venuesBox = h("div", { class: "scroll" }), who = h("div", { class: "scroll" });
  const rows = h("tbody", { id: "cascade-rows" }, rounds.map((row, i) => h("tr", {}, h("th", { scope: "row" }, h("button", { type: "button", class: "link", onclick: () => { pause(); go(i + 1); } }, `Round ${row.round}`)),
    [count(total(row.accounts)), money(total(row.closed)), assets[0] ? percent(row.moves[assets[0].asset]?.cascade || 0, 2, true) : "–", money(row.bad_debt), Object.entries(row.funds).map(([name, value]) => `${name} ${money(value)}`).join(", ") || "–"]
      .map((text) => h("td", { class: "number" }, text)))));
  let timer = null;
  replace(root, h("section", { class: "panel", "aria-labelledby": "cascade-summary" },
    h("div", { class: "panel-head" }, h("h2", { id: "cascade-summary" }, answer.shocks.map(spoken).join(", ")), h("p", { class: "muted" }, `from the book of ${clock(answer.as_of)} UTC`)),
    h("p", { class: "sentence", id: "cascade-sentence" }, h("strong", {}, end), ` ${many(pools, "liquidation")}, `, h("strong", {}, money(closed, currency)), " closed, bad debt ", h("strong", {}, money(answer.bad_debt, currency)), "."),
    zones(answer)),
  last ? h("section", { class: "panel", "aria-labelledby": "steps-title" },
    h("div", { class: "panel-head" }, h("h2", { id: "steps-title" }, "Step by step"), h("div", { class: "steps" }, play, back, on)),
    h("div", { class: "slider" }, slider, label), told,
    h("div", { class: "columns even" }, lines, bars),
    h("div", { class: "columns even" }, pricesBox, venuesBox)) : null,
  last ? h("div", { class: "columns even" }, h("section", { class: "panel", "aria-labelledby": "who-title" }, h("h2", { id: "who-title" }, "Who was liquidated"), who),
    h("section", { class: "panel", "aria-labelledby": "rounds-title" }, h("h2", { id: "rounds-title" }, "All rounds"),
      h("div", { class: "scroll rounds", tabindex: 0, role: "region", "aria-labelledby": "rounds-title" }, h("table", { class: "mini" }, h("thead", {}, h("tr", {}, h("th", {}, "round"),
        ["accounts", "closed", assets[0] ? assets[0].asset : "price", "bad debt", "funds"].map((name) => h("th", { class: "number" }, name)))), rows)))) : null,
  refusals(answer));
  if (last) go(Math.min(kept.step, last));
  return { close: pause };

  function begin() {
    if (kept.step >= last) go(0);
    timer = setInterval(() => { go(kept.step + 1); if (kept.step >= last) pause(); }, PLAY);
    put(play, "❚❚");
    play.setAttribute("aria-label", "Pause");
  }
  function pause() {
    clearInterval(timer);
    timer = null;
    put(play, "▶");
    play.setAttribute("aria-label", "Play");
  }
  function go(step) {
    kept.step = Math.max(0, Math.min(last, step));
    const row = kept.step ? rounds[kept.step - 1] : null;
    slider.value = String(kept.step);
    label.value = `${kept.step} / ${last}`;
    slider.setAttribute("aria-valuetext", row ? `Round ${kept.step} of ${last}` : "The shock");
    if (document.activeElement === (kept.step ? kept.step === last && on : back)) slider.focus();
    back.disabled = kept.step === 0;
    on.disabled = kept.step === last;
    put(told, row ? `Round ${kept.step}: ${many(total(row.accounts), "account")} liquidated, ${money(total(row.closed), currency)} closed, bad debt so far ${money(row.bad_debt, currency)}.`
      : `The shock: ${many((answer.shocked.counts.liquidation || 0) + (answer.shocked.counts.bankrupt || 0), "account")} liquidatable, nothing closed yet.`);
    const pick = (step) => { pause(); go(step); };
    const drawn = assets.slice(0, LINES).map(({ asset }) => ({ name: asset, values: [...Array(last + 1).keys()].map((n) => ratio(answer, n, asset) - 1) }));
    replace(lines, h("h3", {}, "Prices against those at the shock"), cascadeLines(drawn, { current: kept.step, onPick: pick }));
    replace(bars, h("h3", {}, "Closed in each round"), cascadeBars(rounds, venues, { current: kept.step, onPick: pick }));
    replace(pricesBox, priceTable(), priceNote());
    replace(venuesBox, venueTable(row));
    replace(who, whoTable(row));
    [...rows.children].forEach((line, i) => { if (i + 1 === kept.step) line.setAttribute("aria-current", "step"); else line.removeAttribute("aria-current"); });
  }
  function priceTable() {
    return h("table", { class: "mini", id: "cascade-prices" }, h("caption", { class: "visually-hidden" }, "Prices of the assets that moved"),
      h("thead", {}, h("tr", {}, h("th", {}, "price"), ["before", "at the shock", kept.step ? `after round ${kept.step}` : "now", "since the shock"].map((name) => h("th", { class: "number" }, name)))),
      h("tbody", {}, assets.slice(0, 12).map((row) => h("tr", {}, h("th", { scope: "row" }, row.asset), [price(row.before), price(row.shocked), price(Number(row.shocked) * ratio(answer, kept.step, row.asset)),
        percent(ratio(answer, kept.step, row.asset) - 1, 2, true)].map((text) => h("td", { class: "number" }, text))))));
  }
  function priceNote() {
    return assets.length > 12 ? h("p", { class: "hint" }, `${assets.length - 12} more moved less.`) : null;
  }
  function venueTable(row) {
    const past = rounds.slice(0, kept.step);
    const sum = (key) => past.reduce((found, one) => { for (const [name, value] of Object.entries(one[key])) found[name] = (found[name] || 0) + Number(value); return found; }, {});
    const soFar = sum("closed"), lost = sum("lost_to"), paid = sum("paid"), shared = sum("shared");
    return [h("table", { class: "mini", id: "cascade-venues" }, h("caption", { class: "visually-hidden" }, "What each venue closed"),
      h("thead", {}, h("tr", {}, h("th", {}, "venue"), ["accounts", "closed", "closed so far"].map((name) => h("th", { class: "number" }, name)))),
      h("tbody", {}, venues.map((name) => h("tr", {}, h("th", { scope: "row" }, name), [count(row?.accounts[name] || 0), money(row?.closed[name] || 0), money(soFar[name] || 0)].map((text) => h("td", { class: "number" }, text)))))),
    h("dl", { class: "cascade-facts", id: "cascade-facts" }, fact("Bad debt so far", money(row?.bad_debt || 0, currency)),
      Object.entries(row?.funds || {}).map(([name, value]) => fact(`Fund ${name}`, money(value))),
      Object.entries(paid).map(([name, value]) => fact(`Paid by ${name} so far`, money(value))),
      Object.entries(shared).map(([name, value]) => fact(`Borne by other users of ${name} so far`, money(value))),
      Object.entries(lost).map(([name, value]) => fact(`Lost to ${name} so far`, money(value, currency))))];
  }
  function whoTable(row) {
    if (!row) return h("p", { class: "empty" }, "At the shock nothing is closed yet. The first liquidations are those of round 1.");
    const all = total(row.accounts);
    return [h("table", { class: "mini", id: "cascade-who" }, h("caption", { class: "visually-hidden" }, `Accounts of which round ${kept.step} closed most`),
      h("thead", {}, h("tr", {}, h("th", {}, "account"), h("th", {}, "venue"), h("th", { class: "number" }, "closed"))),
      h("tbody", {}, row.largest.map((one) => h("tr", {}, h("th", { scope: "row" }, h("a", { href: `#/account/${encodeURIComponent(one.account)}` }, one.account)), h("td", {}, one.venue), h("td", { class: "number" }, money(one.closed)))))),
    all > row.largest.length ? h("p", { class: "hint" }, `The ${row.largest.length} largest of ${count(all)}.`) : null];
  }
}

const fact = (name, value) => h("div", { class: "fact" }, h("dt", {}, name), h("dd", {}, value));

function zones(answer) {
  const sides = [["before", "before"], ["shocked", "at the shock"], ["after", "at the end"]];
  const held = ZONES.filter((zone) => sides.some(([side]) => answer[side].counts[zone]));
  const bar = ([side, title]) => {
    const counts = answer[side].counts, all = total(counts) || 1;
    return h("div", { class: "split wide" }, h("span", { class: "muted" }, title), h("div", { class: "split-bar", role: "img", "aria-label": `${title}: ${held.map((zone) => `${ZONE_NAMES[zone]} ${count(counts[zone] || 0)}`).join(", ")}` },
      held.map((zone) => (counts[zone] ? h("i", { class: `fill-${zone}`, vars: { "flex-grow": String(counts[zone] / all) }, title: `${ZONE_NAMES[zone]}: ${count(counts[zone])}` }) : null))));
  };
  return [sides.map(bar), h("div", { class: "scroll" }, h("table", { class: "mini", id: "cascade-zones" }, h("caption", { class: "visually-hidden" }, "Accounts by zone before, at the shock and at the end"),
    h("thead", {}, h("tr", {}, h("th", {}, "accounts"), sides.map(([, title]) => h("th", { class: "number" }, title)))),
    h("tbody", {}, held.map((zone) => h("tr", {}, h("th", { scope: "row" }, zonePill(zone)), sides.map(([side]) => h("td", { class: "number" }, count(answer[side].counts[zone] || 0))))))))];
}

function refusals(answer) {
  const lines = [...answer.refused.map((row) => `${row.account} ${row.pool} stays: ${row.reason}`), ...answer.errors.map((p) => `${p.place}: got ${p.value || "nothing"}, expected ${p.expected} (${p.code})`)];
  return lines.length ? h("section", { class: "panel", "aria-label": "What was left out" }, h("details", {}, h("summary", {}, `${count(lines.length)} left out, or liquidatable and not liquidated`),
    h("ul", { class: "left-out" }, lines.slice(0, 50).map((line) => h("li", {}, line))))) : null;
}
