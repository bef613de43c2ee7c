// Calls and the stream. Errors carry the service's own words: code, place, value, expected.

export class Refused extends Error {
  constructor(problem, status) {
    super(`${problem.place}: got ${problem.value || "nothing"}, expected ${problem.expected}`);
    this.problem = problem;
    this.status = status;
  }
}

export async function call(path, options = {}) {
  let answer;
  try {
    answer = await fetch(`/api/v1${path}`, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused({ code: "unreachable", place: "service", value: "no answer", expected: "a running service; is marginbook serve still up?" }, 0);
  }
  const body = await answer.json().catch(() => ({ code: "no_json", place: path, value: String(answer.status), expected: "a JSON answer" }));
  if (!answer.ok) throw new Refused(body, answer.status);
  return body;
}

export const post = (path, body, options = {}) =>
  call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), ...options });

function merge(target, patch) {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const result = target && typeof target === "object" && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}

/** Snapshot, then numbered deltas; a gap asks for a new snapshot, a lost line reconnects with growing pauses. */
export function openStream(onState, onLine) {
  let number = null, summary = {}, events = [], wait = 500, socket;
  function connect() {
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/stream`);
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      wait = 500;
      if (message.type === "snapshot") {
        ({ number, summary, events } = message);
      } else if (message.type === "delta") {
        if (number === null) return;
        if (message.number !== number + 1) {
          number = null;
          socket.send(JSON.stringify({ type: "resync" }));
          return;
        }
        const book = summary.book;
        number = message.number;
        summary = merge(summary, message.patch);
        if (summary.book !== book) events = [];
        const last = events.length ? events[events.length - 1].number : 0;
        events = events.concat(message.events.filter((event) => event.number > last)).slice(-400);
      } else return;
      onLine(true);
      onState(summary, events);
    };
    socket.onclose = () => {
      onLine(false);
      number = null;
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, 8000);
    };
  }
  connect();
}
