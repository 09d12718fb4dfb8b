// monitor/web/diagram.js - draws a process from its drawing data: its author's own layout, with what is going on laid over
// it. Plain SVG; colours come from the style sheet, so that light and dark need nothing here.
import { h, svgTitle, setText, flash } from './dom.js';
import { short } from './format.js';

const canvas = document.createElement('canvas').getContext('2d');

function wrap(text, width, lines, font) {
  canvas.font = font;
  const out = [];
  let line = '';
  // Names of events are broken after their dots, other names between words.
  for (const word of text.split(/\s+|(?<=[._\-/:])(?=\S)/)) {
    const longer = line ? `${line}${/[._\-/:]$/.test(line) ? '' : ' '}${word}` : word;
    if (canvas.measureText(longer).width <= width || !line) {
      line = longer;
    } else {
      out.push(line);
      line = word;
    }
    while (canvas.measureText(line).width > width && line.length > 3) {  // one long word: cut it
      let fits = line.length;
      while (fits > 3 && canvas.measureText(`${line.slice(0, fits)}-`).width > width) --fits;
      if (fits >= line.length) break;
      out.push(`${line.slice(0, fits)}-`);
      line = line.slice(fits);
    }
  }
  if (line) out.push(line);
  if (out.length > lines) {
    out.length = lines;
    out[lines - 1] = `${out[lines - 1].replace(/.{1,2}$/, '')}…`;
  }
  return out;
}

// Text in a box, as large as it fits; `under` keeps it below a line.
function lines(text, x, y, width, room, { anchor = 'middle', size = 13, least = size, under = -Infinity } = {}) {
  const rowsAt = (at) => wrap(text, width, Math.max(1, Math.floor(room / (at * 1.25))), `500 ${at}px system-ui, sans-serif`);
  let rows = rowsAt(size);
  while (size > least && rows.some((row) => row.endsWith('…') || row.endsWith('-'))) rows = rowsAt(--size);
  const step = size * 1.25;
  y = Math.max(y, under + (rows.length * step) / 2);
  const top = y - ((rows.length - 1) * step) / 2;
  return h('text', { 'text-anchor': anchor, 'font-size': size },
    rows.map((row, i) => h('tspan', { x, y: top + i * step, dy: '.35em' }, row)));
}

// A line with rounded corners.
function routed(points, radius = 6) {
  if (points.length < 2) return '';
  let d = `M${points[0].x} ${points[0].y}`;
  for (let i = 1; i < points.length - 1; ++i) {
    const [a, b, c] = [points[i - 1], points[i], points[i + 1]];
    const before = Math.hypot(b.x - a.x, b.y - a.y);
    const after = Math.hypot(c.x - b.x, c.y - b.y);
    const r = Math.min(radius, before / 2, after / 2);
    if (!before || !after) continue;
    d += `L${b.x + ((a.x - b.x) / before) * r} ${b.y + ((a.y - b.y) / before) * r}`;
    d += `Q${b.x} ${b.y} ${b.x + ((c.x - b.x) / after) * r} ${b.y + ((c.y - b.y) / after) * r}`;
  }
  const last = points.at(-1);
  return `${d}L${last.x} ${last.y}`;
}

function arrow(points) {
  const [a, b] = points.slice(-2);
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const [ux, uy] = [(b.x - a.x) / length, (b.y - a.y) / length];
  const at = (back, side) => `${b.x - ux * back - uy * side} ${b.y - uy * back + ux * side}`;
  return h('path.arrow', { d: `M${b.x} ${b.y}L${at(8, 4)}L${at(8, -4)}Z` });
}

