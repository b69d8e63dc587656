// Histograms with bars of their true widths; several of them lie over each other, translucent.

import { numbers, objects, text } from '../data.js';
import { formatNumber, prettyUnit } from '../format.js';
import { fitToData, frame, heightWithLegend, legendAndGrid, onLog, readAxis, seriesColor, tip,
  tooltip, valueAxis } from './base.js';

export const height = heightWithLegend;

export function prepare(raw) {
  const x = readAxis(raw.x);
  const y = readAxis(raw.y);
  const series = objects(raw.series).map((s) => {
    const edges = numbers(s.edges);
    const bins = numbers(s.counts).map((count, i) => ({
      from: edges[i] ?? null, to: edges[i + 1] ?? null, count,
    })).filter((b) => b.from !== null && b.to !== null && b.to > b.from);
    return { name: text(s.name), bins };
  });
  const positive = onLog(x);
  const visible = (b) => b.count !== null && b.count > 0 && positive(b.to);
  return { x, y, series, visible, empty: !series.some((s) => s.bins.some(visible)) };
}

export function table(model) {
  const rows = [['series', 'from', 'to', 'count']];
  for (const s of model.series) {
    for (const b of s.bins) rows.push([s.name, b.from, b.to, b.count]);
  }
  return rows;
}

export function option(model, ctx) {
  const bins = model.series.flatMap((s) => s.bins);
  const shown = bins.filter(model.visible);
  const positive = onLog(model.x);
  const edges = bins.flatMap((b) => [b.from, b.to]).filter(positive);
  // A bin that starts at or below zero gets one axis width of its own on a logarithmic axis.
  const lowest = edges.length ? Math.min(...edges) : 1;
  const start = (b) => (positive(b.from) ? b.from : lowest / 2);

  const yAxis = valueAxis(model.y, shown.map((b) => b.count), ctx,
    { vertical: true, fromZero: true });
  if (model.y.log && model.y.min === null) {
    // A bin with the smallest count must still stand above the axis.
    yAxis.min = Math.min(...shown.map((b) => b.count)) / 2;
    yAxis.axisLabel.showMinLabel = false;
  }
  const xAxis = valueAxis(model.x, edges, ctx);
  fitToData(xAxis, model.x, bins.filter((b) => positive(b.to)).flatMap((b) => [start(b), b.to]));
  delete xAxis.minInterval;

  const unit = model.x.unit ? `\u202f${prettyUnit(model.x.unit)}` : '';
  const { grid, legend } = legendAndGrid(model, ctx);
  return {
    ...frame(ctx),
    grid,
    legend: legend && { ...legend, itemWidth: 12 },
    tooltip: tooltip(ctx, 'item', (p) => {
      const s = model.series[p.seriesIndex];
      const b = s.bins.filter(model.visible)[p.dataIndex];
      const range = `${formatNumber(b.from)} to ${formatNumber(b.to)}${unit}`;
      return tip(ctx, `${model.x.label} ${range}`.trim(), [
        { name: s.name || model.y.label, color: seriesColor(s.name, ctx),
          value: formatNumber(b.count) },
      ]);
    }),
    xAxis,
    yAxis,
    series: model.series.map((s) => {
      const color = seriesColor(s.name, ctx);
      const drawn = s.bins.filter(model.visible);
      return {
        type: 'custom',
        name: s.name,
        color,
        clip: true,
        itemStyle: { color },
        encode: { x: [0, 1], y: 2 },
        data: drawn.map((b) => [start(b), b.to, b.count]),
        renderItem(params, api) {
          const [left, top] = api.coord([api.value(0), api.value(2)]);
          const right = api.coord([api.value(1), api.value(2)])[0];
          const { coordSys } = params;
          const bottom = coordSys.y + coordSys.height;
          // A hairline of ground between neighbours keeps single bins countable when wide enough.
          const gap = right - left > 4 ? 0.5 : 0;
          const x = Math.max(coordSys.x, left + gap);
          return {
            type: 'rect',
            shape: { x, y: Math.max(coordSys.y, top),
              width: Math.max(0.5, Math.min(coordSys.x + coordSys.width, right - gap) - x),
              height: Math.max(0, bottom - Math.max(coordSys.y, top)) },
            style: { fill: color, opacity: model.series.length > 1 ? 0.55 : 0.85 },
          };
        },
      };
    }),
  };
}
