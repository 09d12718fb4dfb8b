// monitor/web/parts.js - the small things that every screen shows: pills, bars, facts, errors.
import { h, setText } from './dom.js';
import { count, dateTime, liveStates, seconds, short, since, states } from './format.js';
import { query } from './api.js';

export function pill(kind, text = kind) {
  return h('span.pill', { 'data-kind': kind }, h('i', { 'aria-hidden': 'true' }), text);
}

// What is said of an instance beside its state, worst first.
export function marks(row) {
  const out = [];
  if (row.verdict === 'deviating') out.push(pill('deviating'));
  if (row.verdict === 'incomplete') out.push(pill('incomplete'));
  for (const flag of row.flags ?? []) out.push(pill(flag));
  return out;
}

// Counts as one bar; each part is a link to the instances that it counts.
export function stateBar(definition) {
  const total = states.reduce((sum, state) => sum + (definition.instances[state] ?? 0), 0);
  const bar = h('div.statebar', { role: 'img', 'aria-label': states.map((s) => `${definition.instances[s] ?? 0} ${s}`).join(', ') });
  for (const state of states) {
    const n = definition.instances[state] ?? 0;
    if (!n) continue;
    const part = h('span', { 'data-kind': state, title: `${count(n)} ${state}` });
    part.style.flexGrow = String(Math.max(n, total / 60));
    bar.append(part);
  }
  if (!total) bar.append(h('span', { 'data-kind': 'none' }));
  return bar;
}

export function instanceLink(id) {
  return `/instances/${encodeURIComponent(id)}`;
}

export function definitionLink(id) {
  return `/definitions/${encodeURIComponent(id)}`;
}

export function listLink(parameters) {
  return `/instances${query(parameters)}`;
}

// A counter that is a link into the list that it counts.
export function counter(kind, label, parameters) {
  const value = h('b', null, '–');
  const element = h('a.counter', { href: listLink(parameters), 'data-kind': kind }, value, h('span', null, label));
  element.set = (n) => {
    setText(value, short(n ?? 0));
    element.title = `${count(n ?? 0)} ${label}`;
    element.classList.toggle('zero', !n);
  };
  return element;
}

// A table cell that knows its column's name: on a narrow screen a row is a card and says it.
export function cell(label, kind = '') {
  return h('td', { 'data-label': label, class: kind || null });
}

export function failure(error) {
  return h('p.notice', { role: 'alert' }, error.message);
}

export function when(time) {
  return h('time', { datetime: time, title: time }, dateTime(time));
}

// How long it has been where it is: the number by which a list shows what hangs.
export function atStep(row) {
  return liveStates.includes(row.state) ? seconds(since(row.stepSince ?? row.lastEventAt)) : '–';
}

export function age(row) {
  if (!row.startedAt) return '–';
  if (row.endedAt) return seconds((Date.parse(row.endedAt) - Date.parse(row.startedAt)) / 1000);
  return seconds(since(row.startedAt));
}

export function sum(definitions, pick) {
  let total = 0;
  for (const definition of definitions) total += pick(definition) ?? 0;
  return total;
}