// The sign inside an event's circle or a gateway's diamond, drawn in a box of 2 x 2 around the middle.
const signs = {
  message: 'M-.7-.5h1.400v1h-1.400zM-.7-.5l.7.55.7-.55',
  timer: 'M0-.75a.75.75 0 1 0 .01 0M0-.45v.45l.35.2',
  error: 'M-.65.6l.4-1.15.45.6.4-.75-.4 1.300-.45-.65z',
  escalation: 'M0-.75l.5 1.350-.5-.5-.5.5z',
  signal: 'M0-.7l.7 1.200h-1.400z',
  compensation: 'M-.05-.5v1l-.65-.5zM.6-.5v1l-.65-.5z',
  cancel: 'M-.5-.5l1 1M-.5.5l1-1',
  link: 'M-.7-.25h.8v-.3l.6.55-.6.55v-.3h-.8z',
  conditional: 'M-.5-.65h1v1.300h-1zM-.3-.35h.6M-.3 0h.6M-.3.35h.6',
  terminate: 'M0-.55a.55.55 0 1 0 .01 0',
  multiple: 'M0-.65l.65.48-.25.75h-.8l-.25-.75z',
  exclusive_gateway: 'M-.35-.45l.7.9M-.35.45l.7-.9',
  parallel_gateway: 'M0-.6v1.200M-.6 0h1.200',
  inclusive_gateway: 'M0-.5a.5.5 0 1 0 .01 0',
  event_gateway: 'M0-.6a.6.6 0 1 0 .01 0M0-.35l.35.26-.13.4h-.44l-.13-.4z',
  complex_gateway: 'M0-.55v1.100M-.55 0h1.100M-.4-.4l.8.8M-.4.4l.8-.8',
};

function sign(name, cx, cy, size, filled = false) {
  if (!signs[name]) return null;
  return h('path.sign', { d: signs[name], transform: `translate(${cx} ${cy}) scale(${size})`, class: filled ? 'filled' : '', 'vector-effect': 'non-scaling-stroke' });
}

function shape(node) {
  const { x, y, width, height } = node;
  const [cx, cy] = [x + width / 2, y + height / 2];
  const kind = node.kind;
  const out = [];
  if (kind.endsWith('_event') ) {
    const r = Math.min(width, height) / 2;
    out.push(h('circle.body', { cx, cy, r }));
    if (kind === 'catch_event' || kind === 'throw_event' || kind === 'boundary_event') out.push(h('circle.inner', { cx, cy, r: r - 3 }));
    out.push(sign(node.event, cx, cy, r * 0.72, kind === 'throw_event' || kind === 'end_event'));
    if (node.name) out.push(caption(node, cx, y + height));
  } else if (kind.endsWith('gateway')) {
    out.push(h('path.body', { d: `M${cx} ${y}L${x + width} ${cy}L${cx} ${y + height}L${x} ${cy}Z` }));
    out.push(sign(kind, cx, cy, width * 0.36));
    if (node.name) out.push(caption(node, cx, y + height));
  } else {
    out.push(h('rect.body', { x, y, width, height, rx: node.opens ? 8 : 9 }));
    if (kind === 'transaction') out.push(h('rect.inner', { x: x + 3, y: y + 3, width: width - 6, height: height - 6, rx: 6 }));
    if (node.opens) out.push(lines(node.name, x + 10, y + 14, width - 20, 16, { anchor: 'start', size: 12 }));
    else out.push(lines(node.name, cx, cy, width - 10, height - 10, { least: 8 }));
    if (node.forCompensation) out.push(sign('compensation', cx, y + height - 10, 7));
  }
  return out;
}

function caption(node, cx, bottom) {
  const label = node.label;
  const text = label
    ? lines(node.name, label.x + label.width / 2, label.y + label.height / 2, Math.max(label.width + 12, 60), 60,
      { size: 12, under: label.y + label.height / 2 > bottom ? bottom + 3 : -Infinity })
    : lines(node.name, cx, bottom + 12, 96, 30, { size: 12, under: bottom + 3 });
  text.classList.add('caption');
  return text;
}

