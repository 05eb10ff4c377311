// Where in the picture a moment is. Milliseconds of signals and seconds of nothing share one axis,
// so gaps are shortened unless the reader asks for true time.

const BROKEN_MS = 50; // A gap as long as this is marked as a break of the axis.
const BEFORE = 0.35; // What happened before the cancellation matters less, and gets less room.
const LETTER = 6; // Width of a letter of a label, in px; they are 10 px high.
const MARGIN = 14; // Beside a label: for the head of its arrow.
const LEFT = 28;

const SCALES = {
  shortened: 'gaps shortened',
  around: 'around the cancellation',
  linear: 'true to time',
};

const milliseconds = (ms) => {
  const far = Math.abs(ms);
  if (far >= 1000) return `${(ms / 1000).toFixed(far >= 10000 ? 0 : 1)} s`;
  if (far === 0) return '0';
  return `${ms.toFixed(far >= 100 ? 0 : far >= 10 ? 1 : 2)} ms`;
};

const KINDS = ['start', 'armed', 'fired', 'signal', 'mark', 'end', 'report', 'decided'];

// Gives each node its x. A node: { t, kind, lane, label, row }; labels of one lane's row never meet.
function placed(nodes, scale, zoom) {
  nodes.sort((one, other) => one.t - other.t || KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind));
  if (scale === 'shortened') return shortenedGaps(nodes, zoom);
  const window = scale === 'around' ? around(nodes) : [nodes[0].t, nodes.at(-1).t];
  const span = Math.max(window[1] - window[0], 0.01);
  const factor = (900 * zoom) / span;
  const right = new Map();
  let [before, after] = [0, 0];
  for (const node of nodes) {
    before += node.t < window[0];
    after += node.t > window[1];
    node.outside = node.t < window[0] || node.t > window[1];
    node.x = LEFT + (Math.min(Math.max(node.t, window[0]), window[1]) - window[0]) * factor;
    // A label that would lie upon another is left out; its title and the table have it.
    const row = `${node.lane} ${node.row}`;
    node.quiet = node.outside || node.x < (right.get(row) ?? -1);
    if (!node.quiet && node.label) right.set(row, node.x + node.label.length * LETTER + MARGIN);
  }
  return { width: LEFT + 12 + span * factor, breaks: [], before, after, window };
}

function shortenedGaps(nodes, zoom) {
  const right = new Map();
  const breaks = [];
  let x = LEFT;
  let last = nodes[0];
  let [lastSignal, lastFired] = [-99, -99];
  for (const node of nodes) {
    const gap = node.t - last.t;
    const from = x;
    x += zoom * 8 * (node.t <= 0 ? BEFORE : 1) * Math.log2(1 + gap / 0.3);
    if (gap >= BROKEN_MS) x = Math.max(x, from + (node.t <= 0 ? 24 : 70));
    // Signals of one instant stand beside each other, in their order.
    if (node.kind === 'signal') {
      x = Math.max(x, lastSignal + 16, lastFired + 12);
      lastSignal = x;
    }
    const row = `${node.lane} ${node.row}`;
    if (node.label) {
      x = Math.max(x, right.get(row) ?? 0);
      right.set(row, x + node.label.length * LETTER + MARGIN);
    }
    if (node.kind === 'fired') lastFired = x;
    node.x = x;
    if (gap >= BROKEN_MS) breaks.push({ from, to: x, gap });
    last = node;
  }
  return { width: x + 12, breaks, before: 0, after: 0 };
}

// From a little before the cancellation to the first long silence after it.
function around(nodes) {
  const later = nodes.filter((node) => node.t >= 0);
  let end = 0;
  for (const node of later) {
    if (node.t - end > BROKEN_MS) break;
    end = node.t;
  }
  end = Math.max(end, 2);
  return [-0.1 * end, end * 1.05];
}

// Moments to print below: the important ones first, and none upon another.
const RANK = { fired: 0, report: 1, decided: 2, signal: 3, end: 4, mark: 5, armed: 6, start: 7 };
function ticks(nodes) {
  const chosen = [];
  for (const node of [...nodes].sort((one, other) => RANK[one.kind] - RANK[other.kind])) {
    const text = milliseconds(node.t);
    const half = (text.length * LETTER) / 2 + 4;
    if (!node.outside && chosen.every((tick) => Math.abs(tick.x - node.x) > tick.half + half)) chosen.push({ x: node.x, text, half });
  }
  return chosen;
}
