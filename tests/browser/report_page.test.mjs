// Checks the report page in headless chromium:
//   node tests/browser/report_page.test.mjs [report.html ...]
// Fills the built template with sample and hostile data and looks at the document that results.
// Finished reports named on the command line are checked as well.

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const TEMPLATE = here('../../web/dist/report_template.html');
const SAMPLE = here('sample_report.json');
const TOKEN = '__CROSSLOOM_REPORT_DATA__';
const MARKER = `<script type="application/json" id="report-data">${TOKEN}</script>`;
const BROWSERS = [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome'];

function stop(message) {
  console.error(`report page: ${message}`);
  process.exit(2);
}

if (!existsSync(TEMPLATE)) {
  stop('web/dist/report_template.html is missing; build it: cd web && npm ci && npm run build');
}
const browser = BROWSERS.find((b) => b && spawnSync(b, ['--version']).status === 0);
if (!browser) {
  stop('no chromium found; install it (Debian: apt-get install chromium) or set CHROMIUM');
}

const template = readFileSync(TEMPLATE, 'utf8');
const work = mkdtempSync(join(tmpdir(), 'report-page-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true, maxRetries: 3 }));

let passed = 0;
let failed = 0;
async function check(name, action) {
  try {
    await action();
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (problem) {
    failed += 1;
    console.log(`FAILED  ${name}: ${problem.message}`);
  }
}

const escaped = (json) => json.replaceAll('<', '\\u003c');
const fill = (json, page = template) => page.replace(TOKEN, () => json);

let pages = 0;
function write(html) {
  pages += 1;
  const path = join(work, `page-${pages}.html`);
  writeFileSync(path, html);
  return path;
}

// The document after its scripts have run.
function dump(path) {
  const profile = mkdtempSync(join(work, 'profile-'));
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    `--user-data-dir=${profile}`, '--window-size=1280,1600', '--virtual-time-budget=5000',
    '--dump-dom', pathToFileURL(path).href];
  return new Promise((done, fail) => {
    execFile(browser, flags, { maxBuffer: 2 ** 28, timeout: 90000 }, (error, stdout) => {
      if (error) fail(new Error(`chromium: ${error.message.split('\n')[0]}`));
      else done(stdout);
    });
  });
}

// Everything but the content of script and style elements, where markup is only text.
const markup = (dom) => dom.replace(/(<(script|style)\b[^>]*>)[\s\S]*?<\/\2>/g, '$1</$2>');
const body = (dom) => markup(dom).replace(/^[\s\S]*?<body/, '<body');
const bodyTag = (dom) => markup(dom).match(/<body[^>]*>/)?.[0] ?? '';
const count = (dom, pattern) => (markup(dom).match(pattern) ?? []).length;
const rendered = (dom) => count(dom, /<figure[^>]*data-rendered="true"/g);

function noErrors(dom) {
  assert.match(bodyTag(dom), /data-ready="true"/, 'the script did not reach its end');
  assert.doesNotMatch(bodyTag(dom), /data-error/, 'the page reports an error');
}

function noNetwork(html) {
  const shell = markup(html);
  const loads = new RegExp('<[a-z][^>]*\\s(?:src|srcset|href|xlink:href|action|poster|data)'
    + '\\s*=\\s*["\']?\\s*(?:https?:|ftp:|//)[^"\'>]*', 'i');
  assert.equal(shell.match(loads)?.[0], undefined);
  for (const [, style] of html.matchAll(/<style\b[^>]*>([\s\S]*?)<\/style>/g)) {
    assert.doesNotMatch(style, /@import|url\(\s*["']?(?!data:)/, 'a style loads a file');
  }
  assert.match(shell, /Content-Security-Policy" content="default-src 'none';/);
}

// ---- the template itself ------------------------------------------------------------------------

await check('the template has the data marker exactly once', () => {
  assert.equal(template.split(MARKER).length, 2);
  assert.equal(template.split(TOKEN).length, 2);
});
await check('the template refers to nothing outside', () => noNetwork(template));
await check('the template is below 1 MiB', () =>
  assert.ok(Buffer.byteLength(template) < 2 ** 20, `${Buffer.byteLength(template)} bytes`));

// ---- the sample ---------------------------------------------------------------------------------

const sampleText = readFileSync(SAMPLE, 'utf8');
const sample = JSON.parse(sampleText);
const charts = sample.sections.flatMap((s) => s.charts);
const samplePage = await dump(write(fill(escaped(sampleText)))).catch(() => '');

await check('sample: runs without an error', () => noErrors(samplePage));
await check(`sample: all ${charts.length} charts are drawn`, () => {
  assert.equal(rendered(samplePage), charts.length);
  const drawings = [...samplePage.matchAll(/<svg[\s\S]*?<\/svg>/g)].map((m) => m[0]);
  assert.equal(drawings.length, charts.length);
  for (const svg of drawings) assert.match(svg, /<(path|image)[\s\S]*<text/);
});
await check('sample: no drawing holds an invalid number', () =>
  assert.doesNotMatch(body(samplePage), /\b(?:NaN|undefined|Infinity)\b/));
await check('sample: refers to nothing outside', () => noNetwork(samplePage));
await check('sample: warning, cards, tables, parameters and provenance are there', () => {
  const shown = body(samplePage);
  assert.ok(shown.includes(sample.warnings[0]));
  assert.equal(count(samplePage, /class="card"/g), sample.headline.length);
  const tables = sample.sections.flatMap((s) => s.tables);
  assert.equal(count(samplePage, /<table/g), tables.length + 1);
  for (const p of sample.parameters) assert.ok(shown.includes(`<code>${p.name}</code>`), p.name);
  assert.equal(count(samplePage, /<tr class="changed"/g),
    sample.parameters.filter((p) => p.changed).length);
  for (const [name] of sample.provenance) assert.ok(shown.includes(`<dt>${name}</dt>`), name);
  for (const s of sample.sections) assert.ok(shown.includes(`>${s.title}</a>`), s.title);
});
await check('sample: one series name has one colour on the whole page', () => {
  const blue = (svg) => /#0072b2/i.test(svg);
  const drawings = [...samplePage.matchAll(/<svg[\s\S]*?<\/svg>/g)].map((m) => m[0]);
  charts.forEach((chart, i) => {
    const named = (chart.series ?? []).some((s) => s.name === charts[0].series[0].name);
    assert.equal(blue(drawings[i]), named, chart.title);
  });
});

// ---- downloads ----------------------------------------------------------------------------------

await check('sample: every chart gives an SVG, a PNG and a CSV file', async () => {
  // The page forbids foreign scripts, so the probe runs in a copy without that rule.
  const probe = `<script>
    const files = [];
    const original = URL.createObjectURL;
    URL.createObjectURL = (blob) => {
      blob.text().then((text) => {
        const valid = blob.type !== 'image/svg+xml' || !new DOMParser()
          .parseFromString(text, blob.type).querySelector('parsererror');
        files.push({ type: blob.type, size: blob.size, head: text.slice(0, 400), valid });
        document.body.dataset.files = JSON.stringify(files);
      });
      return original(blob);
    };
    HTMLAnchorElement.prototype.click = () => {};
    // A canvas is encoded in idle time, which may come after the page's virtual time is over.
    HTMLCanvasElement.prototype.toBlob = function (done, type) {
      const bytes = atob(this.toDataURL(type).split(',')[1]);
      done(new Blob([Uint8Array.from(bytes, (c) => c.charCodeAt(0))], { type }));
    };
    for (const button of document.querySelectorAll('.tools button')) button.click();
  </script>`;
  const open = fill(escaped(sampleText)).replace(/<meta http-equiv="Content-Sec[^>]*>/, '');
  const end = open.lastIndexOf('</body>');
  const dom = await dump(write(open.slice(0, end) + probe + open.slice(end)));
  noErrors(dom);
  const raw = bodyTag(dom).match(/data-files="([^"]*)"/)?.[1] ?? '[]';
  const files = JSON.parse(raw.replaceAll('&quot;', '"').replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>').replaceAll('&amp;', '&'));
  for (const type of ['image/svg+xml', 'image/png', 'text/csv;charset=utf-8']) {
    const own = files.filter((f) => f.type === type);
    assert.equal(own.length, charts.length, type);
    for (const f of own) assert.ok(f.size > 60, `${type} of ${f.size} bytes`);
  }
  for (const f of files.filter((x) => x.type === 'image/svg+xml')) {
    assert.ok(f.valid, 'an SVG file is not well-formed');
    assert.match(f.head, /^<svg[^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  }
  assert.ok(files.some((f) => f.head.includes('series,epoch,accuracy,low,high')), 'CSV header');
});

// ---- hostile and broken data --------------------------------------------------------------------

const EVIL = '</script><script>document.body.dataset.pwned=1</script>'
  + '<img src=x onerror="document.body.dataset.pwned=1"> & \u2028 $& "\'';
const EVIL_SHOWN = '&lt;/script&gt;&lt;script&gt;document.body.dataset.pwned=1&lt;/script&gt;';
const evilAxis = { label: EVIL, unit: EVIL, scale: EVIL, min: EVIL, max: {} };
const evilSeries = { name: EVIL, x: [1, 2], y: [3, 4], low: [1, 2], high: [4, 5], edges: [0, 1, 2],
  counts: [3, 4], values: [1, 2, 3, 4] };
const evil = {
  title: EVIL, subtitle: EVIL, warnings: [EVIL],
  headline: [{ label: EVIL, value: EVIL, note: EVIL }],
  sections: [{ title: EVIL, text: EVIL,
    charts: ['line', 'bar', 'histogram', 'heatmap', 'distribution'].map((kind) => ({ kind,
      title: EVIL, note: EVIL, x: evilAxis, y: evilAxis, value: evilAxis, categories: [EVIL, EVIL],
      rows: 2, cols: 2, data: [1, 2, null, 4], series: [evilSeries] })).concat({ kind: EVIL }),
    tables: [{ title: EVIL, columns: [{ label: EVIL, align: EVIL }], rows: [[EVIL]],
      note: EVIL }] }],
  parameters: [{ section: EVIL, name: EVIL, value: EVIL, default: EVIL, unit: EVIL, bounds: EVIL,
    doc: EVIL, changed: true }],
  provenance: [[EVIL, EVIL]],
};

await check('hostile strings are shown as text and run nothing', async () => {
  const dom = await dump(write(fill(escaped(JSON.stringify(evil)))));
  noErrors(dom);
  assert.doesNotMatch(bodyTag(dom), /data-pwned/);
  assert.equal(rendered(dom), 5);
  assert.ok(body(dom).split(EVIL_SHOWN).length > 20, 'the text is not shown');
  assert.equal(count(dom, /<img\b/g), 0);
  assert.equal(count(dom, /<script\b/g), count(template, /<script\b/g));
  noNetwork(dom);
});

await check('a script that escapes from unescaped data still does not run', async () => {
  const dom = await dump(write(fill(JSON.stringify(evil))));
  assert.doesNotMatch(bodyTag(dom), /data-pwned/);
});

await check('nulls and wrong types everywhere are tolerated', async () => {
  const axis = { label: null, unit: null, scale: 'log', min: null, max: 'x' };
  const gaps = [null, 1, null, 3, 0, -2, 'x', {}, 7];
  const kinds = ['line', 'bar', 'histogram', 'heatmap', 'distribution'];
  const bad = {
    title: null, subtitle: 7, warnings: [null, 3, {}],
    headline: [null, { label: 1, value: 2.5 }, 5],
    sections: [null, {}, { charts: null, tables: null },
      { title: 'gaps', charts: kinds.flatMap((kind) => [undefined, 'log'].map((scale) => ({ kind,
        x: { ...axis, scale }, y: { ...axis, scale }, rows: 3, cols: 3, data: gaps,
        categories: ['a', null, 3],
        series: [null, 5, { name: null, x: [0, 1, 2, 3, 4, 5, 6, 7, 8], y: gaps, low: gaps,
          high: gaps, edges: [-1, 0, 1, 2, 3, 4, null, 6, 7, 8], counts: gaps, values: gaps }] }))) },
      { title: 'one value', charts: kinds.map((kind) => ({ kind, rows: 1, cols: 1, data: [0],
        series: [{ name: 'one', x: [0], y: [0], edges: [0, 1], counts: [2], values: [0] }] })) },
      { title: 'nothing', charts: [null, 3, {}, ...kinds.flatMap((kind) => [{ kind },
        { kind, series: [], rows: -3, cols: 1e99, data: 'x' },
        { kind, series: [{ x: [], y: [null], edges: [], counts: [], values: [null] }] }])],
        tables: [null, {}, { columns: [null, 'plain'], rows: [null, [null, 3, {}]] }] }],
    parameters: [null, {}, { name: 5 }], provenance: [null, [], ['only a name'], [1, 2, 3]],
  };
  const dom = await dump(write(fill(escaped(JSON.stringify(bad)))));
  noErrors(dom);
  assert.equal(rendered(dom), 15);
  assert.equal(count(dom, /<figure[^>]*data-rendered="empty"/g), 15);
  assert.doesNotMatch(body(dom), /\b(?:NaN|undefined|Infinity)\b/);
});

await check('the largest heat map and long curves are drawn', async () => {
  const rows = 256;
  const cols = 512;
  const n = 20000;
  const x = Array.from({ length: n }, (_, i) => i);
  const dom = await dump(write(fill(JSON.stringify({ title: 'large', sections: [{ charts: [
    { kind: 'heatmap', rows, cols, data: Array.from({ length: rows * cols }, (_, i) => i % 97) },
    { kind: 'line', series: [{ name: 'a', x, y: x.map((v) => Math.sin(v / 900)) }] },
    { kind: 'distribution', series: [{ name: 'a', values: x }] },
  ] }] }))));
  noErrors(dom);
  assert.equal(rendered(dom), 3);
});

const broken = [
  ['the unfilled template', TOKEN, 'no run has been written into it yet'],
  ['broken JSON', '{"title": "x", "sections": [', 'cannot be read'],
  ['NaN in JSON', '{"title": NaN}', 'cannot be read'],
  ['an empty object', '{}', 'are empty'],
  ['nothing at all', '', 'carries no report data'],
  ['a list', '[1, 2]', 'are not a report'],
  ['null', 'null', 'are not a report'],
];
for (const [name, json, message] of broken) {
  await check(`${name} gives a clear message`, async () => {
    const dom = await dump(write(fill(json)));
    noErrors(dom);
    assert.match(body(dom), new RegExp(`role="alert"[\\s\\S]*${message}`));
  });
}

await check('a report with a title only is a page', async () => {
  const dom = await dump(write(fill('{"title": "only a title"}')));
  noErrors(dom);
  assert.match(body(dom), /<h1>only a title<\/h1>[\s\S]*This report has no sections/);
});

// ---- reports written by the program -------------------------------------------------------------

for (const path of process.argv.slice(2)) {
  await check(`${path}: is a complete report`, async () => {
    const html = readFileSync(resolve(path), 'utf8');
    assert.ok(!html.includes(TOKEN), 'the data token is still there');
    const json = html.match(/<script[^>]* id="report-data">([\s\S]*?)<\/script>/);
    assert.ok(json, 'no report data');
    const report = JSON.parse(json[1]);
    const expected = (report.sections ?? []).flatMap((s) => s.charts ?? []).length;
    const dom = await dump(resolve(path));
    noErrors(dom);
    noNetwork(dom);
    assert.equal(count(dom, /<figure[^>]*data-rendered="empty"/g), 0, 'a chart has no data');
    assert.equal(rendered(dom), expected);
    assert.doesNotMatch(body(dom), /role="alert"/);
    assert.doesNotMatch(body(dom), /<path[^>]*\bNaN\b/, 'a drawing holds an invalid number');
  });
}

console.log(`report page: ${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
