// Colours of the charts. The series colours are those of Okabe and Ito, in an order that keeps
// the first ones far apart; on dark ground they are lightened to the same contrast.

// Without quotes: the chart library writes the list into an SVG attribute as it is.
const FONT = 'system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif';

export const LIGHT = {
  dark: false,
  font: FONT,
  ground: '#ffffff',
  ink: '#1c2430',
  muted: '#5a6675',
  axis: '#8b95a1',
  rule: '#e7eaee',
  empty: '#e3e6ea',
  accent: '#5b7083',
  series: ['#0072b2', '#d55e00', '#009e73', '#b5508f', '#e69f00', '#56b4e9', '#3d3d3d', '#a08a00'],
};

export const DARK = {
  dark: true,
  font: FONT,
  ground: '#171b21',
  ink: '#e6e9ee',
  muted: '#a3adba',
  axis: '#737e8c',
  rule: '#2a313a',
  empty: '#333b46',
  accent: '#93a7bb',
  series: ['#4fa9e2', '#f3893f', '#2fc69c', '#e29ac6', '#f2c14e', '#a6d9f7', '#c9ced6', '#e3d44c'],
};

const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond'];

// A series keeps its colour and its mark on the whole page, so "chip" is one colour everywhere.
const order = new Map();

function slot(name) {
  if (!order.has(name)) order.set(name, order.size);
  return order.get(name);
}

export function colorOf(name, theme) {
  return name === '' ? theme.accent : theme.series[slot(name) % theme.series.length];
}

export function symbolOf(name) {
  if (name === '') return SYMBOLS[0];
  const index = slot(name);
  // Shifted after one round of colours, so that no two series share both colour and mark.
  return SYMBOLS[(index + Math.floor(index / LIGHT.series.length)) % SYMBOLS.length];
}

const darkQuery = window.matchMedia('(prefers-color-scheme: dark)');
let printing = false;

export const currentTheme = () => (darkQuery.matches && !printing ? DARK : LIGHT);
export const isPrinting = () => printing;

// Paper is white: charts are redrawn in the light colours for printing.
export function onThemeChange(redraw) {
  darkQuery.addEventListener('change', redraw);
  const setPrinting = (on) => {
    if (printing === on) return;
    printing = on;
    redraw();
  };
  window.addEventListener('beforeprint', () => setPrinting(true));
  window.addEventListener('afterprint', () => setPrinting(false));
}
