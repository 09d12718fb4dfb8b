// monitor/web/instances.js - the list: every count on the other screens is a link into it. The address is the query.
import { get, live, query } from './api.js';
import { h, fill, keyed, setText } from './dom.js';
import { count, dateTime, liveStates } from './format.js';
import { age, atStep, definitionLink, failure, instanceLink, listLink, marks, pill, sum } from './parts.js';

const views = [
  ['all', {}], ['live', { state: 'live' }], ['running', { state: 'running' }], ['compensating', { state: 'compensating' }],
  ['completed', { state: 'completed' }], ['compensated', { state: 'compensated' }], ['failed', { state: 'failed' }],
  ['stuck', { flag: 'stuck', state: 'live' }], ['late', { flag: 'late', state: 'live' }],
  ['deviating', { verdict: 'deviating' }], ['incomplete', { verdict: 'incomplete' }],
];
const sorts = [['stalest', 'stalest first'], ['longest', 'longest first'], ['newest', 'newest first']];
const filters = ['definition', 'state', 'flag', 'verdict', 'step', 'q', 'sort'];

export function instances(main, { parameters, signal, go }) {
  const asked = Object.fromEntries(filters.map((name) => [name, parameters.get(name) ?? '']));
  document.title = 'Instances · Laban';
  const chips = h('nav.chips', { 'aria-label': 'Views' });
  const process = h('select', { 'aria-label': 'Process', onchange: () => go(listLink({ ...asked, definition: process.value })) });
  const sort = h('select', { 'aria-label': 'Order', onchange: () => go(listLink({ ...asked, sort: sort.value })) },
    sorts.map(([value, label]) => h('option', { value, selected: (asked.sort || 'stalest') === value }, label)));
  const found = h('p.found', { role: 'status' });
  const extras = h('span.extras');
  for (const name of ['step', 'q']) {
    if (asked[name]) {
      extras.append(h('a.filter', { href: listLink({ ...asked, [name]: '' }), title: 'Remove this filter' },
        name === 'step' ? 'at ' : 'id has ', h('b', null, asked[name]), h('span', { 'aria-hidden': 'true' }, ' ×')));
    }
  }
  const body = h('tbody');
  const more = h('button.more', { type: 'button', hidden: true, onclick: () => read(true) }, 'Show more');
  const notice = h('div');
  main.append(
    h('h1', null, 'Instances'), chips,
    h('div.bar', null, process, sort, extras, found), notice,
    h('div.scroll', null, h('table.instances', null,
      h('thead', null, h('tr', null, ['Instance', 'Process', 'State', 'Last step', 'Since', 'Last event', 'Age', 'Verdict'].map((name) => h('th', { scope: 'col' }, name)))),
      body)),
    more);

  let rows = [];
  let next = null;
  let reading = false;
  let again = false;

  function paintChips() {
    const all = [...live.definitions.values()].filter((d) => !asked.definition || d.id === asked.definition);
    const counts = { all: sum(all, (d) => d.started), live: sum(all, (d) => d.instances.running + d.instances.compensating) };
    for (const [name, view] of views) {
      if (name === 'all' || name === 'live') continue;
      counts[name] = sum(all, (d) => (view.verdict ? d.verdicts[name] : view.flag ? d.flags[name] : d.instances[name]));
    }
    keyed(chips, views, ([name]) => name, ([name, view]) => h('a.chip', { href: listLink({ definition: asked.definition, sort: asked.sort, q: asked.q, ...view }), 'data-kind': name },
      h('i', { 'aria-hidden': 'true' }), `${name} `, h('b')),
    (chip, [name, view]) => {
      setText(chip.querySelector('b'), count(counts[name]));
      const current = ['state', 'flag', 'verdict'].every((key) => (view[key] ?? '') === asked[key]);
      if (current) chip.setAttribute('aria-current', 'true');
      chip.classList.toggle('zero', !counts[name]);
    });
    const options = ['', ...new Set([...live.definitions.values()].map((d) => d.id))];
    if (process.options.length !== options.length) {
      fill(process, options.map((id) => h('option', { value: id, selected: id === asked.definition }, id || 'every process')));
    }
  }

  async function read(further = false) {
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    try {
      const limit = further ? 100 : Math.min(1000, Math.max(100, rows.length));
      const page = await get(`/api/v1/instances${query({ ...asked, limit, cursor: further ? next : '' })}`, signal);
      rows = further ? [...rows, ...page.instances] : page.instances;
      next = page.next;
      fill(notice);
      setText(found, `${count(page.total)} ${page.total === 1 ? 'instance' : 'instances'} at offset ${count(page.offset)}`);
      more.hidden = !next;
      paint();
    } catch (error) {
      if (error.name !== 'AbortError') fill(notice, failure(error));
    }
    setTimeout(() => {
      reading = false;
      if (again && !signal.aborted) {
        again = false;
        if (rows.length <= 1000) read();
      }
    }, 700);
  }

  function paint() {
    if (!rows.length) {
      fill(body, h('tr', null, h('td.none', { colspan: 8 }, 'No instance is like that.')));
      return;
    }
    body.querySelector('.none')?.closest('tr').remove();
    keyed(body, rows, (row) => `${row.definition}/${row.id}`, tableRow, (element, row) => element.update(row));
  }

  live.hear('definitions', paintChips, signal);
  live.hear('instances', () => read(), signal);
  const ticking = setInterval(() => {
    for (const row of body.children) row.tick?.();
  }, 1000);
  signal.addEventListener('abort', () => clearInterval(ticking));
  paintChips();
  read();
}

function tableRow(row) {
  const cells = Object.fromEntries(['state', 'step', 'at', 'last', 'age', 'verdict'].map((name) => [name, h(name === 'at' || name === 'age' ? 'td.number' : 'td')]));
  const element = h('tr', null,
    h('td', null, h('a.id', { href: instanceLink(row.id) }, row.id)),
    h('td', null, h('a', { href: definitionLink(row.definition) }, row.definition)),
    Object.values(cells));
  let shown = row;
  element.update = (now) => {
    const fresh = shown !== now && shown.lastEventAt !== now.lastEventAt;
    shown = now;
    if (cells.state.dataset.state !== now.state) {
      cells.state.dataset.state = now.state;
      fill(cells.state, pill(now.state));
    }
    setText(cells.step, now.steps.join(', ') || '–');
    setText(cells.last, dateTime(now.lastEventAt));
    fill(cells.verdict, marks(now).length ? marks(now) : liveStates.includes(now.state) ? h('span.muted', null, 'conforming so far') : h('span.muted', null, 'conforming'));
    element.tick();
    if (fresh) {
      element.classList.remove('changed');
      void element.offsetWidth;
      element.classList.add('changed');
    }
  };
  element.tick = () => {
    setText(cells.at, atStep(shown));
    setText(cells.age, age(shown));
  };
  return element;
}
