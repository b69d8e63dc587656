// Every value as a dot, with the quartile box, the median and the mean of each series.

import { numbers, objects, text } from '../data.js';
import { formatNumber, withUnit } from '../format.js';
import { axisStyle, frame, onLog, readAxis, seriesColor, shorten, textWidth, tip, tooltip,
  valueAxis } from './base.js';

const MOST_DOTS = 1500;
const JITTER = 0.17; // half the width of the strip, in units of one category
const BOX = 0.26;

function quantile(sorted, share) {
  const position = (sorted.length - 1) * share;
  const low = Math.floor(position);
  const high = Math.ceil(position);
  return sorted[low] + (sorted[high] - sorted[low]) * (position - low);
}

function summary(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  if (n === 0) return null;
  const q1 = quantile(sorted, 0.25);
  const q3 = quantile(sorted, 0.75);
  const reach = 1.5 * (q3 - q1);
  return { n, q1, q3, median: quantile(sorted, 0.5),
    mean: sorted.reduce((sum, v) => sum + v, 0) / n,
    min: sorted[0], max: sorted[n - 1],
    low: sorted.find((v) => v >= q1 - reach),
    high: sorted.findLast ? sorted.findLast((v) => v <= q3 + reach)
      : [...sorted].reverse().find((v) => v <= q3 + reach) };
}

// The golden-ratio sequence spreads the dots evenly and is the same on every load.
const jitter = (i) => (((i * 0.6180339887498949 + 0.5) % 1) * 2 - 1) * JITTER;

export function prepare(raw) {
  const y = readAxis(raw.y);
  const show = onLog(y);
  const series = objects(raw.series).map((s) => {
    const values = numbers(s.values).filter((v) => v !== null);
    return { name: text(s.name), values, stats: summary(values) };
  });
  const thinned = series.some((s) => s.values.length > MOST_DOTS);
  const note = `Box: quartiles and median; whiskers: 1.5 interquartile ranges; diamond: mean.${
    thinned ? ` At most ${formatNumber(MOST_DOTS)} dots are drawn per series.` : ''}`;
  return { y, x: readAxis(raw.x), series, show, note,
    empty: !series.some((s) => s.values.some(show)) };
}

export function table(model) {
  const rows = [['series', model.y.label || 'value']];
  for (const s of model.series) for (const v of s.values) rows.push([s.name, v]);
  return rows;
}

function dots(series, show) {
  const stride = Math.max(1, series.values.length / MOST_DOTS);
  const chosen = [];
  for (let i = 0; i < series.values.length; i += stride) {
    const v = series.values[Math.floor(i)];
    if (show(v)) chosen.push(v);
  }
  return chosen;
}

function boxItem(params, api, stats, model, color, theme) {
  const { coordSys } = params;
  const bottom = coordSys.y + coordSys.height;
  const at = (v) => (model.show(v) ? api.coord([api.value(0), v])[1] : bottom);
  const middle = api.coord([api.value(0), 1])[0];
  const half = Math.min(70, api.size([1, 0])[0] * BOX);
  const line = { stroke: color, lineWidth: 1.5, fill: 'none' };
  const segment = (x1, y1, x2, y2, style = line) =>
    ({ type: 'line', shape: { x1, y1, x2, y2 }, style });
  const q1 = at(stats.q1);
  const q3 = at(stats.q3);
  const mean = at(stats.mean);
  return { type: 'group', children: [
    { type: 'rect', shape: { x: middle - half, y: q3, width: 2 * half, height: q1 - q3 },
      style: { fill: color, opacity: 0.16 } },
    { type: 'rect', shape: { x: middle - half, y: q3, width: 2 * half, height: q1 - q3 },
      style: line },
    segment(middle, q3, middle, at(stats.high)),
    segment(middle, q1, middle, at(stats.low)),
    segment(middle - half / 2, at(stats.high), middle + half / 2, at(stats.high)),
    segment(middle - half / 2, at(stats.low), middle + half / 2, at(stats.low)),
    segment(middle - half, at(stats.median), middle + half, at(stats.median),
      { stroke: color, lineWidth: 3 }),
    { type: 'polygon',
      shape: { points: [[middle - 6, mean], [middle, mean - 6], [middle + 6, mean],
        [middle, mean + 6]] },
      style: { fill: theme.ground, stroke: theme.ink, lineWidth: 1.5 } },
  ] };
}

