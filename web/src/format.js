// Numbers and units as a reader wants to see them: few digits, thin spaces, true minus signs.

const THIN = '\u202f'; // narrow no-break space: a line never breaks inside a number
const SUPERSCRIPTS = { '-': '⁻', 0: '⁰', 1: '¹', 2: '²', 3: '³', 4: '⁴', 5: '⁵', 6: '⁶', 7: '⁷',
  8: '⁸', 9: '⁹' };

const superscript = (n) => [...String(n)].map((c) => SUPERSCRIPTS[c]).join('');
const trimZeros = (s) => (s.includes('.') ? s.replace(/\.?0+$/, '') : s);
const group = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, THIN);

export function formatNumber(value, digits = 4) {
  if (typeof value !== 'number' || !Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const sign = value < 0 ? '−' : '';
  const size = Math.abs(value);
  if (size < 1e-3 || size >= (Number.isInteger(value) ? 1e9 : 1e7)) {
    const [mantissa, exponent] = size.toExponential(digits - 1).split('e');
    const factor = trimZeros(mantissa);
    const power = `10${superscript(Number(exponent))}`;
    return sign + (factor === '1' ? power : `${factor}${THIN}×${THIN}${power}`);
  }
  const decimals = Number.isInteger(value)
    ? 0 : Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  const [whole, fraction] = trimZeros(size.toFixed(decimals)).split('.');
  return sign + group(whole) + (fraction ? `.${fraction}` : '');
}

// Tick values are exact in more digits than a reading is: neighbours must not look alike.
export const formatTick = (value) => formatNumber(value, 6);

export function formatLogTick(value) {
  const exponent = Math.log10(value);
  const whole = Math.round(exponent);
  if (Math.abs(exponent - whole) > 1e-9) return formatTick(value);
  return Math.abs(whole) <= 3 ? formatTick(10 ** whole) : `10${superscript(whole)}`;
}

export const prettyUnit = (unit) =>
  unit.replace(/^u(?=(A|F|H|J|m|N|Ohm|S|s|V|W)\b)/, 'µ').replace(/Ohm\b/, 'Ω');

export function withUnit(value, unit) {
  const shown = formatNumber(value);
  return value === null || !unit ? shown : `${shown}${THIN}${prettyUnit(unit)}`;
}

// Very large and very small values share a power of ten, which stands in the axis title once
// instead of on every tick. Powers are those of the unit prefixes.
export function sharedPower(largest) {
  if (!(largest > 0) || (largest >= 1e-2 && largest < 1e5)) return 0;
  return 3 * Math.floor(Math.log10(largest) / 3 + 1e-9);
}

export function axisTitle(axis, power = 0) {
  const parts = [power ? `10${superscript(power)}` : '', prettyUnit(axis.unit)].filter(Boolean);
  if (parts.length === 0) return axis.label;
  const unit = parts.join(THIN);
  return axis.label ? `${axis.label} (${unit})` : unit;
}
