// Reads the embedded JSON and makes any value safe to use: whatever is missing or of the wrong
// type becomes an empty list, an empty string or null, so the renderers need no further checks.

import { formatNumber } from './format.js';

export const object = (v) => (v && typeof v === 'object' && !Array.isArray(v) ? v : {});
export const list = (v) => (Array.isArray(v) ? v : []);
export const objects = (v) => list(v).map(object);

export function text(v) {
  if (typeof v === 'string') return v;
  if (typeof v === 'number') return formatNumber(v);
  if (typeof v === 'boolean') return v ? 'yes' : 'no';
  return '';
}

export const number = (v) => (typeof v === 'number' && Number.isFinite(v) ? v : null);
export const numbers = (v) => list(v).map(number);

// Spread arguments overflow the stack on large arrays, hence the loop.
export function extent(values, accept = () => true) {
  let low = Infinity;
  let high = -Infinity;
  for (const v of values) {
    if (v === null || v === undefined || !accept(v)) continue;
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return low <= high ? [low, high] : null;
}

export function readReport() {
  const source = document.getElementById('report-data');
  const raw = source ? source.textContent.trim() : '';
  if (raw === '') return { error: 'This page carries no report data.' };
  if (/^__[A-Z_]+__$/.test(raw)) {
    return { error: 'This is the empty report template: no run has been written into it yet.' };
  }
  let parsed;
  try {
    parsed = JSON.parse(raw);
  } catch (problem) {
    return { error: 'The report data of this page cannot be read.', detail: problem.message };
  }
  if (!parsed || typeof parsed !== 'object' || Array.isArray(parsed)) {
    return { error: 'The report data of this page are not a report.' };
  }
  const known = ['title', 'warnings', 'headline', 'sections', 'parameters', 'provenance'];
  if (!known.some((key) => (Array.isArray(parsed[key]) ? parsed[key].length : parsed[key]))) {
    return { error: 'The report data of this page are empty.' };
  }
  return { report: parsed };
}
