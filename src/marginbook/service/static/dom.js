// Small helpers that build elements; text is always set as text, never as HTML.
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "vars") for (const [key, v] of Object.entries(value)) node.style.setProperty(key, v);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export const $ = (selector, root = document) => root.querySelector(selector);

/** Set text only when it changed, so that a screen reader and the browser have nothing to redo. */
export function put(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

export function replace(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter(Boolean));
  return node;
}

const SHAPES = {
  safe: ["M4 10.5l4 4 8-9"],
  warning: ["M10 3l8 14H2z", "M10 8v4.4", "M10 14.6v.2"],
  call: ["M5 14V9a5 5 0 0 1 10 0v5l1.5 1.5h-13z", "M8.4 17.4a1.7 1.7 0 0 0 3.2 0"],
  liquidation: ["M10 2.5c3 4 5 6.4 5 9.2a5 5 0 0 1-10 0c0-2.800 2-5.200 5-9.200z", "M7.800 12.200a2.200 2.200 0 0 0 2.200 2.200"],
  bankrupt: ["M4 4l12 12", "M16 4L4 16"],
  undecided: ["M7 7.200a3 3 0 1 1 4.600 2.600c-1 .600-1.600 1.200-1.600 2.400", "M10 15.400v.2"],
};

export function icon(zone) {
  return s("svg", { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true" },
    (SHAPES[zone] || SHAPES.undecided).map((d) =>
      s("path", { d, fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round" })));
}

export const ZONES = ["safe", "warning", "call", "liquidation", "bankrupt", "undecided"];
export const ZONE_NAMES = {
  safe: "Safe", warning: "Warning", call: "Margin call", liquidation: "Liquidation", bankrupt: "Bankrupt", undecided: "Undecided",
};

export const zonePill = (zone) => h("span", { class: `pill zone-${zone}` }, icon(zone), ZONE_NAMES[zone] || zone);
