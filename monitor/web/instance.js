// monitor/web/instance.js - one instance: what the verdict is and why, where it is, what happened, what comes next.
import { rewrite } from './address.js';
import { get, live } from './api.js';
import { diagram, reachable, reachedEnd, takenFlows } from './diagram.js';
import { h, fill, keyed, refill, setText } from './dom.js';
import { between, clock, count, liveStates, plural, seconds } from './format.js';
import { age, atStep, cell, definitionLink, failure, listLink, marks, pill, when } from './parts.js';
import { sequence } from './sequence.js';
import { timeline } from './timeline.js';

const views = { diagram: 'Diagram', timeline: 'Timeline', sequence: 'Sequence' };
const readWait = 300;

export function instance(main, { argument: id, parameters, signal }) {
  document.title = `${id} · Laban`;
  const state = h('div.pills');
  const sentence = h('p.sentence', { role: 'status' });
  const facts = h('dl.facts');
  const deviations = h('section.deviations', { 'aria-label': 'Deviations', hidden: true });
  const tabs = h('nav.tabs', { 'aria-label': 'Views of this instance' });
  const picture = h('div.picture', { tabindex: '0', role: 'region', 'aria-label': 'View' });
  const next = h('section', { 'aria-labelledby': 'next' });
  const ledger = h('section', { 'aria-labelledby': 'ledger', hidden: true });
  const events = h('tbody');
  const eventsTitle = h('h2', { id: 'events' }, 'Events');
  const notice = h('div');
  const waiting = h('p.muted', { role: 'status' }, 'Reading …');
  const body = h('div', { hidden: true }, sentence, facts, deviations, tabs, picture,
    h('div.columns', null, next, ledger),
    h('section', { 'aria-labelledby': 'events' }, eventsTitle,
      h('div.scroll', null, h('table.events.stack', null,
        h('thead', null, h('tr', null, ['Time', 'After', 'Event', 'Step', 'Said by', 'Because of', 'Data'].map((name) => h(name === 'After' ? 'th.number' : 'th', { scope: 'col' }, name)))), events))));
  main.append(h('header.instance', null, h('h1', null, h('span.id', null, id)), state), notice, waiting, body);

  let chosen = parameters.get('view') in views ? parameters.get('view') : 'diagram';
  for (const [name, label] of Object.entries(views)) {
    tabs.append(h('a', { href: `?view=${name}`, 'data-view': name, onclick: (event) => {
      event.preventDefault();
      chosen = name;
      rewrite(`${location.pathname}?view=${name}`, true);
      paintPicture();
    } }, label));
  }

  let shown = null;
  let process = null;
  let svg = null;
  let reading = false;
  let again = false;
  const payloads = new Map();  // offset -> {data, dataReason}, each read once

  async function read() {
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    const at = `/api/v1/instances/${encodeURIComponent(id)}`;
    try {
      // Where it stands comes first; what the events carried is read back from the bus and may take a moment.
      const found = await get(`${at}?data=no`, signal);
      if (!process || process.id !== found.definition || process.version !== found.version) {
        process = await get(`/api/v1/definitions/${encodeURIComponent(found.definition)}?version=${encodeURIComponent(found.version)}`, signal);
        svg = diagram(process.drawing, { name: process.name });
      }
      shown = found;
      fill(notice);
      paint();
      if (shown.events.some((event) => !payloads.has(event.offset))) {
        for (const event of (await get(at, signal)).events) payloads.set(event.offset, { data: event.data, reason: event.dataReason });
        paintEvents();
      }
    } catch (error) {
      if (error.name !== 'AbortError') {
        waiting.hidden = true;
        fill(notice, failure(error), error.status === 404 ? h('p', null, h('a', { href: listLink({ q: id }) }, 'Look for ids that contain this')) : null);
      }
    }
    setTimeout(() => {
      reading = false;
      if (again && !signal.aborted) {
        again = false;
        read();
      }
    }, readWait);
  }

  function paint() {
    waiting.hidden = true;
    body.hidden = false;
    refill(state, [shown.state, shown.verdict, shown.flags, shown.version, process.name], () => [
      pill(shown.state), marks(shown), h('a.quiet', { href: definitionLink(shown.definition) }, process.name || shown.definition),
      h('span.version', { title: 'version of the definition' }, `v ${shown.version}`),
      h('a.quiet', { href: `/api/v1/instances/${encodeURIComponent(id)}`, title: 'This instance from the API' }, 'JSON')]);
    setText(sentence, shown.explanation ?? '');
    sentence.dataset.kind = shown.verdict === 'deviating' ? 'deviating' : shown.verdict === 'incomplete' ? 'incomplete' : shown.flags[0] ?? shown.state;
    paintFacts();
    paintDeviations();
    paintNext();
    paintLedger();
    paintEvents();
    paintPicture();
  }

  function paintPicture() {
    for (const tab of tabs.children) {
      if (tab.dataset.view === chosen) tab.setAttribute('aria-current', 'true');
      else tab.removeAttribute('aria-current');
    }
    if (!shown) return;
    if (chosen !== 'diagram') {
      fill(picture, chosen === 'timeline' ? timeline(shown) : sequence(shown));
      return;
    }
    const marked = svg && marksOf(shown, process.drawing);
    if (picture.firstElementChild !== svg || !svg) {
      fill(picture, svg ?? h('p.muted', null, 'This definition has no drawing: the timeline shows what happened.'));
      svg?.centre(marked.active.size ? marked.active : marked.ended);
    }
    svg?.marks(marked);
  }

  function paintFacts() {
    const fact = (name, value) => h('div', null, h('dt', null, name), h('dd', null, value));
    refill(facts, [shown.steps, shown.state, shown.startedAt, shown.endedAt, shown.lastEventAt], () => [
      shown.steps.length ? fact(shown.steps.length > 1 ? 'Last steps' : 'Last step', shown.steps.join(', ')) : null,
      liveStates.includes(shown.state) ? fact('Since', h('span.tick-at', null, atStep(shown))) : null,
      fact('Started', when(shown.startedAt)),
      shown.endedAt ? fact('Ended', when(shown.endedAt)) : fact('Last event', when(shown.lastEventAt)),
      fact(shown.endedAt ? 'Took' : 'Age', h('span.tick-age', null, age(shown)))]);
  }

  function paintDeviations() {
    deviations.hidden = !shown.deviations.length;
    const sources = new Map(shown.events.map((event) => [event.offset, event.source]));
    refill(deviations, [shown.deviations, shown.events.length], () => [h('h2', null, plural(shown.deviations.length, 'deviation')), h('ol', null, shown.deviations.map((d) =>
      h('li', null, pill('deviating', d.kind), ' ', d.explanation ?? `${d.event} came`, '. ',
        d.kind === 'wrong-publisher' && sources.has(d.offset) ? `It was “${sources.get(d.offset)}”. ` : '',
        sources.has(d.offset) ? h('a.small', { href: `#event-${d.offset}` }, 'The event') : null)))]);
  }

  function paintNext() {
    const from = new Map(process.steps.map((step) => [step.name, step.publishers]));
    refill(next, [shown.expected, shown.endedAt], () => [h('h2', { id: 'next' }, shown.endedAt ? 'After the end' : shown.expected.length > 1 ? 'Expected next: one of' : 'Expected next'),
      shown.expected.length
        ? h('ul.tags', null, shown.expected.map((name) => h('li', null, name, from.get(name)?.length ? h('span.muted', null, ` from ${from.get(name).join(' or ')}`) : null)))
        : h('p.muted', null, shown.endedAt ? 'Nothing more is expected.' : 'Nothing: the model allows no further step.'),
      shown.endedAt ? null : h('p', null, h('a', { href: listLink({ definition: shown.definition, step: shown.steps[0], state: 'live' }) }, 'Others that wait here'))]);
  }

  function paintLedger() {
    const { done = [], undone = [], owed = [] } = shown.compensation ?? {};
    ledger.hidden = !(undone.length || owed.length);
    refill(ledger, shown.compensation, () => [h('h2', { id: 'ledger' }, 'Compensation'),
      h('p.muted', null, owed.length ? `${plural(owed.length, 'step')} still to be undone.` : 'All that had to be undone is undone.'),
      h('ul.ledger', null, [...new Set([...done, ...undone, ...owed])].map((name) => h('li', null, h('span', null, name),
        undone.includes(name) ? pill('compensated', 'undone') : owed.includes(name) ? pill('compensating', 'owed') : pill('done', 'stands'))))]);
  }

  function paintEvents() {
    setText(eventsTitle, `Events · ${count(shown.events.length)}`);
    const wrong = new Map(shown.deviations.map((d) => [d.offset, d.kind]));
    const byId = new Map(shown.events.map((event) => [event.id, event]));
    const order = new Map(shown.events.map((event, index) => [event.offset, index]));
    keyed(events, shown.events, (event) => event.offset, (event) => eventRow(event), (row, event) => {
      const before = shown.events[order.get(event.offset) - 1];
      row.update(event, before, byId.get(event.causationid), wrong.get(event.offset), payloads.get(event.offset));
    });
  }

  live.hear('instances', (data) => {
    if (data.more || data.instances.some((row) => row.id === id || row.id === shown?.id)) read();
  }, signal);
  const ticking = setInterval(() => {
    if (!shown || live.paused) return;
    for (const [name, value] of [['.tick-at', atStep(shown)], ['.tick-age', age(shown)]]) {
      const element = facts.querySelector(name);
      if (element) setText(element, value);
    }
    if (chosen === 'timeline' && liveStates.includes(shown.state)) paintPicture();
    if (shown.flags.length) read();  // its sentence says for how long it has been silent
  }, 1000);
  signal.addEventListener('abort', () => clearInterval(ticking));
  read();
}