function area(part) {
  const out = [h('rect.area', { x: part.x, y: part.y, width: part.width, height: part.height, rx: 3 })];
  if (part.name) {
    const cx = part.x + 15;
    const cy = part.y + part.height / 2;
    const text = lines(part.name, 0, 0, part.height - 16, 26, { size: 12 });
    text.setAttribute('transform', `translate(${cx} ${cy}) rotate(-90)`);
    text.classList.add('caption');
    out.push(text);
  }
  return out;
}

function bounds(drawing) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  const take = (x, y) => {
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x);
    bottom = Math.max(bottom, y);
  };
  for (const box of [...drawing.nodes, ...(drawing.areas ?? [])]) {
    take(box.x, box.y);
    take(box.x + box.width, box.y + box.height);
    if (box.label) {
      take(box.label.x - 8, box.label.y);
      take(box.label.x + box.label.width + 8, box.label.y + box.label.height);
    } else if (box.kind && box.name && /event$|gateway$/.test(box.kind)) {
      take(box.x + box.width / 2 - 48, box.y + box.height + 28);
      take(box.x + box.width / 2 + 48, box.y + box.height + 28);
    }
  }
  for (const flow of drawing.flows) for (const point of flow.points) take(point.x, point.y);
  return { left: left - 16, top: top - 20, width: right - left + 32, height: bottom - top + 36 };
}

