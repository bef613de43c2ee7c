// Numbers as people read them. The wire carries exact decimal text; rounding happens here only, for the eye.

const whole = new Intl.NumberFormat("en-US");

export const count = (value) => whole.format(value);

export const many = (value, noun) => `${count(value)} ${noun}${Number(value) === 1 ? "" : "s"}`;

export function money(text, currency = "") {
  const value = Number(text);
  if (!Number.isFinite(value)) return text === "Infinity" ? "∞" : "–";
  const size = Math.abs(value);
  const [scale, unit] = size >= 1e12 ? [1e12, " tn"] : size >= 1e9 ? [1e9, " bn"] : size >= 1e6 ? [1e6, " m"] : [1, ""];
  const digits = scale === 1 ? (size >= 1000 ? 0 : size >= 1 ? 2 : size === 0 ? 0 : 4) : 2;
  const shown = (value / scale).toLocaleString("en-US", { minimumFractionDigits: scale === 1 ? 0 : digits, maximumFractionDigits: digits });
  return shown.replace("-", "−") + unit + (currency ? ` ${currency}` : "");
}

/** Every digit of a decimal text, with thousands separators. */
export function exact(text) {
  if (text === null || text === undefined) return "–";
  if (text === "Infinity") return "∞";
  const [, sign, int, rest] = /^(-?)(\d+)(\.\d+)?$/.exec(String(text)) || [];
  if (int === undefined) return String(text);
  return (sign ? "−" : "") + int.replace(/\B(?=(\d{3})+$)/g, ",") + (rest || "");
}

export function price(text) {
  const value = Number(text);
  if (!Number.isFinite(value)) return "–";
  const digits = value >= 10000 ? 0 : value >= 100 ? 1 : value >= 1 ? 3 : 6;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

export function percent(share, digits = 1, signed = false) {
  const value = Number(share) * 100;
  if (!Number.isFinite(value)) return "∞";
  const text = Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const sign = value < 0 && Number(text.replace(/,/g, "")) !== 0 ? "−" : signed && value > 0 ? "+" : "";
  return `${sign}${text} %`;
}

export function age(seconds) {
  if (seconds === null || seconds === undefined) return "unknown";
  const value = Number(seconds);
  if (value < 1) return "now";
  if (value < 90) return `${Math.round(value)} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  if (value < 172800) return `${Math.round(value / 3600)} h`;
  return `${Math.round(value / 86400)} days`;
}

export const clock = (iso) => (iso ? iso.slice(0, 19).replace("T", " ").replace("Z", "") : "–");
export const timeOfDay = (iso) => (iso ? iso.slice(11, 19) : "–");
export const words = (name) => name.replace(/_/g, " ");
