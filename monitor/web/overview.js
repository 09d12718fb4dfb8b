// monitor/web/overview.js - the first screen: is anything wrong, and where?
import { get, live, query } from './api.js';
import { diagram } from './diagram.js';
import { h, append, fill, keyed, refill, setText } from './dom.js';
import { count, plural, seconds, states } from './format.js';
import { keyOf, listOf } from './problems.js';
import { age, atStep, cell, counter, definitionLink, failure, instanceLink, listLink, marks, pill, stateBar, sum } from './parts.js';

const shownProblems = 5;
const drawn = 4;  // as many diagrams stand on the first screen; more processes are told by their rows

export function overview(main, { signal, go }) {
  document.title = 'Laban';
  const totals = {
    live: figure('live'),
    started: figure('started'),
    ended: figure('ended'),
    rate: figure('events a second', spark()),
    fit: figure('conforming'),
  };
  const alarms = {
    stuck: counter('stuck', 'stuck', { flag: 'stuck', state: 'live' }),
    late: counter('late', 'late', { flag: 'late', state: 'live' }),
    deviating: counter('deviating', 'deviating', { verdict: 'deviating' }),
    compensating: counter('compensating', 'compensating', { state: 'compensating' }),
    incomplete: counter('incomplete', 'incomplete', { verdict: 'incomplete' }),
  };
  const list = h('div.processes');
  const waiting = h('tbody');
  const waitingTitle = h('h2', { id: 'waiting' }, 'Waiting longest');
  const allOfThem = h('a', { href: '/instances' }, 'All instances');
  const waitingBox = h('section', { 'aria-labelledby': 'waiting' },
    waitingTitle,
    h('div.scroll', null, h('table.stack', null,
      h('thead', null, h('tr', null, ['Instance', 'Process', 'Last step', 'Since', 'State'].map((name) => h(name === 'Since' ? 'th.number' : 'th', { scope: 'col' }, name)))), waiting)),
    h('p.more', null, allOfThem));
  const problems = h('ul.problems');
  const allProblems = h('a', { href: '/problems' });
  const problemsBox = h('section', { 'aria-labelledby': 'problems', hidden: true }, h('h2', { id: 'problems' }, 'Problems'), problems, h('p.more', null, allProblems));
  const empty = firstRun();
  main.append(
    h('h1.sr', null, 'Overview'),
    h('section.strip', { 'aria-label': 'All processes' },
      h('div.figures', null, Object.values(totals)),
      h('div.counters', null, Object.values(alarms))),
    problemsBox,
    h('section', { 'aria-labelledby': 'processes' }, h('h2', { id: 'processes' }, 'Processes'), list),
    waitingBox, empty);

  const drawings = new Map();  // id@version -> svg, read once
  let asked = false;

  function paint() {
    const all = [...live.definitions.values()];
    const pick = (state) => sum(all, (d) => d.instances[state]);
    const started = sum(all, (d) => d.started);
    const ended = sum(all, (d) => d.ended);
    totals.live.set(count(pick('running') + pick('compensating')));
    totals.started.set(count(started));
    totals.ended.set(count(ended));
    totals.rate.set(live.status ? count(live.status.eventsPerSecond < 10 ? Math.round(live.status.eventsPerSecond * 10) / 10 : Math.round(live.status.eventsPerSecond)) : '–');
    totals.rate.querySelector('svg').draw(live.rates);
    const judged = sum(all, (d) => d.verdicts.conforming + d.verdicts.deviating);
    totals.fit.set(judged ? `${(Math.floor((sum(all, (d) => d.verdicts.conforming) / judged) * 1000) / 10).toFixed(1)} %` : '–');
    for (const flag of ['stuck', 'late']) alarms[flag].set(sum(all, (d) => d.flags[flag]));
    for (const verdict of ['deviating', 'incomplete']) alarms[verdict].set(sum(all, (d) => d.verdicts[verdict]));
    alarms.compensating.set(pick('compensating'));
    // What has begun comes first; names decide the rest, so that nothing moves about.
    all.sort((a, b) => Boolean(b.started) - Boolean(a.started) || (a.name || a.id).localeCompare(b.name || b.id) || String(b.version).localeCompare(String(a.version)));
    const begun = all.filter((d) => d.started).length;
    keyed(list, all, (d) => `${d.id}@${d.version}`, processCard, (card, d) => {
      card.classList.toggle('idle', !d.started && all.length > drawn);
      updateCard(card, d, all.length <= drawn || (d.started > 0 && begun <= drawn));
    });
    empty.hidden = started > 0 || !live.status;
    waitingBox.hidden = !started;
  }

  function updateCard(card, d, withDrawing) {
    card.update(d);
    const key = `${d.id}@${d.version}`;
    if (withDrawing && !drawings.has(key)) {
      drawings.set(key, null);
      get(`/api/v1/definitions/${encodeURIComponent(d.id)}${query({ version: d.version })}`, signal).then((full) => {
        const svg = diagram(full.drawing, { name: d.name, onNode: (node) => go(listLink({ definition: d.id, step: node.step, state: 'live' })) });
        if (!svg) return;
        drawings.set(key, svg);
        card.drawing(svg);
        svg.counts(new Map(Object.entries(live.definitions.get(key)?.tokens ?? {})));
      }).catch(() => drawings.delete(key));
    }
    drawings.get(key)?.counts(new Map(Object.entries(d.tokens ?? {})));
  }

  async function readWaiting() {
    if (asked) return;
    asked = true;
    try {
      let page = await get(`/api/v1/instances${query({ state: 'live', sort: 'stalest', limit: 8 })}`, signal);
      const waits = page.instances.length > 0;
      if (!waits) page = await get(`/api/v1/instances${query({ sort: 'newest', limit: 8 })}`, signal);
      setText(waitingTitle, waits ? 'Waiting longest' : 'Latest; nothing waits');
      setText(allOfThem, waits ? 'All live instances' : 'All instances');
      allOfThem.href = waits ? listLink({ state: 'live' }) : listLink({ sort: 'newest' });
      waitingBox.querySelector('.notice')?.remove();
      keyed(waiting, page.instances, (row) => `${row.definition}/${row.id}`, waitingRow, (element, row) => element.update(row));
    } catch (error) {
      if (error.name !== 'AbortError') waitingBox.append(failure(error));
    }
    try {
      const told = await get('/api/v1/problems', signal);
      problemsBox.hidden = !told.problems.length;
      setText(allProblems, told.problems.length > shownProblems ? `All ${told.problems.length} problems` : 'By cause and service');
      keyed(problems, told.problems.slice(0, shownProblems), keyOf, problemRow, (element, p) => element.update(p));
    } catch { /* the list above has said what is wrong */ }
    setTimeout(() => { asked = false; }, 900);
  }

  live.hear('definitions', paint, signal);
  live.hear('status', paint, signal);
  live.hear('instances', readWaiting, signal);
  const ticking = setInterval(() => {
    for (const row of waiting.children) row.tick?.();
  }, 1000);
  signal.addEventListener('abort', () => clearInterval(ticking));
  paint();
  readWaiting();
}

