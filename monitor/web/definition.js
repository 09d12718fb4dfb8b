// monitor/web/definition.js - one process: the model, alive.
import { get, live } from './api.js';
import { diagram } from './diagram.js';
import { h, fill, keyed, setText } from './dom.js';
import { count, seconds, states } from './format.js';
import { counter, failure, listLink, pill, stateBar } from './parts.js';

export function definition(main, { argument: id, parameters, signal, go }) {
  document.title = `${id} · Laban`;
  const version = parameters.get('version');
  const title = h('h1', null, id);
  const notes = h('div.pills');
  const bar = h('div');
  const counters = h('div.counters');
  const cells = {};
  for (const state of states) counters.append((cells[state] = counter(state, state, { definition: id, state })));
  for (const flag of ['stuck', 'late']) counters.append((cells[flag] = counter(flag, flag, { definition: id, flag, state: 'live' })));
  for (const verdict of ['deviating', 'incomplete']) counters.append((cells[verdict] = counter(verdict, verdict, { definition: id, verdict })));
  const picture = h('div.picture');
  const steps = h('tbody');
  const notice = h('div');
  main.append(h('header.instance', null, title, notes), notice, bar, counters, picture,
    h('section', { 'aria-labelledby': 'steps' }, h('h2', { id: 'steps' }, 'Steps'),
      h('div.scroll', null, h('table', null,
        h('thead', null, h('tr', null, ['Step', 'Waiting now', 'Stuck', 'Late', 'Passed', 'p50', 'p99'].map((name, i) => h(i ? 'th.number' : 'th', { scope: 'col' }, name)))), steps))));
  let key = null;
  let svg = null;
  let full = null;

  async function read() {
    try {
      full = await get(`/api/v1/definitions/${encodeURIComponent(id)}${version ? `?version=${encodeURIComponent(version)}` : ''}`, signal);
      key = `${full.id}@${full.version}`;
      setText(title, full.name || full.id);
      fill(notes, h('span.version', null, `v ${full.version}`),
        full.sound === true ? pill('completed', 'sound') : full.sound === false ? pill('failed', 'not sound') : null,
        full.approximate ? pill('late', 'approximate') : null);
      svg ??= diagram(full.drawing, { name: full.name, onNode: (node) => go(listLink({ definition: id, step: node.step, state: 'live' })) });
      fill(picture, svg ?? h('p.muted', null, 'This definition has no drawing.'));
      fill(notice);
      paint();
    } catch (error) {
      if (error.name !== 'AbortError') fill(notice, failure(error));
    }
  }

  function paint() {
    if (!full) return;
    const now = live.definitions.get(key) ?? full;
    fill(bar, stateBar(now));
    for (const [name, cell] of Object.entries(cells)) cell.set(now.instances[name] ?? now.flags[name] ?? now.verdicts[name] ?? 0);
    const tokens = new Map(Object.entries(now.tokens ?? {}));
    svg?.counts(tokens);
    keyed(steps, full.steps, (step) => step.id, (step) => {
      const row = h('tr', null, h('td', null, h('a', { href: listLink({ definition: id, step: step.name, state: 'live' }) }, step.name)),
        ['live', 'stuck', 'late', 'passed', 'p50', 'p99'].map((name) => h('td.number', { 'data-cell': name })));
      return row;
    }, (row, step) => {
      const at = tokens.get(step.id) ?? {};
      const put = (name, value) => setText(row.querySelector(`[data-cell=${name}]`), value);
      put('live', count(at.live ?? 0));
      put('stuck', count(at.stuck ?? 0));
      put('late', count(at.late ?? 0));
      put('passed', count(step.passed));
      put('p50', seconds(step.durationSeconds?.p50));
      put('p99', seconds(step.durationSeconds?.p99));
    });
  }

  live.hear('definitions', paint, signal);
  const again = setInterval(read, 5000);
  signal.addEventListener('abort', () => clearInterval(again));
  read();
}
