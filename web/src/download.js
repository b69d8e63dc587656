// Saves a chart or its data as a file, all within the page.

const PIXEL_RATIO = 2;

// The address stays valid for a while: some browsers read it only after the click returns.
function save(name, blob) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function fileName(title, extension) {
  const stem = title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  return `${stem.slice(0, 60) || 'chart'}.${extension}`;
}

// Spreadsheets run a text cell that starts like a formula, hence the apostrophe before those.
export function toCsv(rows) {
  const cell = (v) => {
    if (v === null || v === undefined) return '';
    if (typeof v === 'number') return String(v);
    const s = /^[=+\-@\t\r]/.test(v) ? `'${v}` : v;
    return /[",\r\n]/.test(s) ? `"${s.replace(/"/g, '""')}"` : s;
  };
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

export function saveCsv(title, rows) {
  // The byte order mark makes spreadsheets read the file as UTF-8.
  save(fileName(title, 'csv'), new Blob(['\ufeff', toCsv(rows)],
    { type: 'text/csv;charset=utf-8' }));
}

export function saveSvg(title, { svg }) {
  save(fileName(title, 'svg'), new Blob([svg], { type: 'image/svg+xml' }));
}

export function savePng(title, { svg, width, height }) {
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement('canvas');
    canvas.width = width * PIXEL_RATIO;
    canvas.height = height * PIXEL_RATIO;
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(fileName(title, 'png'), blob), 'image/png');
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
}
