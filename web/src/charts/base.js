// What all charts share: frame, axes, legend and the tooltip's content.

import { extent, number, object, text } from '../data.js';
import { el } from '../dom.js';
import { axisTitle, formatLogTick, formatTick, sharedPower } from '../format.js';
import { colorOf } from '../theme.js';

export const FONT_SIZE = 12;
const HEIGHT = 340;
const LEGEND_ROW = 22;
const MOST_LEGEND_ROWS = 12;

let pen = null;
export function textWidth(string, size = FONT_SIZE, font = 'system-ui, sans-serif') {
  pen ??= document.createElement('canvas').getContext('2d');
  pen.font = `${size}px ${font}`;
  return pen.measureText(string).width;
}

export function readAxis(raw) {
  const axis = object(raw);
  return {
    label: text(axis.label),
    unit: text(axis.unit),
    log: axis.scale === 'log',
    min: number(axis.min),
    max: number(axis.max),
  };
}

export const onLog = (axis) => (axis.log ? (v) => v > 0 : () => true);

// Whole decades around the data, so that a logarithmic axis starts and ends on a labelled tick.
// `floorShare` below 1 keeps the smallest value off the axis, where a bar would have no height.
export function logRange(axis, values, floorShare = 1) {
  const range = extent(values, (v) => v > 0) ?? [1, 10];
  const low = 10 ** Math.floor(Math.log10(range[0] * floorShare) + 1e-9);
  let high = 10 ** Math.ceil(Math.log10(range[1]) - 1e-9);
  if (high <= low) high = low * 10;
  return {
    min: axis.min !== null && axis.min > 0 ? axis.min : low,
    max: axis.max !== null && axis.max > 0 ? axis.max : high,
  };
}

// Shortened in the middle: names of layers and runs differ at their ends.
export function shorten(label, width, size, font) {
  if (textWidth(label, size, font) <= width) return label;
  const chars = [...label];
  for (let keep = chars.length - 1; keep > 2; keep -= 1) {
    const tail = Math.ceil(keep / 2);
    const short = `${chars.slice(0, keep - tail).join('')}…${chars.slice(-tail).join('')}`;
    if (textWidth(short, size, font) <= width) return short;
  }
  return '…';
}

// The power of ten that the ticks of a linear axis leave out.
export function powerOf(axis, values) {
  const range = extent([...values, axis.min, axis.max]);
  return range ? sharedPower(Math.max(Math.abs(range[0]), Math.abs(range[1]))) : 0;
}

export function axisStyle(axis, ctx, power = 0) {
  const { theme } = ctx;
  return {
    name: axisTitle(axis, power),
    nameLocation: 'middle',
    nameTextStyle: { color: theme.ink, fontSize: FONT_SIZE, fontFamily: theme.font },
    axisLine: { show: true, onZero: false, lineStyle: { color: theme.axis, width: 1 } },
    axisTick: { show: true, length: 4, lineStyle: { color: theme.axis } },
    axisLabel: { color: theme.muted, fontSize: 11.5, fontFamily: theme.font, hideOverlap: true },
    splitLine: { show: true, lineStyle: { color: theme.rule, width: 1 } },
  };
}

// A numeric axis; `values` are what it has to show.
export function valueAxis(axis, values, ctx, { vertical = false, fromZero = false } = {}) {
  const power = axis.log ? 0 : powerOf(axis, values);
  const style = axisStyle(axis, ctx, power);
  const linearTick = (v) => formatTick(v / 10 ** power);
  const option = {
    ...style,
    type: axis.log ? 'log' : 'value',
    nameGap: vertical ? 46 : 28,
    axisLabel: { ...style.axisLabel, formatter: axis.log ? formatLogTick : linearTick },
    splitLine: { ...style.splitLine, show: vertical },
  };
  if (vertical) option.nameRotate = 90;
  if (axis.log) {
    const lineStyle = { color: ctx.theme.axis };
    return { ...option, ...logRange(axis, values),
      minorTick: { show: true, splitNumber: 9, length: 2.5, lineStyle } };
  }


  option.scale = !fromZero;
  option.splitNumber = vertical ? 5 : Math.max(2, Math.min(8, Math.floor(ctx.width / 80)));
  if (values.every((v) => v === null || Number.isInteger(v))) option.minInterval = 1;
  if (axis.min !== null) option.min = axis.min;
  if (axis.max !== null) option.max = axis.max;
  return option;
}

