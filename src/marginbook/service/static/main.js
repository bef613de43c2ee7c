// State, header, routing. Views draw themselves from the last summary and are told of each new one.
import { call, openStream, post } from "./api.js";
import { $, h, put, replace } from "./dom.js";
import { age, clock, count, many } from "./format.js";
import { accountView } from "./account.js";
import { cascadeView } from "./cascade.js";
import { explainError, notice } from "./notices.js";
import { overviewView } from "./overview.js";

const state = { summary: null, events: [], history: [], online: false };
let view = null;

function header(summary) {
  const banner = $("#banner");
  banner.className = `banner mode-${summary.mode}`;
  const names = { demo: "DEMO", replay: "REPLAY", live: "LIVE", file: "FILE" };
  if (banner.dataset.text !== summary.mode + summary.title) {
    banner.dataset.text = summary.mode + summary.title;
    replace(banner, h("b", {}, names[summary.mode] || summary.mode), h("span", { title: summary.banner }, summary.title));
  }
  const box = $("#clockbox");
  if (box.dataset.mode !== summary.mode + summary.book) {
    box.dataset.mode = summary.mode + summary.book;
    const playing = summary.mode === "demo" || summary.mode === "replay";
    replace(box,
      h("time", { id: "clock", title: "The book's own clock, UTC" }),
      playing ? h("progress", { id: "progress", max: 1, "aria-label": "Progress of the replay" }) : null,
      playing ? h("select", { id: "speed", "aria-label": "Speed of the replay", onchange: (event) => control({ speed: event.target.value }) },
        ["1", "10", "60", "120", "300", "600"].map((speed) => h("option", { value: speed }, `${speed}×`))) : null,
      playing ? h("button", { class: "button square", id: "pause", type: "button", onclick: () => control({ paused: state.summary.finished ? false : !state.summary.paused }) }) : null,
      summary.can_restore ? h("button", { class: "button", id: "restore", type: "button", onclick: restore }, "Back to the demo") : null);
  }
  put($("#clock"), clock(summary.clock) + " UTC");
  $("#clock").dateTime = summary.clock;
  const progress = $("#progress");
  if (progress) progress.value = Number(summary.progress || 0);
  const speed = $("#speed");
  if (speed && document.activeElement !== speed) {
    if (![...speed.options].some((option) => option.value === summary.speed)) speed.append(h("option", { value: summary.speed }, `${summary.speed}×`));
    speed.value = summary.speed;
  }
  const pause = $("#pause");
  if (pause) {
    put(pause, summary.finished ? "⟲" : summary.paused ? "▶" : "❚❚");
    pause.setAttribute("aria-label", summary.finished ? "Start again" : summary.paused ? "Go on" : "Pause");
  }
  ages(summary);
}

function ages(summary) {
  const box = $("#ages");
  if (!box.firstChild) replace(box, h("span", { class: "chip", id: "price-age" }), h("span", { class: "chip", id: "parameter-age" }), h("span", { class: "chip", id: "line" }));
  const prices = summary.prices, parameters = summary.parameters;
  const chip = (id, text, stale, title) => {
    const node = $(id);
    put(node, (stale ? "⚠ " : "") + text);
    node.classList.toggle("stale", Boolean(stale));
    node.title = title;
  };
  chip("#price-age", prices.stale ? `${count(prices.stale)} prices stale, ${age(prices.age_seconds)}` : `prices ${age(prices.age_seconds)}`, prices.stale,
    `${count(prices.count)} prices; the oldest is ${prices.oldest || "–"}, ${age(prices.age_seconds)} old`);
  chip("#parameter-age", `parameters ${parameters.as_of ? parameters.as_of.slice(0, 10) : "–"}`, parameters.stale,
    `Risk parameters, oldest table ${age(parameters.age_seconds)} old on the book's clock`);
  chip("#line", state.online ? "connected" : "connection lost", !state.online, "The page's own line to the service");
  document.body.classList.toggle("offline", !state.online);
  document.body.classList.toggle("stale", Boolean(prices.stale) || !state.online);
}

