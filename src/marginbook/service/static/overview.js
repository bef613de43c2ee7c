// The overview: cards by zone, shock slider, ladder, accounts, time line.
import { call } from "./api.js";
import { startWith } from "./cascade.js";
import { ladderChart, sparkline, timelineChart } from "./charts.js";
import { $, ZONES, ZONE_NAMES, h, icon, put, replace, zonePill } from "./dom.js";
import { count, many, money, percent, price, timeOfDay } from "./format.js";
import { explainError } from "./notices.js";
import { accountsTable } from "./table.js";

const kept = { asset: "ALL", move: -0.2, cumulative: true, measure: "notional", by: "venue" };

export function overviewView(root, state) {
  const quotes = h("section", { class: "quotes", "aria-label": "Main prices" });
  const cards = h("section", { class: "cards", "aria-label": "Accounts and notional by zone" });
  const shock = shockPanel();
  const ladder = ladderPanel(shock);
  const table = accountsTable(cards);
  const line = h("section", { class: "panel timeline", "aria-labelledby": "timeline-title" },
    h("div", { class: "panel-head" }, h("h2", { id: "timeline-title" }, "Time line"), h("p", { class: "muted", id: "timeline-count" })),
    h("div", { class: "chart", id: "timeline-chart" }), h("ol", { class: "events", id: "events", tabindex: 0, "aria-label": "Latest zone changes" }));
  root.append(quotes, cards, h("div", { class: "columns" }, shock.node, ladder.node), h("div", { class: "columns wide-left" }, table.node, line));
  cardsFrame(cards, table);
  let book = null, lastEvent = null;
  const update = () => {
    const { summary, events, history } = state;
    drawQuotes(quotes, summary);
    drawCards(cards, summary, history);
    if (book !== summary.book) {
      book = summary.book;
      shock.assets(summary.assets);
      table.venues(Object.keys(summary.venues));
      shock.run();
      ladder.load();
      table.load();
      bars();
    }
    const newest = events.length ? events[events.length - 1].number : 0;
    if (newest !== lastEvent) {
      lastEvent = newest;
      drawEvents(line, events, summary);
    }
  };
  const bars = async () => {
    try { replace($("#timeline-chart", line), timelineChart((await call("/timeline?limit=1")).bars)); } catch (error) { explainError(error, "The time line"); }
  };
  const timers = [setInterval(() => state.summary && !document.hidden && table.load(), 1000), setInterval(() => state.summary && !document.hidden && bars(), 2000), setInterval(() => state.summary && !document.hidden && ladder.load(), 4000),
    setInterval(() => state.summary && !document.hidden && shock.run(), 1500)];
  return { update, close: () => timers.forEach(clearInterval) };

  function ladderPanel() {
    const chart = h("div", { class: "ladder-body" }, h("p", { class: "empty" }, "Computing the ladder …"));
    const toggle = (label, on, pick) => h("button", { type: "button", class: "segment", "aria-pressed": String(on()), onclick: (event) => {
      pick();
      for (const other of event.target.parentNode.children) other.setAttribute("aria-pressed", "false");
      event.target.setAttribute("aria-pressed", "true");
      draw();
    } }, label);
    const node = h("section", { class: "panel ladder", "aria-labelledby": "ladder-title" },
      h("div", { class: "panel-head" }, h("h2", { id: "ladder-title" }, "Liquidation ladder"),
        h("div", { class: "segments", role: "group", "aria-label": "Measure" },
          toggle("Notional", () => kept.measure === "notional", () => { kept.measure = "notional"; }),
          toggle("Accounts", () => kept.measure === "accounts", () => { kept.measure = "accounts"; })),
        h("div", { class: "segments", role: "group", "aria-label": "Stacked by" },
          toggle("By venue", () => kept.by === "venue", () => { kept.by = "venue"; load(); }),
          toggle("By asset", () => kept.by === "asset", () => { kept.by = "asset"; load(); })),
        h("div", { class: "segments", role: "group", "aria-label": "Cumulative or per step" },
          toggle("Cumulative", () => kept.cumulative, () => { kept.cumulative = true; }),
          toggle("Per step", () => !kept.cumulative, () => { kept.cumulative = false; }))),
      h("p", { class: "muted", id: "ladder-note" }), chart);
    let ladder = null;
    function draw() {
      if (!ladder) return;
      put($("#ladder-note", node), `What becomes liquidatable if ${ladder.asset === "ALL" ? "every price that is not stable" : ladder.asset} moves, by ${ladder.by}. Pick a bar to try it.`);
      replace(chart, ladderChart(ladder, { ...kept, current: kept.move, onPick: (move) => shock.set(move) }));
    }
    async function load() {
      try { ladder = await call(`/ladder?asset=${encodeURIComponent(kept.asset)}&by=${kept.by}`); draw(); } catch (error) { explainError(error, "The ladder"); }
    }
    shock.onChange = (assetChanged) => (assetChanged ? load() : draw());
    return { node, load };
  }
}