function eventRow(event) {
  const after = cell('After', 'number muted');
  const step = cell('Step');
  const because = cell('Because of');
  const data = cell('Data', 'data');
  const row = h('tr', { id: `event-${event.offset}` },
    h('td', { 'data-label': 'Time' }, h('time', { datetime: event.recordedtime, title: `recorded ${event.recordedtime}, said to be of ${event.time}` }, clock(event.recordedtime))),
    after, h('th', { scope: 'row' }, event.type, h('div.muted.small', { title: 'offset and id' }, `${count(event.offset)} · ${event.id}`)), step,
    h('td', { 'data-label': 'Said by' }, event.source), because, data);
  row.update = (now, before, cause, wrong, payload) => {
    setText(after, before ? `+${seconds(between(before.recordedtime, now.recordedtime))}` : '');
    row.classList.toggle('wrong', Boolean(wrong));
    refill(step, [now.step, wrong], () => [now.step ?? (wrong ? null : h('span.muted', null, '–')), wrong ? pill('deviating', wrong) : null]);
    refill(because, [now.causationid, cause?.offset], () => cause
      ? h('a', { href: `#event-${cause.offset}`, title: `${seconds(between(cause.recordedtime, now.recordedtime))} after it` }, cause.type)
      : now.causationid ? h('span.muted.small', { title: now.causationid }, 'an event of another instance') : h('span.muted', null, '–'));
    refill(data, payload ?? null, () => payloadOf(payload));
  };
  return row;
}

