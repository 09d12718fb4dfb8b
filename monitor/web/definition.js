// monitor/web/definition.js - one process: the model, alive, and its instances.
import { get, live, query } from './api.js';
import { diagram } from './diagram.js';
import { h, append, fill, keyed, setText } from './dom.js';
import { count, seconds, short, states } from './format.js';
import { asksOf, listing } from './listing.js';
import { cell, counter, definitionLink, failure, pill, stateBar } from './parts.js';

// What the diagram can be coloured by; a step's share is of the largest.
const heats = {
  passed: ['how often they showed', (step) => step.passed, short],
  p50: ['median time to get there', (step) => step.durationSeconds?.p50, seconds],
  p99: ['slowest 1 % to get there', (step) => step.durationSeconds?.p99, seconds],
  live: ['where instances wait', (step, tokens) => tokens?.live, short],
};

export function definition(main, { argument: id, parameters, signal }) {
  document.title = `${id} · Laban`;
  const version = parameters.get('version') ?? '';
  const title = h('h1', null, id);
  const notes = h('div.pills');
  const times = h('p.muted.times');
  const bar = h('div');
  const counters = h('div.counters');
  const cells = {};
  const asked = { ...asksOf(parameters), definition: id };
  const address = (filters) => `${definitionLink(id)}${query({ ...filters, definition: '' })}`;
  const list = listing({ asked, address, process: id, signal });
  const count_of = (kind, filters) => {
    cells[kind] = counter(kind, kind, { definition: id, version, ...filters });
    cells[kind].addEventListener('click', (event) => {
      if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      toList({ state: '', flag: '', verdict: '', step: '', ...filters });
    });
    counters.append(cells[kind]);
  };
  for (const state of states) count_of(state, { state });
  for (const flag of ['stuck', 'late']) count_of(flag, { flag, state: 'live' });
  for (const verdict of ['deviating', 'incomplete']) count_of(verdict, { verdict });
  const heat = h('select', { 'aria-label': 'Colour the steps', onchange: () => paintHeat() },
    h('option', { value: '' }, 'by nothing'), Object.entries(heats).map(([value, [label]]) => h('option', { value }, label)));
  const picture = h('div.picture', { tabindex: '0', role: 'region', 'aria-label': 'Diagram' });
  const steps = h('tbody');
  const text = h('pre.source');
  const file = h('span.muted');
  const notice = h('div');
  const instancesTitle = h('h2', { id: 'instances', tabindex: '-1' }, 'Instances');
  main.append(h('header.instance', null, title, notes, times), notice, bar, counters,
    h('div.bar.over', null, h('label', null, 'Colour steps ', heat), h('p.found', null, 'A number on a step counts the instances whose last event it is; a click lists them.')),
    picture,
    h('section', { 'aria-labelledby': 'instances' }, instancesTitle, list),
    h('section', { 'aria-labelledby': 'steps' }, h('h2', { id: 'steps' }, 'Steps'),
      h('div.scroll', null, h('table.stack', null,
        h('thead', null, h('tr', null, ['Step', 'Said by', 'Waiting now', 'Stuck', 'Late', 'Passed', 'Median', '99 %'].map((name, i) => h(i > 1 ? 'th.number' : 'th', { scope: 'col' }, name)))), steps))),
    h('details.definition', null, h('summary', null, 'Definition ', file), text));
  let key = null;
  let svg = null;
  let full = null;

  function toList(filters) {
    list.narrow(filters);
    instancesTitle.scrollIntoView({ block: 'start', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
    instancesTitle.focus({ preventScroll: true });
  }

  async function read() {
    try {
      full = await get(`/api/v1/definitions/${encodeURIComponent(id)}${query({ version })}`, signal);
      key = `${full.id}@${full.version}`;
      setText(title, full.name || full.id);
      fill(notes, versions(), full.active === false ? pill('done', 'no new instances') : null,
        full.sound === true ? pill('completed', 'sound') : full.sound === false ? pill('failed', 'not sound') : pill('done', 'soundness not decided'),
        full.approximate ? pill('late', 'approximate') : null);
      setText(file, full.file ? ` ${full.file}` : '');
      if (setText(text, full.source ?? '')) text.hidden = !full.source;
      if (!svg) {
        svg = diagram(full.drawing, { name: full.name, onNode: (node) => toList({ state: 'live', flag: '', verdict: '', step: node.step }) });
        fill(picture, svg ?? h('p.muted', null, 'This definition has no drawing.'));
      }
      fill(notice);
      paint();
    } catch (error) {
      if (error.name !== 'AbortError') fill(notice, failure(error));
    }
  }

  function versions() {
    const all = [...live.definitions.values()].filter((d) => d.id === id).map((d) => d.version);
    if (all.length < 2) return h('span.version', { title: 'version' }, `v ${full.version}`);
    return all.map((one) => h('a.version', { href: `${definitionLink(id)}${query({ version: one })}`, 'aria-current': one === full.version ? 'true' : null }, `v ${one}`));
  }

  function paint() {
    if (!full) return;
    const now = live.definitions.get(key) ?? full;
    fill(bar, stateBar(now));
    setText(times, now.durationSeconds?.p50 ? `${count(now.started)} started · median ${seconds(now.durationSeconds.p50)} · 99 % in ${seconds(now.durationSeconds.p99)}` : `${count(now.started)} started`);
    for (const [name, box] of Object.entries(cells)) box.set(now.instances[name] ?? now.flags[name] ?? now.verdicts[name] ?? 0);
    const tokens = new Map(Object.entries(now.tokens ?? {}));
    svg?.counts(tokens);
    paintHeat();
    // What no event is bound to (a gateway, a plain end) has nothing to count.
    const told = full.steps.filter((step) => step.required || step.passed || tokens.get(step.id)?.live);
    keyed(steps, told, (step) => step.id, (step) => stepRow(step, toList, address), (row, step) => row.update(step, tokens.get(step.id) ?? {}));
  }

  function paintHeat() {
    const by = heats[heat.value];
    if (!svg || !full || !by) {
      svg?.heat(null);
      return;
    }
    const tokens = live.definitions.get(key)?.tokens ?? {};
    const values = full.steps.map((step) => [step.id, by[1](step, tokens[step.id]) ?? 0]);
    const most = Math.max(...values.map(([, value]) => value), Number.MIN_VALUE);
    svg.heat(new Map(values.filter(([, value]) => value > 0).map(([step, value]) => [step, { share: value / most, text: by[2](value) }])));
  }

  live.hear('definitions', paint, signal);
  const again = setInterval(() => { if (!live.paused) read(); }, 5000);
  signal.addEventListener('abort', () => clearInterval(again));
  read();
}

function stepRow(step, toList, address) {
  const name = h('a', { href: address({ step: step.name, state: 'live' }), onclick: (event) => {
    event.preventDefault();
    toList({ state: 'live', flag: '', verdict: '', step: step.name });
  } }, step.name);
  const cells = { live: 'Waiting now', stuck: 'Stuck', late: 'Late', passed: 'Passed', p50: 'Median', p99: '99 %' };
  const put = Object.fromEntries(Object.entries(cells).map(([key, label]) => [key, cell(label, 'number')]));
  const row = h('tr', null, h('th', { scope: 'row' }, name), append(cell('Said by'), [step.publishers.join(', ') || '–']), Object.values(put));
  row.update = (now, tokens) => {
    for (const kind of ['live', 'stuck', 'late']) {
      setText(put[kind], count(tokens[kind] ?? 0));
      put[kind].dataset.kind = kind === 'live' ? 'running' : kind;
      put[kind].classList.toggle('zero', !tokens[kind]);
    }
    setText(put.passed, count(tokens.passed ?? now.passed));
    setText(put.p50, seconds(now.durationSeconds?.p50));
    setText(put.p99, seconds(now.durationSeconds?.p99));
  };
  return row;
}
