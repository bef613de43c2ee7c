// Charts as SVG: the ladder, the time line, the gauge and the small lines in the cards.
import { h, s } from "./dom.js";
import { count, money, percent, timeOfDay } from "./format.js";

const STACK = ["series-a", "series-b", "series-c", "series-d", "series-e", "series-f"];

function niceTop(value) {
  if (!(value > 0)) return 1;
  const step = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 7.5, 10].map((m) => m * step).find((m) => m >= value) || value;
}

function barTop(x, y, width, height, radius) {
  const r = Math.max(0, Math.min(radius, height, width / 2));
  return `M${x} ${y + height}V${y + r}q0 ${-r} ${r} ${-r}h${width - 2 * r}q${r} 0 ${r} ${r}v${height - r}z`;
}

/** Liquidatable notional at each shock, falls to the left and rises to the right of today's price. */
export function ladderChart(ladder, { cumulative, measure, current, onPick }) {
  const steps = ladder.steps;
  const names = [...new Set(steps.flatMap((step) => Object.keys(step.stacks)))];
  const zero = steps.findIndex((step) => Number(step.move) === 0);
  const value = (step, name) => Number((measure === "accounts" ? step.stack_accounts : step.stacks)[name] || 0);
  const bars = steps.map((step, i) => {
    const inner = i < zero ? steps[i + 1] : i > zero ? steps[i - 1] : null;
    const parts = names.map((name) => Math.max(0, value(step, name) - (cumulative || !inner ? 0 : value(inner, name))));
    return { step, parts, total: parts.reduce((a, b) => a + b, 0) };
  });
  const width = 720, height = 268, left = 64, right = 10, top = 14, bottom = 34;
  const peak = niceTop(Math.max(...bars.map((bar) => bar.total)));
  const slot = (width - left - right) / bars.length;
  const y = (v) => top + (height - top - bottom) * (1 - v / peak);
  const show = (v) => (measure === "accounts" ? count(Math.round(v)) : money(v));
  const nodes = [];
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    nodes.push(s("line", { class: share ? "grid" : "axis", x1: left, x2: width - right, y1: y(peak * share), y2: y(peak * share) }));
    nodes.push(s("text", { class: "tick", x: left - 8, y: y(peak * share) + 4, "text-anchor": "end" }, show(peak * share)));
  }
  bars.forEach((bar, i) => {
    const x = left + slot * i;
    const move = Number(bar.step.move);
    let base = 0;
    const group = s("g", { class: "bar", tabindex: 0, role: "button", "aria-label": `${percent(move, 0, true)}: ${show(bar.total)}`,
      onclick: () => onPick(move), onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); onPick(move); } } });
    group.append(s("title", {}, `${percent(move, 0, true)}: ${count(bar.step.accounts)} accounts, ${money(bar.step.notional)} liquidatable in all` +
      (cumulative ? "" : `; ${show(bar.total)} newly at this step`)));
    group.append(s("rect", { class: "hit", x, y: top, width: slot, height: height - top - bottom }));
    const last = bar.parts.reduce((found, part, k) => (part > 0 ? k : found), -1);
    bar.parts.forEach((part, k) => {
      if (part <= 0) return;
      const y0 = y(base + part), tall = Math.max(y(base) - y0, 1);
      group.append(k === last ? s("path", { class: STACK[k % 6], d: barTop(x + slot * 0.14, y0, slot * 0.72, tall, 3) })
        : s("rect", { class: STACK[k % 6], x: x + slot * 0.14, y: y0, width: slot * 0.72, height: tall }));
      base += part;
    });
    nodes.push(group);
    if (i % 2 === zero % 2) nodes.push(s("text", { class: "tick", x: x + slot / 2, y: height - bottom + 18, "text-anchor": "middle" },
      move === 0 ? "now" : percent(move, 0, true).replace(" ", "")));
  });
  if (Number.isFinite(current) && current !== 0 && steps.length > 1) {
    const first = Number(steps[0].move), end = Number(steps[steps.length - 1].move);
    const x = left + slot / 2 + ((current - first) / (end - first)) * (slot * (bars.length - 1));
    if (x >= left && x <= width - right) nodes.push(s("path", { class: "marker", d: `M${x} ${top - 4}V${height - bottom}M${x - 5} ${top - 9}h10l-5 6z` }));
  }
  return h("figure", { class: "chart" },
    s("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Liquidation ladder over price shocks" }, nodes),
    h("figcaption", { class: "legend" }, names.map((name, k) => h("span", {}, h("i", { class: `swatch ${STACK[k % 6]}` }), name))));
}

