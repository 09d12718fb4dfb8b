// monitor/web/sequence.js - one instance as a conversation: a lifeline for each service, an arrow from what was said to who
// reacted to it. Order is that of the bus, never that of clocks.
import { h, svgTitle } from './dom.js';
import { between, seconds } from './format.js';

const row = 40;
const top = 46;
const width = 1000;
const left = 80;

export function sequence(shown) {
  const events = shown.events;
  if (!events.length) return h('p.muted', null, 'No event yet.');
  const sources = [...new Set(events.map((event) => event.source))];
  const step = sources.length > 1 ? Math.min(240, (width - 2 * left - 60) / (sources.length - 1)) : 0;
  const x = (source) => left + sources.indexOf(source) * step;
  const byId = new Map(events.map((event) => [event.id, event]));
  const wrong = new Set(shown.deviations.map((d) => d.offset));
  const height = top + events.length * row + 16;
  const svg = h('svg.sequence', { viewBox: `0 0 ${Math.max(520, left * 2 + step * (sources.length - 1) + 140)} ${height}`, role: 'img',
    'aria-label': `Sequence of ${events.length} events between ${sources.join(', ')}` });
  svg.style.maxWidth = '70rem';
  svg.style.minWidth = '38rem';
  for (const source of sources) {
    svg.append(h('line.lane', { x1: x(source), x2: x(source), y1: top - 10, y2: height - 8 }),
      h('text.lane-name', { x: x(source), y: 20, 'text-anchor': 'middle' }, source));
  }
  for (const [index, event] of events.entries()) {
    const y = top + index * row + row / 2;
    const at = x(event.source);
    const cause = byId.get(event.causationid);
    if (cause) {
      const from = x(cause.source);
      const began = top + events.indexOf(cause) * row + row / 2;
      const line = h('path.cause', { d: from === at ? `M${at} ${began}V${y}` : `M${from} ${began}V${y - 12}Q${from} ${y} ${from + Math.sign(at - from) * 12} ${y}H${at - Math.sign(at - from) * 9}` });
      line.append(svgTitle(`because of ${cause.type}, ${seconds(between(cause.recordedtime, event.recordedtime))} before`));
      svg.append(line);
      if (from !== at) {
        const side = Math.sign(at - from);
        svg.append(h('path.arrow', { d: `M${at - side * 6} ${y}l${-side * 8} -4v8z` }));
      }
    }
    const dot = h('circle.event', { cx: at, cy: y, r: 6, class: wrong.has(event.offset) ? 'wrong' : '' });
    dot.append(svgTitle(event.recordedtime));
    svg.append(dot, h('text.event-name', { x: at + 12, y: y - 7 }, event.step ?? event.type));
  }
  return svg;
}
