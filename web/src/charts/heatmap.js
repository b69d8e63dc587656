// A matrix of cells. Drawn as one image, because a hundred thousand single shapes would be slow.

import { extent, list, number, object, text } from '../data.js';
import { axisTitle, formatTick, withUnit } from '../format.js';
import { axisStyle, frame, powerOf, readAxis, textWidth, tip, tooltip } from './base.js';
import { viridis } from './viridis.js';

const LARGEST_SIDE = 4096;
const LEFT = 54;
const TOP = 14;
const BOTTOM = 52;
const BAR_WIDTH = 14;
const BAR_GAP = 12;

const side = (v) => Math.min(LARGEST_SIDE, Math.max(0, Math.floor(number(v) ?? 0)));

export function prepare(raw) {
  const rows = side(raw.rows);
  const cols = side(raw.cols);
  const flat = list(raw.data).flat();
  const data = Array.from({ length: rows * cols }, (_, i) => number(flat[i]));
  const value = readAxis(raw.value);
  let range = extent(data);
  const empty = range === null;
  if (empty) range = [0, 1];
  // A constant matrix still needs a scale of some length.
  const pad = range[0] === range[1] ? Math.abs(range[0]) * 0.05 || 0.5 : 0;
  return { x: readAxis(raw.x), y: readAxis(raw.y), value, rows, cols, data, empty,
    low: range[0] - pad, high: range[1] + pad, holes: data.some((v) => v === null),
    wide: cols >= 1.5 * rows, image: null };
}

export function table(model) {
  const rows = [[model.y.label || 'row', model.x.label || 'column', axisTitle(model.value)]];
  for (let r = 0; r < model.rows; r += 1) {
    for (let c = 0; c < model.cols; c += 1) rows.push([r, c, model.data[r * model.cols + c]]);
  }
  return rows;
}

function paint(width, height, colorAt) {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext('2d');
  const pixels = pen.createImageData(width, height);
  for (let i = 0; i < width * height; i += 1) {
    const color = colorAt(i);
    if (color) pixels.data.set([color[0], color[1], color[2], 255], 4 * i);
  }
  pen.putImageData(pixels, 0, 0);
  return canvas;
}

// Enlarged without smoothing, so that cells keep sharp edges in viewers that interpolate images.
function enlarge(canvas) {
  const factor = Math.max(1, Math.min(16, Math.floor(1600 / Math.max(canvas.width,
    canvas.height))));
  const large = document.createElement('canvas');
  large.width = canvas.width * factor;
  large.height = canvas.height * factor;
  const pen = large.getContext('2d');
  pen.imageSmoothingEnabled = false;
  pen.drawImage(canvas, 0, 0, large.width, large.height);
  return large.toDataURL('image/png');
}

function images(model) {
  const { low, high, data, rows, cols } = model;
  const shades = Array.from({ length: 256 }, (_, i) => viridis(i / 255));
  const cell = (i) => {
    const v = data[i];
    return v === null ? null : shades[Math.round((255 * (v - low)) / (high - low))];
  };
  model.image ??= {
    cells: enlarge(paint(cols, rows, cell)),
    scale: paint(1, 256, (i) => shades[255 - i]).toDataURL('image/png'),
  };
  return model.image;
}

// Steps of powers of two: arrays are built that way.
function cellTicks(count, pixels, spacing) {
  let step = 1;
  while (count / step > Math.max(2, pixels / spacing)) step *= 2;
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);
}

// The element is scaled rather than stretched: an SVG image keeps its own proportions.
function imageItem(image, x, y, width, height, cols, rows) {
  return { type: 'image', x, y, scaleX: width / cols, scaleY: height / rows,
    style: { image, x: 0, y: 0, width: cols, height: rows } };
}

const right = (model, ctx) => {
  const labels = Math.max(...[model.low, model.high, (model.low + model.high) / 2]
    .map((v) => v / 10 ** powerOf(model.value, [model.low, model.high]))
    .map((v) => textWidth(formatTick(Number(v.toPrecision(3))), 11.5, ctx.theme.font)));
  return BAR_GAP + BAR_WIDTH + labels + 36;
};