/** Pools that entered each zone, one bar per interval of the book's own clock. */
export function timelineChart(bars) {
  const width = 460, height = 132, left = 38, bottom = 20, top = 8;
  const kinds = ["warning", "call", "liquidation", "bankrupt"];
  const total = (bar) => kinds.reduce((sum, kind) => sum + (bar.entered[kind] || 0), 0);
  const peak = niceTop(Math.max(1, ...bars.map(total)));
  const slot = Math.min((width - left - 4) / Math.max(bars.length, 1), 24);
  const y = (v) => top + (height - top - bottom) * (1 - v / peak);
  const nodes = [0, peak].map((v) => [
    s("line", { class: v ? "grid" : "axis", x1: left, x2: width - 4, y1: y(v), y2: y(v) }),
    s("text", { class: "tick", x: left - 6, y: y(v) + 4, "text-anchor": "end" }, count(Math.round(v)))]).flat();
  bars.forEach((bar, i) => {
    let base = 0;
    const group = s("g", {}, s("title", {}, `${timeOfDay(bar.time)}: ${kinds.map((kind) => `${kind} ${count(bar.entered[kind] || 0)}`).join(", ")}`));
    for (const kind of kinds) {
      const value = bar.entered[kind] || 0;
      if (!value) continue;
      group.append(s("rect", { class: `fill-${kind}`, x: left + slot * i + slot * 0.08, width: slot * 0.84, y: y(base + value), height: Math.max(1, y(base) - y(base + value)) }));
      base += value;
    }
    nodes.push(group);
  });
  if (bars.length) {
    nodes.push(s("text", { class: "tick", x: left, y: height - 4 }, timeOfDay(bars[0].time)));
    if (bars.length > 6) nodes.push(s("text", { class: "tick", x: left + slot * bars.length, y: height - 4, "text-anchor": "end" }, timeOfDay(bars[bars.length - 1].time)));
  }
  return s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Zone changes over time, ${count(bars.reduce((sum, bar) => sum + total(bar), 0))} in all` }, nodes);
}

const ROUNDS = { width: 560, height: 230, left: 62, top: 12, bottom: 28 };

/** Frame of a chart over rounds: 0 is the shock. A click on a slot picks its round; keys have the slider. */
function overRounds(last, right, label, { current, onPick }, draw, title) {
  const { width, height, left, top, bottom } = ROUNDS;
  const slot = (width - left - right) / (last + 1);
  const middle = (round) => left + slot * (round + 0.5);
  const every = Math.max(1, Math.ceil((last + 1) / 12));
  const nodes = [s("rect", { class: "chosen", x: left + slot * current, y: top, width: slot, height: height - top - bottom }), draw({ slot, middle })];
  for (let round = 0; round <= last; round += 1) {
    if (round % every === 0) nodes.push(s("text", { class: "tick", x: middle(round), y: height - 8, "text-anchor": "middle" }, round ? String(round) : "shock"));
    nodes.push(s("rect", { class: "hit pick", x: left + slot * round, y: top, width: slot, height: height - top - bottom, onclick: () => onPick(round) }, s("title", {}, title(round))));
  }
  return s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, nodes);
}

/** Grid lines at round values that hold `low` and `high`. */
function levels(low, high, right, show) {
  const { width, height, left, top, bottom } = ROUNDS;
  const step = niceTop((high - low || 1) / 5), from = Math.floor(low / step + 1e-9), to = Math.max(Math.ceil(high / step - 1e-9), from + 1);
  const y = (value) => top + (height - top - bottom) * (1 - (value / step - from) / (to - from));
  const nodes = Array.from({ length: to - from + 1 }, (_, i) => (from + i) * step).map((value) => [
    s("line", { class: Math.abs(value) < step / 2 ? "axis" : "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }),
    s("text", { class: "tick", x: left - 7, y: y(value) + 4, "text-anchor": "end" }, show(value, step))]);
  return { y, nodes };
}

/** Moves since the shock by asset: steps, each with its own dashes and its name at the end. */
export function cascadeLines(series, picked) {
  const right = 62, all = series.flatMap((line) => line.values).concat(0), last = (series[0]?.values.length || 1) - 1;
  const low = Math.min(...all), high = Math.max(...all);
  const { y, nodes } = levels(high - low < 1e-4 ? Math.min(low, -1e-4) : low, high, right, (value, step) => percent(value, Math.max(0, -Math.floor(Math.log10(step * 100) + 1e-9)), true).replace(" ", ""));
  const ends = [...series.keys()].sort((a, b) => y(series[a].values[last]) - y(series[b].values[last]));
  const places = [];
  ends.forEach((k, i) => { places[k] = Math.max(y(series[k].values[last]) + 4, i ? places[ends[i - 1]] + 12 : 0); });
  const over = Math.max(0, Math.max(0, ...places) - (ROUNDS.height - ROUNDS.bottom + 4));
  const text = (round) => `${round ? `After round ${round}` : "At the shock"}: ${series.map((line) => `${line.name} ${percent(line.values[round], 2, true)}`).join(", ")}`;
  return h("figure", { class: "chart" }, overRounds(last, right, text(picked.current), picked, ({ slot, middle }) => [nodes, series.map((line, k) => {
    const path = line.values.map((value, n) => (n ? `V${y(value).toFixed(1)}H${(middle(n) + slot / 2).toFixed(1)}` : `M${(middle(0) - slot / 2).toFixed(1)} ${y(value).toFixed(1)}H${(middle(0) + slot / 2).toFixed(1)}`)).join("");
    return [s("path", { class: `line line-${STACK[k % 6].slice(-1)}`, d: path }), s("text", { class: "tick", x: ROUNDS.width - right + 6, y: places[k] - over }, line.name)];
  })], text));
}

/** Value closed in each round, stacked by venue. */
export function cascadeBars(rows, venues, picked) {
  const sum = (row) => Object.values(row.closed).reduce((found, value) => found + Number(value), 0);
  const { y, nodes } = levels(0, Math.max(...rows.map(sum)), 8, (value) => money(value));
  const text = (round) => (round ? `Round ${round}: ${venues.map((name) => `${name} ${money(rows[round - 1].closed[name] || 0)}`).join(", ")}` : "The shock: nothing is closed yet");
  return h("figure", { class: "chart" }, overRounds(rows.length, 8, text(picked.current), picked, ({ slot, middle }) => [nodes, rows.map((one, n) => {
    let base = 0;
    return venues.map((name, k) => {
      const value = Number(one.closed[name] || 0), y0 = y(base + value), tall = y(base) - y0;
      base += value;
      return value ? s("rect", { class: STACK[k % 6], x: middle(n + 1) - slot * 0.36, y: y0, width: slot * 0.72, height: Math.max(tall, 1) }) : null;
    });
  })], text), h("figcaption", { class: "legend" }, venues.map((name, k) => h("span", {}, h("i", { class: `swatch ${STACK[k % 6]}` }), name))));
}

/** A short line of recent values. */
export function sparkline(values) {
  const width = 120, height = 26;
  if (values.length < 2) return s("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const low = Math.min(...values), high = Math.max(...values), range = high - low || 1;
  const points = values.map((v, i) => `${((i / (values.length - 1)) * width).toFixed(1)},${(height - 3 - ((v - low) / range) * (height - 6)).toFixed(1)}`);
  return s("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    s("polyline", { points: points.join(" "), fill: "none", stroke: "currentColor", "stroke-width": 1.6, "vector-effect": "non-scaling-stroke" }));
}

const TURN = (share) => Math.PI * (1 - Math.max(0, Math.min(1, share)));

function arc(from, to, radius, cx, cy) {
  const [a, b] = [TURN(from), TURN(to)];
  const point = (angle) => `${(cx + radius * Math.cos(angle)).toFixed(2)} ${(cy - radius * Math.sin(angle)).toFixed(2)}`;
  return `M${point(a)}A${radius} ${radius} 0 0 1 ${point(b)}`;
}

/** How much of the support is used up: demand / support, with the zones' own borders. */
export function gauge({ danger, warning, call, reading, caption, zone }) {
  const top = 1.25, cx = 160, cy = 150, radius = 122;
  const borders = [0, warning / top, call / top, 1 / top, 1];
  const zones = ["safe", "warning", "call", "liquidation"];
  const gap = 0.006;
  const arcs = zones.map((name, i) => s("path", { class: `arc stroke-${name}`, d: arc(borders[i] + (i ? gap : 0), borders[i + 1] - (i < 3 ? gap : 0), radius, cx, cy) }));
  const marks = [[warning, "warning"], [call, "call"], [1, "liquidation"]].map(([value, name]) => {
    const angle = TURN(value / top), r = radius + 20;
    return s("text", { class: "tick", x: cx + r * Math.cos(angle), y: cy - r * Math.sin(angle) + 4, "text-anchor": Math.cos(angle) > 0.2 ? "start" : "middle" },
      `${Math.round(value * 100)} %`);
  });
  const angle = TURN(Math.min(danger, top) / top);
  const tip = (r, shift = 0) => `${(cx + r * Math.cos(angle + shift)).toFixed(2)} ${(cy - r * Math.sin(angle + shift)).toFixed(2)}`;
  return s("svg", { class: `gauge zone-${zone}`, viewBox: "0 0 320 212", role: "img", "aria-label": `${reading}, zone ${zone}, ${percent(danger, 1)} of support used` },
    arcs, marks,
    s("path", { class: "needle", d: `M${tip(radius - 16)}L${tip(10, 1.5)}L${tip(10, -1.5)}z` }),
    s("circle", { class: "hub", cx, cy, r: 8 }),
    s("text", { class: "reading", x: cx, y: cy + 38, "text-anchor": "middle" }, reading),
    s("text", { class: "caption", x: cx, y: cy + 56, "text-anchor": "middle" }, caption));
}
