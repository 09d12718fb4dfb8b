// monitor/web/instance.js - one instance: what the verdict is and why, where it is, what happened, what comes next.
import { get, live } from './api.js';
import { diagram, reachable, reachedEnd, takenFlows } from './diagram.js';
import { h, fill, setText } from './dom.js';
import { between, clock, count, liveStates, plural, seconds, since } from './format.js';
import { age, atStep, definitionLink, failure, listLink, marks, pill, when } from './parts.js';
import { timeline } from './timeline.js';

export function instance(main, { argument: id, parameters, signal, go }) {
  document.title = `${id} · Laban`;
  const title = h('h1', null, h('span.id', null, id));
  const state = h('div.pills');
  const sentence = h('p.sentence');
  const facts = h('dl.facts');
  const deviations = h('section.deviations', { 'aria-label': 'Deviations', hidden: true });
  const tabs = h('div.tabs', { role: 'tablist', 'aria-label': 'Views of this instance' });
  const picture = h('div.picture', { role: 'tabpanel' });
  const next = h('section', { 'aria-labelledby': 'next' });
  const ledger = h('section', { 'aria-labelledby': 'ledger', hidden: true });
  const events = h('tbody');
  const eventsTitle = h('h2', { id: 'events' }, 'Events');
  const notice = h('div');
  main.append(h('header.instance', null, title, state), notice, sentence, facts, deviations, tabs, picture,
    h('div.columns', null, next, ledger),
    h('section', { 'aria-labelledby': 'events' }, eventsTitle,
      h('div.scroll', null, h('table.events', null,
        h('thead', null, h('tr', null, ['Time', 'After', 'Event', 'Step', 'Source', 'Offset', 'Data'].map((name) => h('th', { scope: 'col' }, name)))), events))));

  const wanted = parameters.get('view') ?? 'diagram';
  const chosen = ['diagram', 'timeline'].includes(wanted) ? wanted : 'diagram';
  for (const name of ['diagram', 'timeline']) {
    tabs.append(h('a', { role: 'tab', href: `?view=${name}`, 'aria-selected': String(name === chosen),
      onclick: (event) => { event.preventDefault(); go(`${location.pathname}?view=${name}`, true); } }, name === 'diagram' ? 'Diagram' : 'Timeline'));
  }

  let shown = null;
  let process = null;
  let svg = null;
  let reading = false;
  let again = false;

  async function read() {
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    try {
      const found = await get(`/api/v1/instances/${encodeURIComponent(id)}`, signal);
      if (!process || process.id !== found.definition || process.version !== found.version) {
        process = await get(`/api/v1/definitions/${encodeURIComponent(found.definition)}?version=${encodeURIComponent(found.version)}`, signal);
        svg = diagram(process.drawing, { name: process.name });
      }
      shown = found;
      fill(notice);
      paint();
    } catch (error) {
      if (error.name !== 'AbortError') fill(notice, failure(error));
    }
    setTimeout(() => {
      reading = false;
      if (again && !signal.aborted) {
        again = false;
        read();
      }
    }, 300);
  }

  function paint() {
    fill(state, pill(shown.state), marks(shown), h('a.quiet', { href: definitionLink(shown.definition) }, process.name || shown.definition), h('span.version', null, `v ${shown.version}`));
    setText(sentence, shown.explanation ?? '');
    sentence.dataset.kind = shown.verdict === 'deviating' ? 'deviating' : shown.verdict === 'incomplete' ? 'incomplete' : shown.flags[0] ?? shown.state;
    paintFacts();
    paintDeviations();
    paintNext();
    paintLedger();
    paintEvents();
    fill(picture, chosen === 'diagram' ? svg ?? h('p.muted', null, 'This definition has no drawing.') : timeline(shown));
    if (chosen === 'diagram' && svg) svg.marks(marksOf(shown, process.drawing));
  }

  function paintFacts() {
    const fact = (name, value) => h('div', null, h('dt', null, name), h('dd', null, value));
    fill(facts,
      shown.steps.length ? fact(shown.steps.length > 1 ? 'Last steps' : 'Last step', shown.steps.join(', ')) : null,
      liveStates.includes(shown.state) ? fact('Since', h('span.tick-at', null, atStep(shown))) : null,
      fact('Started', when(shown.startedAt)),
      shown.endedAt ? fact('Ended', when(shown.endedAt)) : fact('Last event', when(shown.lastEventAt)),
      fact(shown.endedAt ? 'Took' : 'Age', h('span.tick-age', null, age(shown))));
  }

  function paintDeviations() {
    deviations.hidden = !shown.deviations.length;
    if (!shown.deviations.length) return;
    fill(deviations, h('h2', null, plural(shown.deviations.length, 'deviation')), h('ol', null, shown.deviations.map((d) =>
      h('li', null, pill('deviating', d.kind), ' ', d.explanation ?? `${d.event} came`,
        d.offset ? h('span.muted', null, ` · offset ${count(d.offset)}`) : null))));
  }

  function paintNext() {
    fill(next, h('h2', { id: 'next' }, shown.endedAt ? 'After the end' : 'Expected next'),
      shown.expected.length
        ? h('ul.tags', null, shown.expected.map((name) => h('li', null, h('a', { href: listLink({ definition: shown.definition, step: name, state: 'live' }), title: 'Others that wait here' }, name))))
        : h('p.muted', null, shown.endedAt ? 'Nothing more is expected.' : 'Nothing: the model allows no further step.'));
  }

  function paintLedger() {
    const { done = [], undone = [], owed = [] } = shown.compensation ?? {};
    ledger.hidden = !(undone.length || owed.length);
    if (ledger.hidden) return;
    const rows = [...new Set([...done, ...undone, ...owed])].map((name) => h('li', null, h('span', null, name),
      undone.includes(name) ? pill('compensated', 'undone') : owed.includes(name) ? pill('compensating', 'owed') : pill('done', 'stands')));
    fill(ledger, h('h2', { id: 'ledger' }, 'Compensation'), h('ul.ledger', null, rows));
  }

  function paintEvents() {
    setText(eventsTitle, `Events · ${count(shown.events.length)}`);
    const wrong = new Set(shown.deviations.map((d) => d.offset));
    const open = new Set([...events.querySelectorAll('details[open]')].map((d) => d.dataset.offset));
    let before = null;
    fill(events, shown.events.map((event) => {
      const gap = before ? between(before, event.recordedtime) : undefined;
      before = event.recordedtime;
      return h('tr', { class: wrong.has(event.offset) ? 'wrong' : '', id: `event-${event.offset}` },
        h('td', null, h('time', { datetime: event.recordedtime, title: `recorded ${event.recordedtime}, said to be of ${event.time}` }, clock(event.recordedtime))),
        h('td.number.muted', null, gap === undefined ? '' : `+${seconds(gap)}`),
        h('td', null, h('b', null, event.type), h('div.muted.small', { title: 'event id' }, event.id)),
        h('td', null, event.step ?? h('span.muted', null, '–')),
        h('td', null, event.source),
        h('td.number.muted', null, count(event.offset)),
        h('td', null, payload(event, open)));
    }));
  }

  live.hear('instances', (data) => {
    if (data.more || data.instances.some((row) => row.id === id || row.id === shown?.id)) read();
  }, signal);
  const ticking = setInterval(() => {
    if (!shown) return;
    for (const [name, value] of [['.tick-at', atStep(shown)], ['.tick-age', age(shown)]]) {
      const element = facts.querySelector(name);
      if (element) setText(element, value);
    }
  }, 1000);
  signal.addEventListener('abort', () => clearInterval(ticking));
  read();
}

