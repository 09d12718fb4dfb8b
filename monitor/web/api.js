// monitor/web/api.js - the API and its stream. One stream feeds the whole page; it reconnects by itself.
import { adjustClock, now } from './format.js';

const rateSeconds = 120;

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export async function get(path, signal) {
  const response = await fetch(path, { signal, headers: { accept: 'application/json' } });
  let body;
  try {
    body = await response.json();
  } catch {
    throw new ApiError(response.status, 'unreadable', `The monitor answered ${response.status} without a readable body.`);
  }
  if (!response.ok) throw new ApiError(response.status, body?.error?.code, body?.error?.message ?? response.statusText);
  return body;
}

export function query(parameters) {
  const pairs = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return pairs.length ? `?${new URLSearchParams(pairs)}` : '';
}

// What the page knows; listeners hear 'status', 'definitions', 'instances' and 'link'.
class Live extends EventTarget {
  status = null;
  definitions = new Map();
  linked = false;
  paused = false;
  rates = [];  // events a second, one a second, the last two minutes
  #source = null;
  #rateAt = 0;

  open() {
    this.#source = new EventSource('/api/v1/stream');
    this.#source.onopen = () => this.#link(true);
    this.#source.onerror = () => this.#link(false);
    this.#on('status', (data) => {
      adjustClock(data.now);
      this.status = data;
      if (now() - this.#rateAt >= 1000) {
        this.#rateAt = now();
        this.rates = [...this.rates.slice(-(rateSeconds - 1)), data.eventsPerSecond];
      }
    });
    this.#on('definitions', (data) => {
      if (data.all) this.definitions.clear();
      for (const definition of data.definitions) this.definitions.set(`${definition.id}@${definition.version}`, definition);
    });
    this.#on('instances', () => {});
  }

  close() {
    this.#source.close();
    this.#link(false);
  }

  #on(name, apply) {
    this.#source.addEventListener(name, (event) => {
      const data = JSON.parse(event.data);
      apply(data);
      this.dispatchEvent(new CustomEvent(name, { detail: data }));
    });
  }

  #link(linked) {
    if (this.linked === linked) return;
    this.linked = linked;
    this.dispatchEvent(new CustomEvent('link', { detail: linked }));
  }

  // Adds a listener that lives as long as the screen, and rests while the page is paused.
  hear(name, listener, signal) {
    this.addEventListener(name, (event) => {
      if (!this.paused) listener(event.detail);
    }, { signal });
  }
}

export const live = new Live();
