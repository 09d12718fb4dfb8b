// monitor/web/app.js - finds the screen for the address, keeps the freshness header, follows links without reloading.
import { moved, settle } from './address.js';
import { live } from './api.js';
import { h, fill, setText } from './dom.js';
import { count, seconds, short, since } from './format.js';
import { sum } from './parts.js';
import { overview } from './overview.js';
import { instances } from './instances.js';
import { instance } from './instance.js';
import { definition } from './definition.js';
import { problems } from './problems.js';
import { services } from './services.js';

const main = document.getElementById('main');
const routes = [
  [/^\/$/, overview],
  [/^\/instances$/, instances],
  [/^\/instances\/(.+)$/, instance],
  [/^\/definitions\/(.+)$/, definition],
  [/^\/services$/, services],
  [/^\/problems$/, problems],
];

let leave = new AbortController();

function show() {
  settle();
  leave.abort();
  leave = new AbortController();
  const path = location.pathname;
  for (const link of document.querySelectorAll('[data-nav]')) {
    const at = link.dataset.nav;
    if (at === '/' ? path === '/' || path.startsWith('/definitions') : path.startsWith(at)) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const find = document.querySelector('.find input');
  if (document.activeElement !== find) find.value = new URLSearchParams(location.search).get('q') ?? '';
  for (const [pattern, screen] of routes) {
    const match = pattern.exec(path);
    if (!match) continue;
    fill(main);
    screen(main, { argument: match[1] && text(match[1]), parameters: new URLSearchParams(location.search), signal: leave.signal, go });
    return;
  }
  document.title = 'Not here · Laban';
  fill(main, h('section.empty', null, h('h1', null, 'Nothing is at this address'), h('p', null, h('a', { href: '/' }, 'To the overview'))));
}

function text(encoded) {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;  // a stray percent sign: somebody typed the address
  }
}

export function go(address, replace = false) {
  history[replace ? 'replaceState' : 'pushState'](null, '', address);
  if (!replace) window.scrollTo(0, 0);
  show();
  if (!replace) main.focus({ preventScroll: true });  // a screen reader goes on in the new screen
}

document.addEventListener('click', (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest('a[href]');
  if (!link || link.target || link.origin !== location.origin || link.hasAttribute('download')) return;
  if (link.pathname.startsWith('/api/') || link.pathname === '/metrics') return;
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  go(link.getAttribute('href'));
});

document.querySelector('.find').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = new FormData(event.target).get('q').trim();
  go(text ? `/instances?q=${encodeURIComponent(text)}` : '/instances');
});

document.addEventListener('keydown', (event) => {
  if (event.key === '/' && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
    event.preventDefault();
    document.querySelector('.find input').focus();
  }
});

window.addEventListener('popstate', () => {
  if (moved()) show();
});

// --- freshness: how old is what you see. Shown on every screen, because a lagging monitor must not look like a calm one.

const fresh = document.getElementById('fresh');
const parts = {
  dot: h('span.dot', { 'aria-hidden': 'true' }),
  text: h('span.fresh-state'),
  lag: h('span.fresh-fact'),
  last: h('span.fresh-fact'),
  gaps: h('span.fresh-fact'),
  pause: h('button.quiet', { type: 'button', 'aria-pressed': 'false', onclick: pause }, 'Pause'),
};
fresh.append(parts.dot, parts.text, parts.lag, parts.last, parts.gaps, parts.pause);

function pause() {
  live.paused = !live.paused;
  parts.pause.setAttribute('aria-pressed', String(live.paused));
  setText(parts.pause, live.paused ? 'Resume' : 'Pause');
  if (!live.paused) show();
  freshness();
}

function freshness() {
  const status = live.status;
  let state = 'wait';
  let text = 'Connecting';
  if (!live.linked && status) [state, text] = ['bad', 'Monitor not reachable'];
  else if (live.paused) [state, text] = ['late', 'Paused'];
  else if (status && !status.connected) [state, text] = ['bad', 'Bus not reachable'];
  else if (status && !status.ready) [state, text] = ['late', 'Catching up'];
  else if (status) [state, text] = ['good', 'Live'];
  fresh.dataset.state = state;
  setText(parts.text, text);
  setText(parts.lag, status ? `lag ${count(Math.max(0, status.head - status.offset))}` : '');
  parts.lag.title = status ? `${count(status.offset)} of ${count(status.head)} events read, ${seconds(status.lagSeconds)} behind` : '';
  setText(parts.last, status?.lastEventAt ? `last event ${seconds(since(status.lastEventAt))} ago` : status ? 'no event yet' : '');
  setText(parts.gaps, status ? (status.gaps ? `${count(status.gaps)} gaps` : 'no gaps') : '');
  parts.gaps.classList.toggle('bad', Boolean(status?.gaps));
}

// How many problems there are stands in the navigation, on every screen.
const alarm = document.getElementById('alarm');
function alarms() {
  const wrong = sum(live.definitions.values(), (d) => d.flags.stuck + d.flags.late);
  setText(alarm, wrong ? short(wrong) : '');
  alarm.title = wrong ? `${count(wrong)} instances are stuck or late` : '';
}

live.addEventListener('definitions', alarms);
live.addEventListener('status', freshness);
live.addEventListener('link', (event) => {
  freshness();
  if (event.detail && live.status) show();  // after an outage: read everything again
});
setInterval(freshness, 1000);
freshness();
// A page kept for "back" would hold its stream, and six of those are all that a browser opens to one address.
addEventListener('pagehide', () => live.close());
addEventListener('pageshow', (event) => {
  if (event.persisted) live.open();
});
live.open();
show();
