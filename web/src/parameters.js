// The searchable table of all parameters of the run, grouped by section.

import { objects, text } from './data.js';
import { el } from './dom.js';
import { scrollable } from './tables.js';

const COLUMNS = ['Parameter', 'Value', 'Default', 'Unit', 'Bounds', 'Meaning'];

function row(p) {
  const name = [text(p.section), text(p.name)].filter(Boolean).join('.');
  return {
    haystack: [name, text(p.value), text(p.unit), text(p.doc)].join(' ').toLowerCase(),
    changed: p.changed === true,
    node: el('tr', { class: p.changed === true ? 'changed' : null },
      el('th', { scope: 'row' }, el('code', {}, text(p.name)),
        p.changed === true && el('span', { class: 'badge' }, 'changed')),
      el('td', { 'data-label': 'Value', class: 'value' }, text(p.value)),
      el('td', { 'data-label': 'Default' }, text(p.default)),
      el('td', { 'data-label': 'Unit' }, text(p.unit)),
      el('td', { 'data-label': 'Bounds' }, text(p.bounds)),
      el('td', { 'data-label': 'Meaning', class: 'doc' }, text(p.doc))),
  };
}

export function makeParameters(raw) {
  const groups = new Map();
  for (const p of objects(raw)) {
    const section = text(p.section);
    if (!groups.has(section)) groups.set(section, []);
    groups.get(section).push(row(p));
  }
  const all = [...groups.values()].flat();
  const changed = all.filter((r) => r.changed).length;

  const bodies = [...groups].map(([section, rows]) => ({ rows, node: el('tbody', {},
    el('tr', { class: 'group' }, el('th', { colspan: String(COLUMNS.length), scope: 'rowgroup' },
      section || 'general')),
    rows.map((r) => r.node)) }));

  const search = el('input', { type: 'search', id: 'parameter-search', autocomplete: 'off',
    spellcheck: 'false', placeholder: 'name, value or meaning' });
  const onlyChanged = el('input', { type: 'checkbox', id: 'parameter-changed' });
  const count = el('output', { 'aria-live': 'polite', for: 'parameter-search' });

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const body of bodies) {
      let any = false;
      for (const r of body.rows) {
        const hit = words.every((w) => r.haystack.includes(w)) && (!onlyChanged.checked
          || r.changed);
        r.node.hidden = !hit;
        any ||= hit;
        shown += hit ? 1 : 0;
      }
      body.node.hidden = !any;
    }
    count.textContent = `${shown} of ${all.length} shown, ${changed} changed from the default`;
  };
  search.addEventListener('input', filter);
  onlyChanged.addEventListener('change', filter);
  filter();

  return [
    el('div', { class: 'filters' },
      el('label', { for: 'parameter-search' }, 'Search'), search,
      el('label', { class: 'check' }, onlyChanged, 'changed only'), count),
    scrollable('parameters', el('table', { class: 'parameters' },
      el('thead', {}, el('tr', {}, COLUMNS.map((c) => el('th', { scope: 'col' }, c)))),
      bodies.map((b) => b.node))),
  ];
}
