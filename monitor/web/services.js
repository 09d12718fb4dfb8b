// monitor/web/services.js - who says what, how soon it reacts, and what waits for it.
import { get, live } from './api.js';
import { h, fill, keyed, setText } from './dom.js';
import { count, plural, seconds, since } from './format.js';
import { failure, instanceLink, listLink, pill } from './parts.js';

export function services(main, { signal }) {
  document.title = 'Services · Laban';
  const cards = h('div.services');
  const notice = h('div');
  const note = h('p.found', { role: 'status' });
  const empty = h('section.empty', { hidden: true }, h('h2', null, 'No service was heard yet'),
    h('p', null, 'A service appears with its first event; one that a definition names as a publisher appears at once.'));
  main.append(h('div.heading', null, h('h1', null, 'Services'), note), notice, cards, empty);

  let reading = false;
  async function read() {
    if (reading) return;
    reading = true;
    try {
      const page = await get('/api/v1/services', signal);
      fill(notice);
      setText(note, `${plural(page.services.length, 'service')} at offset ${count(page.offset)}${page.omitted ? `, ${count(page.omitted)} more not kept` : ''}`);
      empty.hidden = page.services.length > 0;
      const saidBy = new Map();
      for (const service of page.services) for (const said of service.publishes) saidBy.set(said.type, [...(saidBy.get(said.type) ?? []), service.id]);
      page.services.sort((a, b) => waiting(b) - waiting(a) || a.id.localeCompare(b.id));
      keyed(cards, page.services, (service) => service.id, card, (element, service) => element.update(service, saidBy));
    } catch (error) {
      if (error.name !== 'AbortError') fill(notice, failure(error));
    }
    setTimeout(() => { reading = false; }, 900);
  }

  live.hear('status', read, signal);
  const ticking = setInterval(() => {
    for (const element of cards.children) element.tick?.();
  }, 1000);
  signal.addEventListener('abort', () => clearInterval(ticking));
  read();
}

// An instance that waits for one of several types waits once: rows of one step are one.
function missingByStep(service) {
  const rows = new Map();
  for (const one of service.missing) {
    const key = JSON.stringify([one.definition, one.version, one.step]);
    const row = rows.get(key) ?? { ...one, types: [] };
    row.types.push(one.type);
    row.count = Math.max(row.count, one.count);
    rows.set(key, row);
  }
  return [...rows.values()];
}

function waiting(service) {
  return missingByStep(service).reduce((total, row) => total + row.count, 0);
}

function card(service) {
  const heard = h('span.muted');
  const waited = h('span');
  const missing = h('ul.missing');
  const says = h('tbody');
  const reacts = h('tbody');
  const table = (title, columns, body) => h('table', null, h('caption', null, title),
    h('thead', null, h('tr', null, columns.map((name, i) => h(i ? 'th.number' : 'th', { scope: 'col' }, name)))), body);
  const saysTable = table('Says', ['Event', 'Count', 'Last'], says);
  const reactsTable = table('Reacts to', ['Event', 'Times', 'Median', '99 %'], reacts);
  const silent = h('p.muted', null, 'Not heard yet; a definition names it as a publisher.');
  const element = h('article.service', { 'aria-labelledby': `service-${service.id}` },
    h('header', null, h('h2', { id: `service-${service.id}` }, service.id), waited, heard), missing, silent, h('div.columns', null, saysTable, reactsTable));
  let lastHeard = null;
  element.tick = () => {
    setText(heard, lastHeard ? `heard ${seconds(since(lastHeard))} ago` : 'never heard');
    for (const time of element.querySelectorAll('[data-since]')) setText(time, seconds(since(time.dataset.since)));
  };
  let told = '';
  element.update = (now, saidBy) => {
    lastHeard = now.lastHeard;
    const said = JSON.stringify(now);
    if (said !== told) {
      told = said;
      const rows = missingByStep(now);
      element.classList.toggle('waited', rows.length > 0);
      fill(waited, rows.length ? pill('stuck', `${count(waiting(now))} wait for it`) : null);
      fill(missing, rows.map((row) => h('li', null,
        h('a', { href: listLink({ definition: row.definition, version: row.version, step: row.step.includes(', ') ? '' : row.step, state: 'live' }) }, `${count(row.count)} of ${row.definition}`),
        row.step ? ` after ${row.step}` : ' from the start', ' wait for ', h('b', null, row.types.join(' or ')), ', the oldest ',
        h('a.id', { href: instanceLink(row.sample) }, row.sample), ' for ', h('span', { 'data-since': row.since }), '.')));
      fill(says, now.publishes.map((p) => h('tr', null, h('th', { scope: 'row' }, p.type), h('td.number', null, count(p.count)),
        h('td.number.muted', { 'data-since': p.lastAt }))));
      fill(reacts, now.consumes.map((c) => h('tr', null,
        h('th', { scope: 'row' }, c.type, h('span.muted', null, from(saidBy.get(c.type), now.id))),
        h('td.number', null, count(c.reactions)), h('td.number', null, seconds(c.p50Seconds)), h('td.number', null, seconds(c.p99Seconds)))));
      saysTable.hidden = !now.publishes.length;
      reactsTable.hidden = !now.consumes.length;
      silent.hidden = Boolean(now.lastHeard);
    }
    element.tick();
  };
  return element;
}

function from(sources = [], self) {
  const others = sources.filter((id) => id !== self);
  if (!others.length) return '';
  return ` from ${others.slice(0, 3).join(', ')}${others.length > 3 ? ` and ${others.length - 3} more` : ''}`;
}