function cardsFrame(cards, table) {
  for (const zone of ZONES) {
    cards.append(h("button", { type: "button", class: `card zone-${zone}`, id: `card-${zone}`, "aria-pressed": "false", title: `Show only: ${ZONE_NAMES[zone]}`, onclick: () => table.zone(zone) },
      h("span", { class: "card-head" }, icon(zone), ZONE_NAMES[zone]), h("span", { class: "card-count" }, "–"),
      h("span", { class: "card-money" }, "–"), h("span", { class: "card-spark" })));
  }
}

function drawCards(cards, summary, history) {
  for (const zone of ZONES) {
    const card = $(`#card-${zone}`, cards);
    const number = summary.counts[zone] || 0;
    put($(".card-count", card), count(number));
    put($(".card-money", card), `${money(summary.notional[zone] || 0, summary.currency)} · ${percent(summary.accounts ? number / summary.accounts : 0, 1)}`);
    card.classList.toggle("none", number === 0);
    replace($(".card-spark", card), sparkline(history.map((counts) => counts[zone] || 0)));
  }
}

function drawQuotes(node, summary) {
  const quotes = summary.quotes || [];
  if (node.children.length !== quotes.length) replace(node, quotes.map(() => h("span", { class: "quote" }, h("b"), h("span"), h("em"))));
  quotes.forEach((quote, i) => {
    const [name, value, change] = node.children[i].children;
    put(name, quote.asset);
    put(value, price(quote.price));
    const move = Number(quote.change);
    put(change, `${move < 0 ? "▼" : move > 0 ? "▲" : "·"} ${percent(move, 1, true)}`);
    change.className = move < 0 ? "down" : move > 0 ? "up" : "";
  });
}

function drawEvents(line, events, summary) {
  put($("#timeline-count", line), `${many(summary.calls_opened || 0, "call")}, ${many(summary.liquidations || 0, "liquidation")} since the start`);
  const list = $("#events", line);
  if (!events.length) {
    replace(list, h("li", { class: "empty" }, "Nothing has changed zone yet. Warnings, calls and liquidations appear here as prices move."));
    return;
  }
  replace(list, events.slice(-60).reverse().map((event) => h("li", {},
    h("time", {}, timeOfDay(event.time)), zonePill(event.to),
    h("a", { href: `#/account/${encodeURIComponent(event.account)}` }, event.account),
    h("span", { class: "muted cause" }, `from ${(ZONE_NAMES[event.from] || event.from).toLowerCase()}${event.cause ? ` · ${event.cause}` : ""}`))));
}

