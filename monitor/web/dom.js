// monitor/web/dom.js - elements without a framework: build once, then patch what changed.

const svgNames = new Set(['svg', 'g', 'path', 'rect', 'circle', 'text', 'tspan', 'title', 'line', 'polygon', 'polyline', 'defs',
  'marker', 'pattern', 'ellipse']);

// h('a.link', {href: '/'}, 'text', child): class names in the tag, properties that start with "on" are listeners.
export function h(tag, attributes, ...children) {
  const [name, ...classes] = tag.split('.');
  const element = svgNames.has(name) && name !== 'title'
    ? document.createElementNS('http://www.w3.org/2000/svg', name)
    : document.createElement(name);
  if (classes.length) element.setAttribute('class', classes.join(' '));
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key === 'class') element.setAttribute('class', [...classes, value].join(' ').trim());
    else element.setAttribute(key, value === true ? '' : value);
  }
  append(element, children);
  return element;
}

export function svgTitle(text) {
  const title = document.createElementNS('http://www.w3.org/2000/svg', 'title');
  title.textContent = text;
  return title;
}

export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren();
  return append(element, children);
}

// Sets text only where it differs, so that selections and screen readers are left alone.
export function setText(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) {
    element.textContent = wanted;
    return true;
  }
  return false;
}

// Builds the content anew only where what it is made of has changed, so that focus, selection and open details stay.
const builtOf = new WeakMap();
export function refill(element, made, build) {
  const said = JSON.stringify(made);
  if (builtOf.get(element) === said) return;
  builtOf.set(element, said);
  fill(element, build());
}

// Makes the children of `parent` the given items in order; an item keeps its element as long as its key lives.
export function keyed(parent, items, keyOf, create, update) {
  const old = new Map();
  for (const child of [...parent.children]) old.set(child.dataset.key, child);
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let element = old.get(key);
    if (element) {
      old.delete(key);
    } else {
      element = create(item);
      element.dataset.key = key;
    }
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
    update(element, item);
  }
  for (const element of old.values()) element.remove();
}

// A short flash that says "this just changed"; nothing where the reader asked for less motion.
export function flash(element) {
  element.classList.remove('changed');
  void element.getBoundingClientRect();
  element.classList.add('changed');
}
