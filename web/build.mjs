// Bundles src/ and inlines it into src/template.html: one file that needs no network and no server.

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const MARKER =
  '<script type="application/json" id="report-data">__CROSSLOOM_REPORT_DATA__</script>';
const NOTICES = ['echarts/NOTICE', 'echarts/LICENSE', 'zrender/LICENSE', 'tslib/LICENSE.txt'];
const TARGET = ['chrome100', 'firefox100', 'safari15'];

async function bundle(entry, options = {}) {
  const result = await build({
    entryPoints: [here(entry)],
    bundle: true,
    minify: true,
    write: false,
    charset: 'utf8',
    target: TARGET,
    legalComments: 'none',
    ...options,
  });
  return result.outputFiles[0].text.trim();
}

// The licence texts of the bundled libraries have to travel with the page.
const notices = await Promise.all(NOTICES.map((path) =>
  readFile(here(`node_modules/${path}`), 'utf8')));
const notice = notices.map((t) => t.trim()).join('\n\n----\n\n').replaceAll('*/', '* /');
const banner = `/*!\n${notice}\n*/`;

const code = await bundle('src/main.js', {
  format: 'iife',
  define: { 'process.env.NODE_ENV': '"production"' },
});
// Line ends as the HTML parser will see them, or the hash below would not match.
const script = `${banner}\n${code}`.replace(/\r\n?/g, '\n');
const style = await bundle('src/page.css');

// Either string would end the inline element early or change how the parser reads it.
for (const bad of ['</script', '<!--', '__CROSSLOOM_REPORT_DATA__']) {
  if (script.includes(bad)) throw new Error(`the bundled script contains ${bad}`);
}
if (style.includes('</style')) throw new Error('the bundled style contains </style');

// Only this very script may run: text that slipped into the page as a script element stays inert.
const hash = createHash('sha256').update(script, 'utf8').digest('base64');
const policy = [
  "default-src 'none'",
  `script-src 'sha256-${hash}'`,
  "style-src 'unsafe-inline'",
  'img-src data: blob:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

// Function replacements, because `$&` and the like in the script must stay as they are.
const page = (await readFile(here('src/template.html'), 'utf8'))
  .replace('@POLICY@', () => policy)
  .replace('@STYLE@', () => style)
  .replace('@MARKER@', () => MARKER)
  .replace('@SCRIPT@', () => script);

if (page.split(MARKER).length !== 2) throw new Error('the data marker must occur exactly once');

await mkdir(here('dist'), { recursive: true });
await writeFile(here('dist/report_template.html'), page);
console.log(`dist/report_template.html: ${(Buffer.byteLength(page) / 1024).toFixed(0)} KiB`);