function payloadOf(payload) {
  if (!payload) return h('span.muted.small', null, '…');
  if (payload.data === null || payload.data === undefined) return h('span.muted.small', null, payload.reason ?? 'none');
  const line = JSON.stringify(payload.data);
  if (line.length < 44) return h('code.small', null, line);
  return h('details', null, h('summary', null, h('code.small', null, `${line.slice(0, 40)}…`)), h('pre', { tabindex: '0' }, JSON.stringify(payload.data, null, 2)));
}

// What the diagram shows of one instance.
function marksOf(shown, drawing) {
  const byName = new Map();
  for (const node of drawing.nodes) if (node.step && !byName.has(node.step)) byName.set(node.step, node.id);
  const idOf = (name) => byName.get(name);
  const order = shown.events.map((event) => event.node ?? idOf(event.step)).filter(Boolean);
  const { taken, passed } = takenFlows(drawing, order);
  const ended = new Set(order.slice(-1));
  if (shown.endedAt && order.length) {
    const end = reachedEnd(drawing, order.at(-1));
    end.flows.forEach((id) => taken.add(id));
    end.silent.forEach((id) => passed.add(id));
  }
  const passes = new Map();
  for (const id of order) passes.set(id, (passes.get(id) ?? 0) + 1);
  const isLive = liveStates.includes(shown.state);
  const wrong = new Set(shown.deviations.flatMap((d) => [...(d.missing ?? []), d.event]).map(idOf).filter(Boolean));
  return {
    done: new Set([...order, ...passed]),
    active: new Set(isLive ? lastNodes(shown, idOf) : []),
    expected: new Set(isLive ? nextNodes(shown, drawing, order) : []),
    wrong,
    undone: new Set((shown.compensation?.undone ?? []).map(idOf)),
    owed: new Set((shown.compensation?.owed ?? []).map(idOf)),
    hangs: isLive && shown.flags.length > 0,
    ended,
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
