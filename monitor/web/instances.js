// monitor/web/instances.js - all instances: every count on the other screens is a link into this list.
import { h } from './dom.js';
import { asksOf, listing } from './listing.js';
import { listLink } from './parts.js';

export function instances(main, { parameters, signal }) {
  document.title = 'Instances · Laban';
  main.append(h('h1', null, 'Instances'), listing({ asked: asksOf(parameters), address: listLink, signal }));
}
