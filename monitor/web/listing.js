// monitor/web/listing.js - a list of instances with its filters, which are the address: on its own screen, and under a
// process's diagram.
import { rewrite } from './address.js';
import { get, live, query } from './api.js';
import { h, append, fill, flash, keyed, setText } from './dom.js';
import { count, dateTime, liveStates } from './format.js';
import { age, atStep, cell, definitionLink, failure, instanceLink, marks, pill, sum } from './parts.js';

const views = [
  ['all', {}], ['live', { state: 'live' }], ['running', { state: 'running' }], ['compensating', { state: 'compensating' }],
  ['completed', { state: 'completed' }], ['compensated', { state: 'compensated' }], ['failed', { state: 'failed' }],
  ['stuck', { flag: 'stuck', state: 'live' }], ['late', { flag: 'late', state: 'live' }],
  ['deviating', { verdict: 'deviating' }], ['incomplete', { verdict: 'incomplete' }],
];
const sorts = [['stalest', 'stalest first'], ['longest', 'longest first'], ['newest', 'newest first']];
const rowsMax = 1000;  // past that the list stands still: who reads so far down does not want it to move
const textWait = 250;  // milliseconds after the last key
const readWait = 700;

export const filters = ['definition', 'version', 'state', 'flag', 'verdict', 'step', 'q', 'sort'];

export function asksOf(parameters) {
  return Object.fromEntries(filters.map((name) => [name, parameters.get(name) ?? '']));
}

// A section with `narrow(filters)`. `address` makes a link of filters; with `process` the list is of that definition alone.
export function listing({ asked, address, process = null, signal }) {
  const pageRows = process ? 20 : 100;
  const chips = h('nav.chips', { 'aria-label': 'Views' });
  const definition = h('select', { 'aria-label': 'Process', onchange: () => narrow({ definition: definition.value, version: '', step: '' }) });
  const step = h('select', { 'aria-label': 'Last step', onchange: () => narrow({ step: step.value }) });
  const text = h('input', { type: 'search', placeholder: 'Words of key or subject', 'aria-label': 'Words of key or subject', autocomplete: 'off', spellcheck: 'false', oninput: typed });
  const sort = h('select', { 'aria-label': 'Order', onchange: () => narrow({ sort: sort.value }) },
    sorts.map(([value, label]) => h('option', { value }, label)));
  const version = h('span');
  const found = h('p.found', { role: 'status' });
  const raw = h('a', { title: 'This list from the API' }, 'JSON');
  const body = h('tbody');
  const more = h('button.more', { type: 'button', hidden: true, onclick: () => read(true) }, 'Show more');
  const notice = h('div');
  const columns = ['Instance', process ? null : 'Process', 'State', 'Last step', 'Since', 'Last event', 'Age', 'Verdict'].filter(Boolean);
  const box = h('div.listing', null, chips,
    h('div.bar', { role: 'group', 'aria-label': 'Filters' }, process ? null : definition, step, version, text, sort, found, raw), notice,
    h('div.scroll', null, h('table.instances.stack', null,
      h('thead', null, h('tr', null, columns.map((name) => h(name === 'Since' || name === 'Age' ? 'th.number' : 'th', { scope: 'col' }, name)))), body)),
    more);

  let rows = [];
  let next = null;
  let reading = false;
  let again = false;
  let turn = 0;  // an answer to an older question is dropped
  let stepsOf = null;
  let typing = 0;

  function typed() {
    clearTimeout(typing);
    typing = setTimeout(() => narrow({ q: text.value.trim() }, true), textWait);
  }

  // Changes filters in place: the screen around the list stays, and the way back leads to the filters before.
  function narrow(changes, replace = false) {
    asked = { ...asked, ...changes };
    rewrite(address(asked), replace);
    ++turn;
    rows = [];
    next = null;
    reading = false;
    again = false;
    paintBar();
    paintChips();
    read();
  }

  function link(changes) {
    return { href: address({ ...asked, ...changes }), onclick: (event) => {
      if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      narrow(changes);
    } };
  }

  function paintBar() {
    sort.value = asked.sort || 'stalest';
    if (document.activeElement !== text) text.value = asked.q;
    raw.href = `/api/v1/instances${query({ ...asked, limit: pageRows })}`;
    fill(version, asked.version ? h('a.filter', { ...link({ version: '' }), 'aria-label': `Version ${asked.version}: remove this filter` }, 'version ', h('b', null, asked.version), h('span', { 'aria-hidden': 'true' }, ' ×')) : null);
    paintSteps();
  }

  async function paintSteps() {
    const of = asked.definition;
    if (of && stepsOf?.of !== of) {
      stepsOf = { of, names: [] };
      get(`/api/v1/definitions/${encodeURIComponent(of)}`, signal).then((full) => {
        if (stepsOf.of !== of) return;
        stepsOf.names = [...new Set(full.steps.filter((s) => s.required || s.passed).map((s) => s.name))];
        paintSteps();
      }).catch(() => {});
    }
    const names = [...new Set([...(of ? stepsOf?.names ?? [] : []), asked.step].filter(Boolean))];
    step.hidden = !names.length;
    fill(step, h('option', { value: '' }, 'at every step'), names.map((name) => h('option', { value: name }, name)));
    step.value = asked.step;
  }

  // The counts are those of the lists behind them: with a filter that they know nothing of they are left out.
  function paintChips() {
    const counted = !asked.q && !asked.step && !asked.version;
    const all = [...live.definitions.values()].filter((d) => !asked.definition || d.id === asked.definition);
    const counts = { all: sum(all, (d) => d.started), live: sum(all, (d) => d.instances.running + d.instances.compensating) };
    for (const [name, view] of views) {
      if (name === 'all' || name === 'live') continue;
      counts[name] = sum(all, (d) => (view.verdict ? d.verdicts[name] : view.flag ? d.flags[name] : d.instances[name]));
    }
    keyed(chips, views, ([name]) => name, ([name, view]) => h('a.chip', { 'data-kind': name, ...link({ state: '', flag: '', verdict: '', ...view }) },
      h('i', { 'aria-hidden': 'true' }), `${name} `, h('b')),
    (chip, [name, view]) => {
      chip.setAttribute('href', address({ ...asked, state: '', flag: '', verdict: '', ...view }));
      setText(chip.querySelector('b'), counted ? count(counts[name]) : '');
      chip.classList.toggle('zero', counted && !counts[name]);
      if (['state', 'flag', 'verdict'].every((key) => (view[key] ?? '') === asked[key])) chip.setAttribute('aria-current', 'true');
      else chip.removeAttribute('aria-current');
    });
    const options = ['', ...new Set([...live.definitions.values()].map((d) => d.id))].sort();
    if (definition.options.length !== options.length) fill(definition, options.map((id) => h('option', { value: id }, id || 'every process')));
    definition.value = asked.definition;
  }

  async function read(further = false) {
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    const mine = turn;
    try {
      const limit = further ? pageRows : Math.min(rowsMax, Math.max(pageRows, rows.length));
      const page = await get(`/api/v1/instances${query({ ...asked, limit, cursor: further ? next : '' })}`, signal);
      if (mine !== turn) return;
      rows = further ? [...rows, ...page.instances] : page.instances;
      next = page.next;
      fill(notice);
      setText(found, `${count(page.total)} ${page.total === 1 ? 'instance' : 'instances'} at offset ${count(page.offset)}`);
      more.hidden = !next;
      setText(more, `Show ${count(Math.min(pageRows, page.total - rows.length))} more`);
      paint();
    } catch (error) {
      if (mine !== turn || error.name === 'AbortError') return;
      fill(notice, failure(error));
      if (further) {  // the list that this page belonged to is gone: begin again
        next = null;
        again = true;
      }
    }
    setTimeout(() => {
      if (mine !== turn) return;
      reading = false;
      if (again && !signal.aborted) {
        again = false;
        if (rows.length <= rowsMax) read();
      }
    }, readWait);
  }

  function paint() {
    if (!rows.length) {
      fill(body, h('tr', null, h('td.none', { colspan: columns.length }, 'No instance is like that.')));
      return;
    }
    body.querySelector('.none')?.closest('tr').remove();
    keyed(body, rows, (row) => `${row.definition}/${row.id}`, (row) => tableRow(row, !process), (element, row) => element.update(row));
  }

  live.hear('definitions', paintChips, signal);
  live.hear('instances', () => read(), signal);
  const ticking = setInterval(() => {
    for (const row of body.children) row.tick?.();
  }, 1000);
  signal.addEventListener('abort', () => {
    clearInterval(ticking);
    clearTimeout(typing);
  });
  paintBar();
  paintChips();
  read();
  box.narrow = narrow;
  return box;
}

