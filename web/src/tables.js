// Plain tables of a section.

import { list, object, text } from './data.js';
import { el } from './dom.js';

export function scrollable(label, table) {
  // Focusable, because a region that scrolls must be reachable by keyboard.
  return el('div', { class: 'table-wrap', role: 'region', tabindex: '0', 'aria-label': label },
    table);
}

const alignment = (column) => (object(column).align === 'right' ? 'right' : null);

export function makeTable(raw) {
  const spec = object(raw);
  const title = text(spec.title);
  const columns = list(spec.columns);
  const rows = list(spec.rows).map(list);
  const label = (c) => (typeof c === 'object' ? text(object(c).label) : text(c));

  const table = el('table', {},
    title && el('caption', {}, title),
    columns.length > 0 && el('thead', {}, el('tr', {}, columns.map((c) =>
      el('th', { scope: 'col', class: alignment(c) }, label(c))))),
    el('tbody', {}, rows.map((row) => el('tr', {}, row.map((cell, i) =>
      el('td', { class: alignment(columns[i]) }, text(cell)))))));
  return el('div', { class: 'table-block' }, scrollable(title || 'table', table),
    rows.length === 0 && el('p', { class: 'no-data' }, 'No rows.'),
    text(spec.note) && el('p', { class: 'note' }, text(spec.note)));
}