export function option(model, ctx) {
  const n = model.series.length;
  const values = model.series.flatMap((s) => s.values).filter(model.show);
  const style = axisStyle(model.x, ctx);
  const slot = (ctx.width - 90) / Math.max(1, n);
  const labels = model.series.map((s) => `${s.name.replaceAll('\n', ' ')}\nn = ${
    formatNumber(s.values.length)}`);
  const widest = Math.max(0, ...labels.flatMap((l) => l.split('\n'))
    .map((l) => textWidth(l, 11.5, ctx.theme.font)));
  const slanted = widest > slot - 6 && n > 3;
  const named = model.x.label !== '';
  const size = [slanted ? Math.min(96, 58 + slot / 2) : slot - 8, 11.5, ctx.theme.font];
  const label = (i) => {
    const [name, number] = labels[i].split('\n');
    // Two slanted lines would run into their neighbours.
    return slanted ? shorten(name, ...size) : `${shorten(name, ...size)}\n${number}`;
  };

  const describe = (p) => {
    const s = model.series[Math.floor(p.seriesIndex / 2)];
    const color = seriesColor(s.name, ctx);
    const unit = model.y.unit;
    if (p.seriesIndex % 2 === 1) {
      return tip(ctx, s.name, [{ name: model.y.label, color, value: withUnit(p.value[1], unit) }]);
    }
    const { stats } = s;
    return tip(ctx, s.name, [
      ['mean', stats.mean], ['median', stats.median], ['lower quartile', stats.q1],
      ['upper quartile', stats.q3], ['smallest', stats.min], ['largest', stats.max],
    ].map(([name, v]) => ({ name, value: withUnit(v, unit) }))
      .concat({ name: 'values', value: formatNumber(stats.n) }));
  };

  return {
    ...frame(ctx),
    grid: { left: 66, right: 20, top: 14, outerBoundsMode: 'none',
      bottom: (slanted ? 74 : 44) + (named ? 20 : 0) },
    tooltip: tooltip(ctx, 'item', describe),
    xAxis: [
      { ...style, type: 'category', data: labels.map((_, i) => label(i)),
        nameGap: slanted ? 66 : 42, axisTick: { show: false }, splitLine: { show: false },
        axisLabel: { ...style.axisLabel, interval: 0, hideOverlap: false, lineHeight: 15,
          rotate: slanted ? 35 : 0, color: ctx.theme.ink } },
      // Dots need fractional positions, which a category axis does not have.
      { type: 'value', min: -0.5, max: n - 0.5, show: false },
    ],
    yAxis: valueAxis(model.y, values, ctx, { vertical: true }),
    series: model.series.flatMap((s, index) => {
      const color = seriesColor(s.name, ctx);
      const chosen = dots(s, model.show);
      return [
        { type: 'custom', name: s.name, xAxisIndex: 1, z: 3, color,
          data: s.stats && model.show(s.stats.max) ? [[index, s.stats.max]] : [],
          encode: { x: 0, y: 1 },
          renderItem: (params, api) => boxItem(params, api, s.stats, model, color, ctx.theme) },
        { type: 'scatter', name: s.name, xAxisIndex: 1, z: 2, color, symbol: 'circle',
          symbolSize: chosen.length > 400 ? 3.5 : 5,
          itemStyle: { color, opacity: chosen.length > 400 ? 0.45 : 0.6, borderWidth: 0 },
          emphasis: { disabled: true },
          // A dot on the edge of a range taken from the data stays whole.
          clip: model.y.min !== null || model.y.max !== null,
          data: chosen.map((v, i) => [index + jitter(i), v]) },
      ];
    }),
  };
}
