// monitor/web/address.js - the address that the screen stands for; a jump within the screen is none.
let shown = '';

export function settle() {
  shown = location.pathname + location.search;
}

export function moved() {
  return shown !== location.pathname + location.search;
}

// A screen changes its own address, and goes on standing.
export function rewrite(address, replace = false) {
  history[replace ? 'replaceState' : 'pushState'](null, '', address);
  settle();
}