// A drawing with methods to lay state over it:
//   counts(Map id -> {live, stuck, late, passed})    tokens of all instances
//   heat(Map id -> {share, text} or nothing)    how much of something is at each step
//   marks({done, active, expected, wrong, undone, owed, taken, passes})    one instance
export function diagram(drawing, { name, onNode, nodeLink } = {}) {
  if (!drawing?.nodes?.length) return null;
  const box = bounds(drawing);
  const svg = h('svg.diagram', { viewBox: `${box.left} ${box.top} ${box.width} ${box.height}`, role: 'group', 'aria-label': `Diagram of ${name ?? 'the process'}` });
  svg.style.maxWidth = `${Math.round(box.width * 1.25)}px`;
  svg.style.minWidth = `${Math.round(box.width * 0.62)}px`;  // below that names cannot be read: scroll instead
  const hatch = h('pattern', { id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' }, h('line', { x1: 0, y1: 0, x2: 0, y2: 6 }));
  svg.append(h('defs', null, hatch));
  for (const part of drawing.areas ?? []) svg.append(h('g', null, area(part)));

  const flows = new Map();
  const nodes = new Map();
  let heated = false;
  const large = (node) => (node.opens ? 0 : 1);
  for (const node of [...drawing.nodes].sort((a, b) => large(a) - large(b)).filter((n) => n.opens)) addNode(node);
  for (const flow of [...drawing.flows, ...(drawing.messages ?? []).map((m) => ({ ...m, message: true }))]) {
    if (flow.points.length < 2) continue;
    const line = h('g.flow', { 'data-id': flow.id, class: flow.message ? 'message' : flow.association ? 'association' : '' }, h('path.line', { d: routed(flow.points) }), arrow(flow.points));
    if (flow.name) {
      const middle = flow.points[Math.floor((flow.points.length - 1) / 2)];
      const next = flow.points[Math.floor((flow.points.length - 1) / 2) + 1] ?? middle;
      const at = flow.label ? { x: flow.label.x + flow.label.width / 2, y: flow.label.y + flow.label.height / 2 } : { x: (middle.x + next.x) / 2, y: (middle.y + next.y) / 2 - 10 };
      const text = lines(flow.name, at.x, at.y, 100, 30, { size: 12 });
      text.classList.add('caption');
      line.append(text);
    }
    flows.set(flow.id, line);
    svg.append(line);
  }
  for (const node of drawing.nodes.filter((n) => !n.opens)) addNode(node);

  function addNode(node) {
    const body = h('g.node', { 'data-id': node.id, 'data-kind': node.kind }, svgTitle(node.name || node.kind.replaceAll('_', ' ')), shape(node));
    if (onNode && node.step) {
      body.setAttribute('tabindex', '0');
      body.setAttribute('role', 'link');
      body.setAttribute('aria-label', node.step);
      body.addEventListener('click', () => onNode(node));
      body.addEventListener('keydown', (event) => event.key === 'Enter' && onNode(node));
    }
    nodes.set(node.id, { node, element: body });
    svg.append(body);
  }

  function badge(entry, slot, text, kind, x, y) {
    let mark = entry[slot];
    if (!text) {
      mark?.remove();
      entry[slot] = undefined;
      return;
    }
    if (!mark) {
      mark = entry[slot] = h('g.badge', null, h('rect'), h('text', { 'text-anchor': 'middle', dy: '.36em' }));
      svg.append(mark);
    }
    mark.setAttribute('data-kind', kind);
    const [plate, label] = mark.children;
    if (setText(label, text)) {
      const width = Math.max(20, 10 + text.length * 7);
      for (const [key, value] of Object.entries({ x: -width / 2, y: -10, width, height: 20, rx: 10 })) plate.setAttribute(key, value);
      mark.setAttribute('transform', `translate(${x} ${y})`);
      flash(plate);
    }
  }

  // How often a step showed, or what the heat is, small and quiet under its name.
  function total(entry, text) {
    if (!entry.total) {
      const { x, y, width, height } = entry.node;
      entry.total = h('text.total', { x: x + width - 7, y: y + height - 7, 'text-anchor': 'end' });
      entry.element.append(entry.total);
    }
    setText(entry.total, text);
  }

  svg.counts = (live) => {
    for (const [id, entry] of nodes) {
      const tokens = live.get(id) ?? {};
      const { x, y, width } = entry.node;
      const kind = tokens.stuck ? 'stuck' : tokens.late ? 'late' : 'running';
      entry.element.classList.toggle('waiting', Boolean(tokens.live));
      entry.element.classList.toggle('hangs', kind !== 'running');
      const passed = tokens.passed ?? 0;
      if (entry.passed !== undefined && passed > entry.passed) flash(entry.element);
      entry.passed = passed;
      if (!heated && entry.node.step && !entry.node.kind.endsWith('_event')) total(entry, passed ? short(passed) : '');
      badge(entry, 'tokens', tokens.live ? short(tokens.live) : '', kind, x + width - 4, y);
    }
  };

  svg.heat = (shares) => {
    heated = Boolean(shares);
    svg.classList.toggle('heated', heated);
    for (const [id, entry] of nodes) {
      const at = shares?.get(id);
      entry.element.classList.toggle('warm', Boolean(at));
      entry.element.style.setProperty('--heat', at ? `${Math.round(8 + at.share * 72)}%` : '0%');
      if (!entry.node.kind.endsWith('_event') && (heated || entry.total)) total(entry, at?.text ?? (!heated && entry.passed ? short(entry.passed) : ''));
    }
  };

  svg.marks = (marks) => {
    for (const [id, entry] of nodes) {
      const { x, y, width, height } = entry.node;
      for (const kind of ['done', 'active', 'expected', 'wrong', 'undone', 'owed', 'hatched']) {
        entry.element.classList.toggle(kind, Boolean(marks[kind]?.has(id)));
      }
      entry.element.classList.toggle('hangs', Boolean(marks.hangs && marks.active?.has(id)));
      const passes = marks.passes?.get(id) ?? 0;
      badge(entry, 'passes', passes > 1 ? `×${passes}` : '', 'done', x + width - 6, y + height);
    }
    for (const [id, element] of flows) element.classList.toggle('taken', Boolean(marks.taken?.has(id)));
    for (const [id, element] of flows) if (marks.taken?.has(id)) element.parentNode.insertBefore(element, firstNode());
  };

  // Where the drawing is wider than its place: the middle of these nodes into view, once.
  svg.centre = (ids) => {
    const place = svg.parentElement;
    const at = [...ids].map((id) => nodes.get(id)?.node).filter(Boolean);
    if (!place || !at.length || place.scrollWidth <= place.clientWidth) return;
    const middle = at.reduce((total, node) => total + node.x + node.width / 2, 0) / at.length;
    place.scrollLeft = ((middle - box.left) / box.width) * place.scrollWidth - place.clientWidth / 2;
  };

  function firstNode() {
    return [...nodes.values()].find((entry) => !entry.node.opens)?.element ?? null;
  }
  return svg;
}

// Which flows an instance took: from each step back over gateways and other silent nodes to steps that it had done. At a
// merge the branch done last is the one that led here; at a parallel join all of them.
export function takenFlows(drawing, doneInOrder) {
  const into = new Map();
  for (const flow of drawing.flows) {
    if (!flow.to) continue;
    if (!into.has(flow.to)) into.set(flow.to, []);
    into.get(flow.to).push(flow);
  }
  const nodes = new Map(drawing.nodes.map((node) => [node.id, node]));
  const doneAt = new Map();
  const taken = new Set();
  const passed = new Set();
  // The latest done step from which `id` is reached silently, with the flows between.
  function search(id, seen) {
    if (doneAt.has(id)) return { at: doneAt.get(id), flows: [], silent: [] };
    const node = nodes.get(id);
    if (!node || seen.has(id) || (node.step && !node.optional)) return null;
    seen.add(id);
    return merge(id, node, seen, [id]);
  }
  function merge(id, node, seen, silent) {
    const found = [];
    for (const flow of into.get(id) ?? []) {
      const way = search(flow.from, seen);
      if (way) found.push({ at: way.at, flows: [...way.flows, flow.id], silent: [...way.silent, ...silent] });
    }
    if (!into.get(id)?.length && node?.kind === 'start_event') return { at: -1, flows: [], silent };
    if (!found.length) return null;
    if (node?.kind === 'parallel_gateway') {
      return { at: Math.max(...found.map((f) => f.at)), flows: found.flatMap((f) => f.flows), silent: found.flatMap((f) => f.silent) };
    }
    return found.reduce((a, b) => (b.at > a.at ? b : a));
  }
  doneInOrder.forEach((id, index) => {
    const node = nodes.get(id);
    if (node) {
      const way = merge(id, { ...node, kind: node.kind === 'start_event' ? 'start_event' : 'task' }, new Set([id]), []);
      for (const flow of way?.flows ?? []) taken.add(flow);
      for (const silent of way?.silent ?? []) passed.add(silent);
    }
    doneAt.set(id, index);
  });
  return { taken, passed };
}

// The end that an instance reached: from its last step forward over silent nodes, where only one way leads there.
export function reachedEnd(drawing, last) {
  const nodes = new Map(drawing.nodes.map((node) => [node.id, node]));
  const flows = [];
  const silent = [];
  for (let id = last, steps = 0; steps < 20; ++steps) {
    const out = drawing.flows.filter((flow) => flow.from === id);
    if (out.length !== 1) return { flows: [], silent: [] };
    const next = nodes.get(out[0].to);
    if (!next || (next.step && !next.optional)) return { flows: [], silent: [] };
    flows.push(out[0].id);
    silent.push(next.id);
    if (next.kind === 'end_event') return { flows, silent };
    id = next.id;
  }
  return { flows: [], silent: [] };
}

// The steps that come next after any of these nodes, over silent nodes and what attaches to them.
export function reachable(drawing, from) {
  const nodes = new Map(drawing.nodes.map((node) => [node.id, node]));
  const found = new Set();
  const seen = new Set(from);
  const queue = [...from];
  while (queue.length) {
    const id = queue.pop();
    for (const flow of drawing.flows) {
      if (flow.from !== id || seen.has(flow.to)) continue;
      seen.add(flow.to);
      const next = nodes.get(flow.to);
      if (next?.step) found.add(next.id);
      if (!next?.step || next.optional) queue.push(flow.to);
    }
  }
  return found;
}