// The library pads an axis to round numbers; data along x should use the full width instead.
export function fitToData(option, axis, values) {
  const range = extent(values, onLog(axis));
  if (!range || range[0] === range[1]) return;
  if (axis.min === null || (axis.log && axis.min <= 0)) option.min = range[0];
  if (axis.max === null || (axis.log && axis.max <= 0)) option.max = range[1];
  // An end between two ticks would get a label close to its neighbour's.
  const step = axis.log ? 0 : niceStep(option.max - option.min, option.splitNumber);
  const onTick = (v) => Math.abs(v - Math.round(v)) < 1e-6;
  const labelled = (v) => onTick(axis.log ? Math.log10(v) : v / step);
  if (!labelled(option.min)) option.axisLabel.showMinLabel = false;
  if (!labelled(option.max)) option.axisLabel.showMaxLabel = false;
}

// The library's own choice of the distance between ticks.
function niceStep(span, parts) {
  const rough = span / parts;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const share = rough / decade;
  if (share < 1.5) return decade;
  if (share < 2.5) return 2 * decade;
  if (share < 4) return 3 * decade;
  return (share < 7 ? 5 : 10) * decade;
}

const namesOf = (model) => [...new Set(model.series.map((s) => s.name).filter(Boolean))];

// Legends wrap, so the room they need depends on the width and is measured, never guessed.
function legendRows(names, ctx) {
  const available = ctx.width - 16;
  let rows = names.length ? 1 : 0;
  let used = 0;
  for (const name of names) {
    const width = Math.min(textWidth(name, FONT_SIZE, ctx.theme.font), 220) + 48;
    if (used > 0 && used + width > available) {
      rows += 1;
      used = 0;
    }
    used += width;
  }
  return rows;
}

// Long legends make a chart taller, so that its curves keep their room.
export function heightWithLegend(model, ctx) {
  const rows = legendRows(namesOf(model), ctx);
  return HEIGHT + (rows <= MOST_LEGEND_ROWS ? LEGEND_ROW * Math.max(0, rows - 1) : 0);
}

export function legendAndGrid(model, ctx) {
  const shown = namesOf(model);
  const grid = { left: 66, right: 20, top: 14, bottom: 52, outerBoundsMode: 'none' };
  if (shown.length === 0) return { grid };
  const rows = legendRows(shown, ctx);
  const scroll = rows > MOST_LEGEND_ROWS;
  grid.top = scroll ? 42 : 16 + LEGEND_ROW * rows;
  const legend = {
    type: scroll ? 'scroll' : 'plain',
    data: shown,
    top: 2,
    left: 4,
    right: 4,
    itemWidth: 24,
    itemHeight: 10,
    itemGap: 14,
    inactiveColor: ctx.theme.axis,
    textStyle: { color: ctx.theme.ink, fontSize: FONT_SIZE, fontFamily: ctx.theme.font,
      width: 220, overflow: 'truncate' },
    pageTextStyle: { color: ctx.theme.muted },
    pageIconColor: ctx.theme.muted,
    pageIconInactiveColor: ctx.theme.rule,
  };
  return { grid, legend };
}

export function frame(ctx) {
  return {
    animation: false,
    backgroundColor: 'transparent',
    textStyle: { fontFamily: ctx.theme.font, color: ctx.theme.ink },
  };
}

export function tooltip(ctx, trigger, formatter) {
  return {
    trigger,
    confine: true,
    transitionDuration: 0,
    backgroundColor: ctx.theme.ground,
    borderColor: ctx.theme.axis,
    borderWidth: 1,
    padding: [7, 10],
    extraCssText: 'box-shadow: 0 2px 10px rgb(0 0 0 / 16%); border-radius: 6px;',
    axisPointer: { type: 'line', lineStyle: { color: ctx.theme.axis, type: 'solid', width: 1 } },
    formatter,
  };
}

// Built as elements: the chart library would parse a string as markup.
export function tip(ctx, head, rows) {
  const box = el('div', { class: 'tip' });
  box.style.color = ctx.theme.ink;
  if (head) box.append(el('div', { class: 'tip-head' }, head));
  for (const { name, value, color } of rows) {
    const row = el('div', { class: 'tip-row' });
    if (color) {
      const swatch = el('span', { class: 'tip-swatch' });
      swatch.style.background = color;
      row.append(swatch);
    }
    if (name) row.append(el('span', { class: 'tip-name' }, name));
    row.append(el('span', { class: 'tip-value' }, value));
    box.append(row);
  }
  return box;
}

export const seriesColor = (name, ctx) => colorOf(name, ctx.theme);
