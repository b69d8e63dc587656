// One chart on the page: its figure, its drawing, and redrawing when width or colours change.

import { object, text } from '../data.js';
import { el } from '../dom.js';
import { saveCsv, savePng, saveSvg } from '../download.js';
import { axisTitle } from '../format.js';
import { currentTheme, isPrinting, LIGHT } from '../theme.js';
import * as bar from './bar.js';
import * as distribution from './distribution.js';
import { init } from './echarts.js';
import * as heatmap from './heatmap.js';
import * as histogram from './histogram.js';
import * as line from './line.js';

const KINDS = { line, bar, histogram, heatmap, distribution };
const HEIGHT = 340;
const PRINT_WIDTH = 640;
const EXPORT_WIDTH = 960;

const drawn = [];
export const redrawAll = () => drawn.forEach((chart) => chart.draw());

function heightOf(kind, model, ctx) {
  return kind.height ? kind.height(model, ctx) : HEIGHT;
}

// A picture for a paper or a slide: always light and of one size, whatever the screen is.
function exportSvg(kind, model) {
  const ctx = { width: EXPORT_WIDTH, theme: LIGHT, pointer: () => null };
  ctx.height = Math.max(heightOf(kind, model, ctx), 420);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: ctx.width,
    height: ctx.height });
  chart.setOption({ ...kind.option(model, ctx), backgroundColor: LIGHT.ground });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return { svg, width: ctx.width, height: ctx.height };
}

function tools(title, kind, model) {
  const button = (label, what, action) => el('button', { type: 'button', onclick: action,
    title: `Download ${what}`, 'aria-label': `Download ${what}: ${title || 'chart'}` }, label);
  return el('div', { class: 'tools' },
    button('SVG', 'as SVG drawing', () => saveSvg(title, exportSvg(kind, model))),
    button('PNG', 'as PNG picture', () => savePng(title, exportSvg(kind, model))),
    button('CSV', 'the data as CSV', () => saveCsv(title, kind.table(model))));
}

function describe(kindName, title, model) {
  const axes = [model.x && axisTitle(model.x), model.y && axisTitle(model.y)].filter(Boolean);
  const names = (model.series ?? []).map((s) => s.name).filter(Boolean);
  return [`${kindName} chart${title ? `: ${title}` : ''}`,
    axes.length ? `axes: ${axes.join(', ')}` : '',
    names.length ? `series: ${names.join(', ')}` : ''].filter(Boolean).join('. ');
}

// The figure is returned at once; `start` draws it as soon as it is in the page and has a width.
export function makeChart(raw) {
  const spec = object(raw);
  const title = text(spec.title);
  const head = el('figcaption', { class: 'chart-head' }, el('h3', {}, title));
  const figure = el('figure', { class: 'chart', 'data-rendered': 'false' }, head);
  const say = (message) => figure.append(el('p', { class: 'no-data' }, message));

  const kindName = text(spec.kind);
  if (!Object.hasOwn(KINDS, kindName)) {
    say(`This page cannot draw a chart of kind “${kindName}”.`);
    return { figure, start() {} };
  }
  const kind = KINDS[kindName];
  const model = kind.prepare(spec);
  const note = [text(spec.note), model.note].filter(Boolean).join(' ');

  if (model.empty) {
    figure.dataset.rendered = 'empty';
    say('No data to show.');
    if (text(spec.note)) figure.append(el('p', { class: 'note' }, text(spec.note)));
    return { figure, start() {} };
  }
  if (model.wide) figure.classList.add('wide');
  const plot = el('div', { class: 'plot', role: 'img', tabindex: '0',
    'aria-label': describe(kindName, title, model) });
  head.append(tools(title, kind, model));
  figure.append(plot);
  if (note) figure.append(el('p', { class: 'note' }, note));

  let chart = null;
  let pointer = null;
  let lastWidth = 0;
  const draw = () => {
    const width = isPrinting() ? PRINT_WIDTH : Math.max(240, Math.floor(plot.clientWidth));
    const ctx = { width, theme: currentTheme(), pointer: () => pointer };
    ctx.height = heightOf(kind, model, ctx);
    lastWidth = width;
    plot.style.height = `${ctx.height}px`;
    if (chart) {
      chart.resize({ width, height: ctx.height, silent: true });
    } else {
      chart = init(plot, null, { renderer: 'svg', width, height: ctx.height });
      const track = (event) => { pointer = { x: event.offsetX, y: event.offsetY }; };
      // Before the tooltip's own listeners: an image is one shape, only the pointer tells the cell.
      chart.getZr().on('mousemove', track);
      chart.getZr().on('click', track);
    }
    chart.setOption(kind.option(model, ctx), { notMerge: true });
    figure.dataset.rendered = 'true';
  };

  return {
    figure,
    start() {
      draw();
      drawn.push({ draw });
      let waiting = false;
      new ResizeObserver(() => {
        const width = Math.max(240, Math.floor(plot.clientWidth));
        if (waiting || isPrinting() || width === lastWidth) return;
        waiting = true;
        requestAnimationFrame(() => {
          waiting = false;
          draw();
        });
      }).observe(plot);
    },
  };
}
