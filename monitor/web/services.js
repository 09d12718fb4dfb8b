// monitor/web/services.js - who says what, how soon it reacts, and what waits for it.
import { get, live } from './api.js';
import { h, fill, keyed, setText } from './dom.js';
import { count, seconds, since } from './format.js';
import { failure, instanceLink, listLink } from './parts.js';

export function services(main, { signal }) {
  document.title = 'Services · Laban';
  const body = h('tbody');
  const notice = h('div');
  const note = h('p.found', { role: 'status' });
  main.append(
    h('h1', null, 'Services'), notice, note,
    h('div.scroll', null, h('table.services', null,
      h('thead', null, h('tr', null, ['Service', 'Last heard', 'Says', 'Reacts to', 'Median', '99 %', 'Waited for'].map((name) => h('th', { scope: 'col' }, name)))),
      body)));

  let reading = false;
  async function read() {
    if (reading) return;
    reading = true;
    try {
      const page = await get('/api/v1/services', signal);
      fill(notice);
      setText(note, page.services.length ? `${count(page.services.length)} services at offset ${count(page.offset)}` : 'No service was heard yet.');
      page.services.sort((a, b) => b.missingCount - a.missingCount || a.id.localeCompare(b.id));
      keyed(body, page.services, (service) => service.id, row, (element, service) => element.update(service));
    } catch (error) {
      if (error.name !== 'AbortError') fill(notice, failure(error));
    }
    setTimeout(() => { reading = false; }, 900);
  }

  live.hear('status', read, signal);
  const ticking = setInterval(() => {
    for (const element of body.children) element.tick?.();
  }, 1000);
  signal.addEventListener('abort', () => clearInterval(ticking));
  read();
}

function lines(items, text) {
  return items.map((item) => h('div', null, text(item)));
}

function row(service) {
  const [heard, says, reacts, p50, p99, missing] = ['number', '', '', 'number', 'number', ''].map((name) => h(name ? `td.${name}` : 'td'));
  const element = h('tr', null, h('th', { scope: 'row' }, service.id), heard, says, reacts, p50, p99, missing);
  let shown = '';
  let lastHeard = null;
  element.tick = () => setText(heard, lastHeard ? `${seconds(since(lastHeard))} ago` : 'never');
  element.update = (now) => {
    lastHeard = now.lastHeard;
    element.tick();
    const text = JSON.stringify(now);
    if (text === shown) return;
    shown = text;
    fill(says, lines(now.publishes, (p) => `${p.type} ${count(p.count)}`));
    fill(reacts, lines(now.consumes, (c) => c.type));
    fill(p50, lines(now.consumes, (c) => seconds(c.p50Seconds)));
    fill(p99, lines(now.consumes, (c) => seconds(c.p99Seconds)));
    fill(missing, now.missing.map((m) => h('div', null,
      h('a', { href: listLink({ definition: m.definition, step: m.step.includes(', ') ? '' : m.step, state: 'live', sort: 'stalest' }) }, `${count(m.count)} of ${m.definition}`),
      ` after ${m.step || 'the start'} wait for ${m.type}, the oldest is `, h('a', { href: instanceLink(m.sample) }, m.sample))));
  };
  return element;
}
