// Builds the page from the embedded report.

import { makeChart, redrawAll } from './charts/chart.js';
import { makeContents, trackReading } from './contents.js';
import { list, objects, readReport, text } from './data.js';
import { el } from './dom.js';
import { makeParameters } from './parameters.js';
import { makeTable } from './tables.js';
import { onThemeChange } from './theme.js';

const app = document.getElementById('app');

// Errors end up in the document, where a reader and an automatic check can both see them.
function reportError(problem) {
  const message = String(problem?.message ?? problem);
  const before = document.body.dataset.error;
  document.body.dataset.error = before ? `${before}; ${message}` : message;
}
window.onerror = (message, _source, _line, _column, error) => reportError(error ?? message);
window.addEventListener('unhandledrejection', (event) => reportError(event.reason));

function message(title, detail) {
  return el('main', { class: 'message', role: 'alert' }, el('h1', {}, title),
    detail && el('p', {}, detail));
}

const section = (id, title, ...content) =>
  el('section', { id, 'aria-labelledby': `${id}-title` }, el('h2', { id: `${id}-title` }, title),
    ...content);

function headline(cards) {
  return el('dl', { class: 'headline' }, cards.map((card) => el('div', { class: 'card' },
    el('dt', {}, text(card.label)),
    el('dd', { class: 'card-value' }, text(card.value)),
    text(card.note) && el('dd', { class: 'card-note' }, text(card.note)))));
}

// One chart that cannot be drawn must not take the rest of the page with it.
function guarded(action, figure) {
  try {
    return action();
  } catch (problem) {
    reportError(problem);
    const place = figure ?? el('figure', { class: 'chart', 'data-rendered': 'false' });
    place.append(el('p', { class: 'no-data' }, `This chart cannot be drawn: ${problem.message}`));
    return { figure: place, start() {} };
  }
}

function build(report) {
  const title = text(report.title) || 'Untitled report';
  document.title = `${title} – crossloom`;
  const entries = [];
  const charts = [];
  const parts = [];
  const add = (heading, ...content) => {
    const id = `section-${entries.length + 1}`;
    entries.push({ id, title: heading });
    parts.push(section(id, heading, ...content));
  };

  objects(report.sections).forEach((s, i) => {
    const own = list(s.charts).map((raw) => guarded(() => makeChart(raw)));
    charts.push(...own);
    add(text(s.title) || `Section ${i + 1}`,
      text(s.text).split(/\n\s*\n/).filter((p) => p.trim()).map((p) => el('p', {}, p)),
      own.length > 0 && el('div', { class: 'charts' }, own.map((c) => c.figure)),
      list(s.tables).map(makeTable));
  });
  if (list(report.parameters).length) add('Parameters', makeParameters(report.parameters));
  if (list(report.provenance).length) {
    add('Provenance', el('dl', { class: 'provenance' }, list(report.provenance).map(list).map(
      ([name, value]) => el('div', {}, el('dt', {}, text(name)), el('dd', {}, text(value))))));
  }

  const warnings = list(report.warnings).map(text).filter(Boolean);
  const cards = objects(report.headline);
  const { nav, links } = makeContents(entries);
  app.replaceChildren(
    el('a', { class: 'skip', href: '#main' }, 'Skip to the content'),
    el('header', { class: 'page-head' },
      el('p', { class: 'brand' }, 'crossloom'),
      el('h1', {}, title),
      text(report.subtitle) && el('p', { class: 'subtitle' }, text(report.subtitle))),
    el('div', { class: entries.length ? 'layout' : 'layout plain' },
      entries.length > 0 && nav,
      el('main', { id: 'main' },
        warnings.map((w) => el('p', { class: 'warning' }, el('strong', {}, 'Warning'), ' ', w)),
        cards.length > 0 && headline(cards),
        parts.length ? parts : el('p', { class: 'no-data' }, 'This report has no sections.'))),
    el('footer', {}, 'Written by crossloom. This page is one file and loads nothing from any'
      + ' network.'));

  for (const chart of charts) guarded(() => chart.start(), chart.figure);
  if (entries.length) trackReading(entries, links);
  onThemeChange(redrawAll);
}

try {
  const { report, error, detail } = readReport();
  if (report) build(report);
  else app.replaceChildren(message(error, detail));
} catch (problem) {
  reportError(problem);
  app.replaceChildren(message('This report cannot be shown.', problem.message));
}
document.body.dataset.ready = 'true';