function shockPanel() {
  const picker = h("select", { id: "shock-asset", "aria-label": "What moves" });
  const slider = h("input", { id: "shock-move", type: "range", min: -60, max: 60, step: 1, value: Math.round(kept.move * 100), "aria-label": "Price move in percent", list: "shock-marks" });
  const shown = h("output", { for: "shock-move", class: "shock-value" });
  const sentence = h("p", { class: "sentence", id: "shock-sentence", "aria-live": "polite" }, "…");
  const detail = h("div", { class: "shock-detail" });
  const node = h("section", { class: "panel shock", "aria-labelledby": "shock-title" },
    h("div", { class: "panel-head" }, h("h2", { id: "shock-title" }, "What if prices move?"), picker),
    h("div", { class: "slider" }, slider, shown),
    h("div", { class: "presets", role: "group", "aria-label": "Common moves" }, [-50, -30, -20, -10, 10, 20, 30].map((move) =>
      h("button", { type: "button", class: "segment", onclick: () => panel.set(move / 100) }, percent(move / 100, 0, true)))),
    sentence, detail, h("p", { class: "hint" }, h("a", { href: "#/cascade", id: "to-cascade", onclick: () => startWith(kept.asset, kept.move) }, "What follows from it: the cascade ›")));
  let running = null, again = false;
  const panel = { node, onChange: () => {}, set, run, assets };
  function assets(names) {
    replace(picker, names.map((name) => h("option", { value: name }, name === "ALL" ? "All prices" : name)));
    if (!names.includes(kept.asset)) kept.asset = "ALL";
    picker.value = kept.asset;
  }
  function set(move) {
    kept.move = Math.round(move * 100) / 100;
    slider.value = String(Math.round(kept.move * 100));
    changed(false);
  }
  function changed(assetChanged) {
    label();
    run();
    panel.onChange(assetChanged);
  }
  function label() {
    shown.value = percent(kept.move, 0, true);
    slider.setAttribute("aria-valuetext", shown.value);
  }
  async function run() {
    if (running) { again = true; return; }
    running = true;
    try {
      const { asset, move } = kept;
      const answer = await call(`/shock?asset=${encodeURIComponent(asset)}&move=${move.toFixed(2)}`);
      draw(answer, asset, move);
    } catch (error) {
      put(sentence, "");
      explainError(error, "The shock");
    } finally {
      running = false;
      if (again) { again = false; run(); }
    }
  }
  function draw(answer, asset, move) {
    const hit = answer.liquidatable;
    replace(sentence, h("span", {}, `${asset === "ALL" ? "All prices" : asset} ${percent(move, 0, true)}: `),
      h("strong", {}, many(hit.accounts, "account")), ` liquidatable, `, h("strong", {}, money(hit.notional, answer.currency)), ` notional, bad debt `, h("strong", {}, money(answer.bad_debt, answer.currency)), ".");
    const total = Object.values(answer.after.counts).reduce((a, b) => a + b, 0) || 1;
    const bar = (title, side) => h("div", { class: "split" }, h("span", { class: "muted" }, title),
      h("div", { class: "split-bar", role: "img", "aria-label": `${title}: ${ZONES.map((z) => `${ZONE_NAMES[z]} ${count(side.counts[z] || 0)}`).join(", ")}` },
        ZONES.map((zone) => side.counts[zone] ? h("i", { class: `fill-${zone}`, vars: { "flex-grow": String(side.counts[zone] / total) }, title: `${ZONE_NAMES[zone]}: ${count(side.counts[zone])}` }) : null)));
    replace(detail, bar("now", answer.before), bar("after", answer.after),
      h("table", { class: "mini" }, h("caption", { class: "visually-hidden" }, "Accounts by zone before and after"),
        h("thead", {}, h("tr", {}, h("th", {}, "zone"), h("th", { class: "number" }, "now"), h("th", { class: "number" }, "after"), h("th", { class: "number" }, "notional after"))),
        h("tbody", {}, ZONES.filter((z) => answer.before.counts[z] || answer.after.counts[z]).map((zone) => h("tr", {}, h("th", { scope: "row" }, zonePill(zone)),
          h("td", { class: "number" }, count(answer.before.counts[zone] || 0)), h("td", { class: "number" }, count(answer.after.counts[zone] || 0)),
          h("td", { class: "number" }, money(answer.after.notional[zone] || 0)))))));
  }
  slider.addEventListener("input", () => { kept.move = Number(slider.value) / 100; changed(false); });
  picker.addEventListener("change", () => { kept.asset = picker.value; changed(true); });
  label();
  return panel;
}
