// The viridis colour map: perceptually uniform, readable in grey and with any colour vision.

const ANCHORS = ['440154', '472c7a', '3b518b', '2c718e', '21908d', '27ad81', '5cc863', 'aadc32',
  'fde725'].map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));

// [red, green, blue] for a fraction of the scale between 0 and 1.
export function viridis(fraction) {
  const position = Math.min(1, Math.max(0, fraction)) * (ANCHORS.length - 1);
  const index = Math.min(Math.floor(position), ANCHORS.length - 2);
  const rest = position - index;
  return ANCHORS[index].map((from, i) => Math.round(from + (ANCHORS[index + 1][i] - from) * rest));
}