function tableRow(row, withProcess) {
  const cells = { state: cell('State'), step: cell('Last step'), at: cell('Since', 'number'), last: cell('Last event'), age: cell('Age', 'number'), verdict: cell('Verdict') };
  const element = h('tr', null,
    h('th', { scope: 'row' }, h('a.id', { href: instanceLink(row.id) }, row.id)),
    withProcess ? append(cell('Process'), [h('a', { href: definitionLink(row.definition) }, row.definition)]) : null,
    Object.values(cells));
  let shown = row;
  element.update = (now) => {
    const moved = shown !== now && shown.lastEventAt !== now.lastEventAt;
    shown = now;
    if (cells.state.dataset.state !== now.state) {
      cells.state.dataset.state = now.state;
      fill(cells.state, pill(now.state));
    }
    setText(cells.step, now.steps.join(', ') || '–');
    setText(cells.last, dateTime(now.lastEventAt));
    const said = [now.verdict, ...now.flags].join();
    if (cells.verdict.dataset.said !== said + now.state) {
      cells.verdict.dataset.said = said + now.state;
      const pills = marks(now);
      fill(cells.verdict, pills.length ? pills : h('span.muted', null, liveStates.includes(now.state) ? 'conforming so far' : 'conforming'));
    }
    element.tick();
    if (moved) flash(element);
  };
  element.tick = () => {
    setText(cells.at, atStep(shown));
    setText(cells.age, age(shown));
  };
  return element;
}