// Square cells where they fit, otherwise a picture of sensible height.
export function height(model, ctx) {
  const width = ctx.width - LEFT - right(model, ctx);
  const square = (width / Math.max(1, model.cols)) * model.rows;
  return Math.round(Math.min(460, Math.max(190, square)) + TOP + BOTTOM);
}

export function option(model, ctx) {
  const { rows, cols, low, high } = model;
  const { cells, scale } = images(model);
  const marginRight = right(model, ctx);
  const plotWidth = ctx.width - LEFT - marginRight;
  const plotHeight = ctx.height - TOP - BOTTOM;
  const cellAxis = (axis, count, pixels, spacing) => {
    const style = axisStyle(axis, ctx);
    const ticks = cellTicks(count, pixels, spacing);
    return { ...style, type: 'value', min: -0.5, max: count - 0.5, splitLine: { show: false },
      axisTick: { ...style.axisTick, customValues: ticks },
      axisLabel: { ...style.axisLabel, customValues: ticks, formatter: formatTick } };
  };
  const hit = (grid, p) => ({ p, inside: p && p.x >= grid.left && p.y >= grid.top
    && p.x < grid.left + plotWidth && p.y < grid.top + plotHeight });
  const main = { left: LEFT, right: marginRight, top: TOP, bottom: BOTTOM };
  const power = powerOf(model.value, [low, high]);
  const barAxis = axisStyle(model.value, ctx, power);

  const describe = (params) => {
    const { p, inside } = hit(main, ctx.pointer());
    if (params.seriesIndex !== 0 || !inside) return null;
    const column = Math.min(cols - 1, Math.floor(((p.x - main.left) / plotWidth) * cols));
    const row = Math.min(rows - 1, Math.floor(((p.y - main.top) / plotHeight) * rows));
    const v = model.data[row * cols + column];
    return tip(ctx, `${model.y.label || 'row'} ${row}, ${model.x.label || 'column'} ${column}`, [
      { name: model.value.label, value: v === null ? 'no cell' : withUnit(v, model.value.unit) },
    ]);
  };

  return {
    ...frame(ctx),
    tooltip: tooltip(ctx, 'item', describe),
    grid: [
      { ...main, outerBoundsMode: 'none', show: true, borderWidth: 0,
        backgroundColor: model.holes ? ctx.theme.empty : 'transparent' },
      { left: ctx.width - marginRight + BAR_GAP, width: BAR_WIDTH, top: TOP, bottom: BOTTOM,
        outerBoundsMode: 'none' },
    ],
    xAxis: [
      { ...cellAxis(model.x, cols, plotWidth,
        Math.min(56, Math.max(34, plotWidth / 14))), nameGap: 28 },
      { gridIndex: 1, type: 'value', min: 0, max: 1, show: false },
    ],
    yAxis: [
      { ...cellAxis(model.y, rows, plotHeight, 30), inverse: true, nameGap: 36, nameRotate: 90 },
      { ...barAxis, gridIndex: 1, type: 'value', min: low, max: high, position: 'right',
        nameGap: marginRight - BAR_WIDTH - BAR_GAP - 16, nameRotate: 90,
        splitLine: { show: false }, splitNumber: 4,
        // The ends of the scale are rarely round numbers; the ticks between them are.
        axisLabel: { ...barAxis.axisLabel, showMinLabel: false, showMaxLabel: false,
          formatter: (v) => formatTick(v / 10 ** power) } },
    ],
    series: [
      { type: 'custom', clip: true, data: [[0, 0]], encode: { x: 0, y: 1 },
        renderItem: (params) => imageItem(cells, params.coordSys.x, params.coordSys.y,
          params.coordSys.width, params.coordSys.height, cols, rows) },
      { type: 'custom', xAxisIndex: 1, yAxisIndex: 1, silent: true, data: [[0.5, low]],
        encode: { x: 0, y: 1 },
        renderItem: (params) => imageItem(scale, params.coordSys.x, params.coordSys.y,
          params.coordSys.width, params.coordSys.height, 1, 256) },
    ],
  };
}
