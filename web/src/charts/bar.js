// Grouped bars over named categories.

import { list, numbers, objects, text } from '../data.js';
import { formatNumber, withUnit } from '../format.js';
import { axisStyle, frame, heightWithLegend, legendAndGrid, onLog, readAxis, seriesColor, shorten,
  textWidth, tip, tooltip, valueAxis } from './base.js';

export const height = heightWithLegend;

const FEW_BARS = 12; // up to here the value is written above each bar
const LONGEST_LABEL = 96;

export function prepare(raw) {
  const y = readAxis(raw.y);
  const show = onLog(y);
  const series = objects(raw.series).map((s) => ({ name: text(s.name), y: numbers(s.y) }));
  const longest = Math.max(0, ...series.map((s) => s.y.length));
  const categories = list(raw.categories).map(text);
  while (categories.length < longest) categories.push(String(categories.length + 1));
  return { x: readAxis(raw.x), y, series, categories, show,
    empty: !series.some((s) => s.y.some((v) => v !== null && show(v))) };
}

export function table(model) {
  const rows = [[model.x.label || 'category', ...model.series.map((s) => s.name || 'value')]];
  model.categories.forEach((name, i) => {
    rows.push([name, ...model.series.map((s) => s.y[i] ?? null)]);
  });
  return rows;
}

export function option(model, ctx) {
  const values = model.series.flatMap((s) => s.y).filter((v) => v !== null && model.show(v));
  const yAxis = valueAxis(model.y, values, ctx, { vertical: true, fromZero: true });
  // Halved so that the smallest bar keeps some height above the axis.
  const base = model.y.log ? Math.min(yAxis.min, Math.min(...values) / 2) : 0;
  if (model.y.log && model.y.min === null) yAxis.min = 10 ** Math.floor(Math.log10(base) + 1e-9);
  if (model.y.log) yAxis.startValue = yAxis.min;

  const { grid, legend } = legendAndGrid(model, ctx);
  const slot = (ctx.width - grid.left - grid.right) / Math.max(1, model.categories.length);
  const widest = Math.max(0, ...model.categories.map((c) => textWidth(c, 11.5, ctx.theme.font)));
  const slanted = widest > slot - 6;
  const style = axisStyle(model.x, ctx);
  // A slanted label reaches to the left of its bar and must not leave the picture there.
  const longest = Math.min(LONGEST_LABEL, (grid.left + slot / 2 - 10) / 0.8);
  const drop = slanted ? Math.min(widest, longest) * 0.6 + 4 : 0;
  grid.bottom += drop;

  const bars = model.series.length * model.categories.length;
  const wide = slot / Math.max(1, model.series.length) > 44;
  return {
    ...frame(ctx),
    grid,
    legend: legend && { ...legend, itemWidth: 12 },
    tooltip: tooltip(ctx, 'axis', (params) => tip(ctx, model.categories[params[0]?.dataIndex],
      params.map((p) => {
        const s = model.series[p.seriesIndex];
        return { name: s.name, color: seriesColor(s.name, ctx),
          value: withUnit(s.y[p.dataIndex] ?? null, model.y.unit) };
      }))),
    xAxis: {
      ...style,
      type: 'category',
      data: model.categories,
      nameGap: 28 + drop,
      axisTick: { show: false },
      splitLine: { show: false },
      axisLabel: { ...style.axisLabel, rotate: slanted ? 38 : 0,
        formatter: (name) => (slanted ? shorten(name, longest, 11.5, ctx.theme.font) : name),
        interval: slot < 14 ? 'auto' : 0, hideOverlap: slot < 14 },
    },
    yAxis,
    series: model.series.map((s) => {
      const color = seriesColor(s.name, ctx);
      return {
        type: 'bar',
        name: s.name,
        color,
        barMaxWidth: 56,
        barGap: '12%',
        itemStyle: { color },
        emphasis: { disabled: true },
        data: model.categories.map((_, i) => {
          const v = s.y[i] ?? null;
          return v !== null && model.show(v) ? v : '-';
        }),
        label: { show: bars <= FEW_BARS && wide, position: 'top', fontSize: 11,
          color: ctx.theme.muted, formatter: (p) => formatNumber(p.value) },
      };
    }),
  };
}