function payload(event, open) {
  if (event.data === null || event.data === undefined) return h('span.muted.small', { title: event.dataReason ?? '' }, event.dataReason ?? 'none');
  const text = JSON.stringify(event.data, null, 2);
  const line = JSON.stringify(event.data);
  if (line.length < 60) return h('code.small', null, line);
  return h('details', { 'data-offset': event.offset, open: open.has(String(event.offset)) }, h('summary', null, h('code.small', null, `${line.slice(0, 56)}…`)), h('pre', null, text));
}

// What the diagram shows of one instance.
function marksOf(shown, drawing) {
  const byName = new Map();
  for (const node of drawing.nodes) if (node.step && !byName.has(node.step)) byName.set(node.step, node.id);
  const idOf = (name) => byName.get(name);
  const order = shown.events.map((event) => event.node ?? idOf(event.step)).filter(Boolean);
  const { taken, passed } = takenFlows(drawing, order);
  if (shown.endedAt && order.length) {
    const end = reachedEnd(drawing, order.at(-1));
    end.flows.forEach((id) => taken.add(id));
    end.silent.forEach((id) => passed.add(id));
  }
  const passes = new Map();
  for (const id of order) passes.set(id, (passes.get(id) ?? 0) + 1);
  const live = liveStates.includes(shown.state);
  const wrong = new Set(shown.deviations.flatMap((d) => [...(d.missing ?? []), d.event]).map(idOf).filter(Boolean));
  return {
    done: new Set([...order, ...passed]),
    active: new Set(live ? lastNodes(shown, idOf) : []),
    expected: new Set(live ? nextNodes(shown, drawing, order) : []),
    wrong,
    undone: new Set((shown.compensation?.undone ?? []).map(idOf)),
    owed: new Set((shown.compensation?.owed ?? []).map(idOf)),
    taken,
    passes,
  };
}

// The nodes of its last steps: of several with one name the one that an event was matched with.
function lastNodes(shown, idOf) {
  return shown.steps.map((step) => shown.events.findLast((event) => event.step === step)?.node ?? idOf(step));
}

// The nodes that are expected: of several with one name those that its last steps lead to, where the drawing tells.
function nextNodes(shown, drawing, order) {
  const wanted = drawing.nodes.filter((node) => shown.expected.includes(node.step)).map((node) => node.id);
  const near = reachable(drawing, lastNodes(shown, () => order.at(-1)));
  const told = wanted.filter((id) => near.has(id));
  return told.length ? told : wanted;
}
