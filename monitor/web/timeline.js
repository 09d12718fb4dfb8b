// monitor/web/timeline.js - one instance over time: a lane for each service, a bar from what it reacted to until what it said.
import { h, svgTitle } from './dom.js';
import { liveStates, now, seconds } from './format.js';

const lane = 40;
const left = 150;
const width = 1000;

export function timeline(shown) {
  const events = shown.events.filter((event) => event.recordedtime);
  if (!events.length) return h('p.muted', null, 'No event yet.');
  const at = (time) => Date.parse(time);
  const first = Math.min(...events.map((event) => at(event.recordedtime)));
  const isLive = liveStates.includes(shown.state);
  const last = Math.max(...events.map((event) => at(event.recordedtime)), isLive ? now() : 0);
  const span = Math.max(1, last - first);
  const x = (time) => left + ((time - first) / span) * (width - left - 40);
  const sources = [...new Set(events.map((event) => event.source))];
  const byId = new Map(events.map((event) => [event.id, event]));
  const wrong = new Set(shown.deviations.map((d) => d.offset));
  const height = sources.length * lane + 40;
  const svg = h('svg.timeline', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Timeline of ${events.length} events over ${seconds(span / 1000)}` });
  svg.style.minWidth = '38rem';
  for (const [row, source] of sources.entries()) {
    const y = row * lane + lane / 2 + 10;
    svg.append(h('line.lane', { x1: left, x2: width - 30, y1: y, y2: y }), h('text.lane-name', { x: left - 14, y, 'text-anchor': 'end', dy: '.35em' }, source));
  }
  const place = (event) => ({ x: x(at(event.recordedtime)), y: sources.indexOf(event.source) * lane + lane / 2 + 10 });
  for (const event of events) {
    const cause = byId.get(event.causationid);
    if (!cause) continue;
    const [a, b] = [place(cause), place(event)];
    if (a.y !== b.y) svg.append(h('path.cause', { d: `M${a.x} ${a.y}L${a.x} ${b.y}` }));
    const bar = h('rect.work', { x: a.x, y: b.y - 5, width: Math.max(2, b.x - a.x), height: 10, rx: 3 });
    bar.append(svgTitle(`${event.source}: ${event.type}, ${seconds((at(event.recordedtime) - at(cause.recordedtime)) / 1000)} after ${cause.type}`));
    svg.append(bar);
  }
  const labelled = new Map();  // lane -> where its last name ends
  for (const event of events) {
    const { x: px, y } = place(event);
    const dot = h('circle.event', { cx: px, cy: y, r: 5, class: wrong.has(event.offset) ? 'wrong' : '' });
    dot.append(svgTitle(`${event.step ?? event.type} · ${event.recordedtime}`));
    svg.append(dot);
    const text = event.step ?? event.type;
    const room = text.length * 6.4;
    const before = px + room > width - 10;
    if ((before ? px - room : px) > (labelled.get(y) ?? -Infinity)) {
      svg.append(h('text.event-name', { x: before ? px + 5 : px - 5, y: y - 10, 'text-anchor': before ? 'end' : 'start' }, text));
      labelled.set(y, (before ? px : px + room) + 8);
    }
  }
  if (isLive) svg.append(h('line.now', { x1: x(now()), x2: x(now()), y1: 0, y2: height - 26 }));
  const ticks = 5;
  for (let i = 0; i <= ticks; ++i) {
    const px = left + (i / ticks) * (width - left - 40);
    svg.append(h('text.tick', { x: px, y: height - 6, 'text-anchor': 'middle' }, seconds(((span / 1000) * i) / ticks)));
  }
  return svg;
}
