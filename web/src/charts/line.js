// Lines over a numeric axis, each with an optional shaded band from `low` to `high`; a series with
// `marks` has its points alone.

import { numbers, objects, text } from '../data.js';
import { formatNumber, prettyUnit, withUnit } from '../format.js';
import { symbolOf } from '../theme.js';
import { fitToData, frame, heightWithLegend, legendAndGrid, onLog, readAxis, seriesColor, tip,
  tooltip, valueAxis } from './base.js';

export const height = heightWithLegend;

const MARK_SPACING = 11; // pixels per point from which every point gets a mark

export function prepare(raw) {
  const x = readAxis(raw.x);
  const y = readAxis(raw.y);
  const showX = onLog(x);
  const showY = onLog(y);
  const series = objects(raw.series).map((s) => {
    const xs = numbers(s.x);
    const ys = numbers(s.y);
    const low = numbers(s.low);
    const high = numbers(s.high);
    const points = ys.map((value, i) => ({
      x: xs.length ? xs[i] ?? null : i,
      y: value,
      low: low[i] ?? null,
      high: high[i] ?? null,
    })).filter((p) => p.x !== null && showX(p.x));
    return { name: text(s.name), dash: s.dash === true, marks: s.marks === true, points };
  });
  const hasY = (p) => p.y !== null && showY(p.y);
  return { x, y, series, showY, empty: !series.some((s) => s.points.some(hasY)) };
}

export function table(model) {
  const rows = [['series', model.x.label || 'x', model.y.label || 'y', 'low', 'high']];
  for (const s of model.series) {
    for (const p of s.points) rows.push([s.name, p.x, p.y, p.low, p.high]);
  }
  return rows;
}

// Consecutive points that have both bounds; a gap in the data is a gap in the band.
function bandRuns(points) {
  const runs = [];
  let run = null;
  for (const p of points) {
    if (p.low === null || p.high === null) {
      run = null;
    } else {
      if (!run) runs.push((run = []));
      run.push(p);
    }
  }
  return runs.filter((r) => r.length > 1);
}

function band(series, model, color) {
  const runs = bandRuns(series.points);
  if (runs.length === 0) return [];
  return [{
    type: 'custom',
    name: series.name,
    color,
    silent: true,
    clip: true,
    z: 1,
    encode: { x: 0, y: [1, 2] },
    data: runs.map((run) => [run[0].x, run[0].low, run[0].high]),
    renderItem(params, api) {
      const run = runs[params.dataIndex];
      const bottom = params.coordSys.y + params.coordSys.height;
      // A bound at or below zero has no place on a logarithmic axis: it runs off the bottom.
      const at = (p, v) => [api.coord([p.x, model.showY(v) ? v : p.y])[0],
        model.showY(v) ? api.coord([p.x, v])[1] : bottom];
      const upper = run.map((p) => at(p, p.high));
      const lower = run.map((p) => at(p, p.low)).reverse();
      return { type: 'polygon', shape: { points: [...upper, ...lower] },
        style: { fill: color, opacity: 0.18 } };
    },
  }];
}

export function option(model, ctx) {
  const all = model.series.flatMap((s) => s.points);
  const ys = all.flatMap((p) => [p.y, p.low, p.high]).filter((v) => v !== null && model.showY(v));
  const series = model.series.flatMap((s) => {
    const color = seriesColor(s.name, ctx);
    const few = s.marks || s.points.length * MARK_SPACING < ctx.width;
    // The band comes after its line: the legend shows the first series of a name.
    return [{
      type: 'line',
      name: s.name,
      color,
      z: 3,
      data: s.points.map((p) => [p.x, p.y !== null && model.showY(p.y) ? p.y : NaN]),
      symbol: symbolOf(s.name),
      symbolSize: few ? 6 : 5,
      showSymbol: few,
      sampling: s.points.length > 4000 ? 'minmax' : undefined,
      lineStyle: { color, width: s.marks ? 0 : 2, type: s.dash ? [6, 4] : 'solid' },
      itemStyle: { color, borderWidth: 0 },
      emphasis: { disabled: true },
    }, ...band(s, model, color)];
  });
  // The library knows a point by its place in the line series, not in the model.
  const lines = series.map((s, i) => ({ s, i })).filter(({ s }) => s.type === 'line');
  const ownerOf = new Map(lines.map(({ i }, k) => [i, model.series[k]]));

  const describe = (params) => {
    const hits = params.filter((p) => ownerOf.has(p.seriesIndex));
    const x = hits.length ? hits[0].axisValue : null;
    return tip(ctx, `${model.x.label || 'x'} ${withUnit(x, model.x.unit)}`, hits.map((hit) => {
      const owner = ownerOf.get(hit.seriesIndex);
      const point = owner.points[hit.dataIndex] ?? {};
      const range = point.low !== null && point.high !== null && point.low !== undefined
        ? ` (${formatNumber(point.low)} to ${formatNumber(point.high)})` : '';
      const unit = model.y.unit ? `\u202f${prettyUnit(model.y.unit)}` : '';
      return { name: owner.name, color: seriesColor(owner.name, ctx),
        value: `${formatNumber(point.y)}${unit}${range}` };
    }));
  };

  const xAxis = valueAxis(model.x, all.map((p) => p.x), ctx);
  fitToData(xAxis, model.x, all.map((p) => p.x));
  return {
    ...frame(ctx),
    ...legendAndGrid(model, ctx),
    tooltip: tooltip(ctx, 'axis', describe),
    xAxis,
    yAxis: valueAxis(model.y, ys, ctx, { vertical: true }),
    series,
  };
}