async function control(change) {
  try { await post("/control", change); } catch (error) { explainError(error, "Changing the replay"); }
}

async function restore() {
  try { await call("/book", { method: "DELETE" }); location.hash = "#/"; } catch (error) { explainError(error, "Going back"); }
}

async function openFile(file) {
  const button = $("#open-file");
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await call(`/book?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
    location.hash = "#/";
    const lines = answer.problems.map((p) => `${p.place}: got ${p.value || "nothing"}, expected ${p.expected} (${p.code})`);
    if (!answer.shown) notice("bad", `${file.name} has no account that can be shown; the book stays as it is`, lines);
    else if (lines.length) notice("bad", `${file.name}: ${many(answer.accounts, "account")} shown, ${many(lines.length, "problem")}`, lines);
    else notice("good", `${file.name}: ${many(answer.accounts, "account")} shown`);
  } catch (error) {
    explainError(error, `Opening ${file.name}`);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

function loading(summary) {
  const box = $("#loading");
  if (!summary.loading) {
    if (box) box.remove();
    return false;
  }
  const { done, total } = summary.loading;
  if (!box) {
    view?.close?.();
    view = null;
    $("#main").replaceChildren(h("section", { class: "panel loading", id: "loading", "aria-live": "polite" }, h("h1", {}, "Preparing the book"),
      h("progress", { max: 1, "aria-label": "Accounts read" }), h("p", { class: "muted" })));
  }
  const share = total ? done / total : 0;
  const bar = $("#loading progress");
  if (share < 0.98) bar.value = share;
  else bar.removeAttribute("value");
  put($("#loading p"), share < 0.98 ? `Reading ${count(done)} of ${count(total)} accounts` : `Computing margins of ${count(total)} accounts. The very first start also compiles the kernels, which takes a while longer.`);
  return true;
}

function route() {
  const parts = location.hash.replace(/^#\/?/, "").split("/");
  view?.close?.();
  $("#main").replaceChildren();
  view = parts[0] === "account" && parts[1] ? accountView($("#main"), decodeURIComponent(parts.slice(1).join("/")), state)
    : parts[0] === "cascade" ? cascadeView($("#main")) : overviewView($("#main"), state);
  for (const link of document.querySelectorAll("#views a")) {
    if (link.hash === (parts[0] === "cascade" ? "#/cascade" : parts[0] === "account" ? "" : "#/")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (state.summary && !state.summary.loading) view.update(state);
  window.scrollTo(0, 0);
}

function theme(name) {
  if (name) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
}

function start() {
  try { theme(localStorage.getItem("theme")); } catch { /* a browser without storage keeps the system's theme */ }
  $("#theme").addEventListener("click", () => {
    const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    theme(dark ? "light" : "dark");
    try { localStorage.setItem("theme", dark ? "light" : "dark"); } catch { /* as above */ }
  });
  $("#open-file").addEventListener("click", () => $("#file").click());
  $("#file").addEventListener("change", (event) => {
    if (event.target.files[0]) openFile(event.target.files[0]);
    event.target.value = "";
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0]);
  });
  window.addEventListener("hashchange", () => view && route());
  openStream((summary, events) => {
    if (state.summary && state.summary.book !== summary.book) state.history = [];
    state.summary = summary;
    state.events = events;
    state.history.push(summary.counts);
    if (state.history.length > 240) state.history.shift();
    header(summary);
    if (summary.failure && !state.failed) {
      state.failed = true;
      const { code, place, value, expected } = summary.failure;
      notice("bad", `The engine has stopped (${code})`, [`${place}: got ${value}, expected ${expected}`]);
    }
    if (loading(summary)) return;
    if (!view) route();
    document.title = `${summary.counts.liquidation ? `(${summary.counts.liquidation}) ` : ""}marginbook · ${summary.title}`;
    view.update(state);
  }, (online) => {
    if (state.online === online) return;
    state.online = online;
    if (state.summary) ages(state.summary);
  });
}

start();
