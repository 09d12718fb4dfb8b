// monitor/web/format.js - numbers, times and states as people read them.

const whole = new Intl.NumberFormat('en');

export const states = ['running', 'compensating', 'completed', 'compensated', 'failed'];
export const liveStates = ['running', 'compensating'];

export function count(value) {
  return value === undefined || value === null ? '–' : whole.format(value);
}

// 1,234 stays; 12,345,678 becomes 12.3 M, for badges that have no room.
export function short(value) {
  if (value < 10_000) return whole.format(value);
  if (value < 1_000_000) return `${(value / 1000).toFixed(value < 100_000 ? 1 : 0)}k`;
  return `${(value / 1_000_000).toFixed(value < 100_000_000 ? 1 : 0)}M`;
}

export function seconds(value) {
  if (value === undefined || value === null || Number.isNaN(value)) return '–';
  if (value < 0) return `−${seconds(-value)}`;
  if (value < 0.001) return value > 0 ? '<1 ms' : '0 s';
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 60) return `${Math.round(value)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`;
  if (value < 86400) return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} min`;
  return `${Math.floor(value / 86400)} d ${Math.floor((value % 86400) / 3600)} h`;
}

let serverAhead = 0;  // the monitor's clock less this browser's, in milliseconds

export function adjustClock(serverNow) {
  const ahead = Date.parse(serverNow) - Date.now();
  if (!Number.isNaN(ahead)) serverAhead = ahead;
}

export function now() {
  return Date.now() + serverAhead;
}

export function since(time) {
  if (!time) return undefined;
  return Math.max(0, (now() - Date.parse(time)) / 1000);
}

export function between(from, to) {
  if (!from || !to) return undefined;
  return (Date.parse(to) - Date.parse(from)) / 1000;
}

export function clock(time) {
  if (!time) return '–';
  const date = new Date(time);
  const pad = (n, width = 2) => String(n).padStart(width, '0');
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}

export function dateTime(time) {
  if (!time) return '–';
  const date = new Date(time);
  const today = new Date().toDateString() === date.toDateString();
  return today ? clock(time) : `${date.toLocaleDateString('en-CA')} ${clock(time)}`;
}

export function plural(n, one, many) {
  return `${count(n)} ${n === 1 ? one : many ?? `${one}s`}`;
}