function figure(label, beside) {
  const value = h('b', null, '–');
  const element = h('div.figure', null, h('div', null, value, beside), h('span', null, label));
  element.set = (text) => setText(value, text);
  return element;
}

// The last two minutes of a rate, as far as this page has seen them.
function spark() {
  const line = h('polyline', { points: '' });
  const svg = h('svg.spark', { viewBox: '0 0 120 28', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, line);
  svg.draw = (values) => {
    svg.classList.toggle('young', values.length < 5);
    const most = Math.max(...values, 1);
    line.setAttribute('points', values.map((value, i) => `${(120 - values.length + 1 + i).toFixed(0)},${(26 - (value / most) * 24).toFixed(1)}`).join(' '));
  };
  return svg;
}

function processCard(d) {
  const bar = h('div');
  const numbers = h('dl.numbers');
  const cells = new Map();
  const cell = (key, kind, label, parameters) => {
    const value = h('a', { href: listLink({ definition: d.id, ...parameters }) }, '0');
    cells.set(key, value);
    numbers.append(h('div', { 'data-kind': kind }, h('dt', null, label), h('dd', null, value)));
  };
  for (const state of states) cell(state, state, state, { state });
  for (const flag of ['stuck', 'late']) cell(flag, flag, flag, { flag, state: 'live' });
  cell('deviating', 'deviating', 'deviating', { verdict: 'deviating' });
  cell('incomplete', 'incomplete', 'incomplete', { verdict: 'incomplete' });
  const place = h('div.drawing');
  const times = h('span.muted');
  const card = h('article.process', null,
    h('header', null,
      h('h3', null, h('a', { href: definitionLink(d.id) }, d.name || d.id)),
      h('span.version', { title: `version ${d.version}` }, `v ${d.version}`),
      d.sound === false ? pill('failed', 'not sound') : null,
      d.approximate ? pill('late', 'approximate') : null,
      times),
    bar, numbers, place);
  card.drawing = (svg) => fill(place, svg);
  card.update = (now) => {
    fill(bar, stateBar(now));
    for (const [key, value] of cells) {
      const n = now.instances[key] ?? now.flags[key] ?? now.verdicts[key] ?? 0;
      setText(value, count(n));
      value.closest('div').classList.toggle('zero', !n);
    }
    setText(times, !now.started ? 'no instance yet' : now.durationSeconds?.p50 ? `p50 ${seconds(now.durationSeconds.p50)} · p99 ${seconds(now.durationSeconds.p99)}` : '');
  };
  return card;
}

function problemRow(problem) {
  const text = h('a', { href: listOf(problem) });
  const element = h('li', { 'data-kind': problem.kind }, pill(problem.kind), text);
  element.update = (now) => setText(text, now.text);
  return element;
}

function waitingRow(row) {
  const at = cell('Last step');
  const long = cell('Since', 'number');
  const notes = cell('State');
  const element = h('tr', null,
    h('th', { scope: 'row' }, h('a.id', { href: instanceLink(row.id) }, row.id)),
    append(cell('Process'), [h('a', { href: definitionLink(row.definition) }, row.definition)]),
    at, long, notes);
  let shown = row;
  element.update = (now) => {
    shown = now;
    setText(at, now.steps.join(', ') || '–');
    refill(notes, [now.state, now.verdict, now.flags], () => [pill(now.state), marks(now)]);
    element.tick();
  };
  element.tick = () => setText(long, shown.endedAt ? `took ${age(shown)}` : atStep(shown));
  return element;
}

function firstRun() {
  return h('section.empty', { hidden: true },
    h('h2', null, 'Listening. No instance yet.'),
    h('p', null, 'The monitor follows every event on the bus and shows an instance as soon as one begins. To see one, publish an event of a type that a definition names:'),
    h('pre', null, 'laban publish order.placed json \'{"item":"book"}\' --process order-1'),
    h('p', null, 'or run ', h('code', null, 'laban demo'), ', which sends orders through five services. ', plural(live.definitions.size, 'definition'), ' loaded.'));
}
