// monitor/web/problems.js - what is wrong, by its cause: the most instances first.
import { get, live } from './api.js';
import { h, fill, keyed, setText } from './dom.js';
import { count, plural, seconds, since } from './format.js';
import { definitionLink, failure, instanceLink, listLink } from './parts.js';

export function listOf(problem) {
  const where = { definition: problem.definition, version: problem.version };
  return listLink(problem.kind === 'deviating' ? { ...where, verdict: 'deviating' } : { ...where, flag: problem.kind, step: problem.step, state: 'live' });
}

export function keyOf(problem) {
  return `${problem.kind}/${problem.definition}/${problem.version}/${problem.step ?? ''}`;
}

export function problems(main, { signal }) {
  document.title = 'Problems · Laban';
  const list = h('ul.problem-cards');
  const note = h('p.found', { role: 'status' });
  const notice = h('div');
  const calm = h('section.empty', { hidden: true }, h('h2', null, 'Nothing is wrong'),
    h('p', null, 'No live instance is stuck or late, and none deviates from its definition. Silence counts here too: an instance that waits much longer than usual for its next event is stuck, whether or not its definition has a deadline.'));
  main.append(h('div.heading', null, h('h1', null, 'Problems'), note), notice, list, calm);

  let reading = false;
  async function read() {
    if (reading) return;
    reading = true;
    try {
      const told = await get('/api/v1/problems', signal);
      fill(notice);
      setText(note, `${plural(told.problems.length, 'problem')} at offset ${count(told.offset)}`);
      calm.hidden = told.problems.length > 0;
      keyed(list, told.problems, keyOf, card, (element, problem) => element.update(problem));
    } catch (error) {
      if (error.name !== 'AbortError') fill(notice, failure(error));
    }
    setTimeout(() => { reading = false; }, 900);
  }

  live.hear('status', read, signal);
  const ticking = setInterval(() => {
    for (const element of list.children) element.tick?.();
  }, 1000);
  signal.addEventListener('abort', () => clearInterval(ticking));
  read();
}

function card(problem) {
  const number = h('b.large');
  const text = h('p');
  const facts = h('dl.facts');
  const silent = h('dd');
  const element = h('li', { 'data-kind': problem.kind },
    number, h('div.grow', null, text, facts),
    h('a.button', { href: listOf(problem) }, 'List them'));
  const fact = (name, ...value) => h('div', null, h('dt', null, name), h('dd', null, value));
  let shown = problem;
  let told = '';
  element.tick = () => setText(silent, shown.since ? `silent for ${seconds(since(shown.since))}` : '');
  element.update = (now) => {
    shown = now;
    setText(number, count(now.count));
    setText(text, sentence(now));
    const said = JSON.stringify([now.waitsFor, now.from, now.sample, now.deviations]);
    if (said !== told) {
      told = said;
      fill(facts,
        fact('Process', h('a', { href: definitionLink(now.definition) }, now.definition), ' ', h('span.version', null, `v ${now.version}`)),
        now.from?.length ? fact(now.from.length > 1 ? 'Services that have not reacted' : 'Service that has not reacted', h('a', { href: '/services' }, now.from.join(', '))) : null,
        now.sample ? h('div', null, h('dt', null, 'Oldest'), h('dd', null, h('a.id', { href: instanceLink(now.sample) }, now.sample)), silent) : null,
        Object.entries(now.deviations ?? {}).map(([kind, n]) => fact(kind, count(n))));
    }
    element.tick();
  };
  return element;
}

function sentence(problem) {
  if (problem.kind === 'deviating') return 'deviate from the definition.';
  const waits = problem.waitsFor?.length ? `, waiting for ${problem.waitsFor.join(' or ')}` : '';
  return `${problem.kind} after ${problem.step || 'the start'}${waits}${problem.from?.length ? ` from ${problem.from.join(' or ')}` : ''}.`;
}
