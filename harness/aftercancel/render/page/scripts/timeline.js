// A cell as a picture: a lane for each process, an arrow for each signal.

const LANE = 40;
const HEAD = 58; // Room above the lanes for the cancellation, the report and the decision.
const STRAYS = 18; // More of it, where marks have no lane.
const FOOT = 34;
const MOST_LANES = 48;
const MOST_SIGNALS = 150;
const MOST_MARKS = 100;
const LONG_BEFORE = 1000; // Milliseconds: a runner that started earlier than that was not started for this job.
const LONGEST_SAID = 60;

// Processes in the order of a tree; where there are too many, those that matter.
function lanesOf(observation, signalled) {
  const matters = (process) => (process.key === 0 ? 4 : 0) + (process.role === 'job' ? 4 : 0) + (signalled.has(process.key) ? 2 : 0)
    + (process.ended_ms === null ? 2 : 0) + (process.dispositions ? 1 : 0);
  const kept = new Set([...observation.processes].sort((one, other) => matters(other) - matters(one) || one.key - other.key).slice(0, MOST_LANES));
  const known = new Map(observation.processes.map((process) => [process.key, process]));
  const ordered = [];
  const add = (process, depth) => {
    if (kept.has(process)) ordered.push({ process, depth });
    for (const child of observation.processes) if (child.parent === process.key && child !== process) add(child, depth + 1);
  };
  for (const process of observation.processes) if (process.parent === null || !known.has(process.parent)) add(process, 0);
  return ordered;
}

const endWords = (end) => {
  if (!end || (end.signal === null && end.status === null)) return 'ended';
  return end.signal !== null ? `died of ${end.signal}` : `status ${end.status}`;
};

// As judge/facts.py has it: what says nothing that the processes do not say better. A SIGCHLD for
// every child that ends, and what the runtime of a language does with its own threads.
function ofNoInterest(signal) {
  if (signal.signal === 'CHLD') return signal.to === 'kernel';
  if (signal.sender !== null && signal.sender === signal.receiver) return signal.signal === 'URG' || signal.receiver === 0;
  return signal.signal === 'SEGV' && signal.to === 'kernel' && signal.receiver === 0 && signal.disposition === 'caught';
}

const often = (signal) => (signal.times > 1 ? ` ×${number(signal.times)}` : '');

// What has become of the jobs that waited behind this one and had not started when it was decided.
function stillWaiting(observation) {
  const waiting = observation.queued.map((each, n) => [each, n + 1]).filter(([each]) => each.started_ms === null);
  return [[true, 'still waits', 'still wait'], [false, 'is not known to the runner any more', 'are not known to the runner any more']].map(([listed, one, several]) => {
    const numbers = waiting.filter(([each]) => each.listed === listed).map(([, n]) => n);
    if (!numbers.length) return '';
    return numbers.length > 1 ? `; waiting jobs ${numbers.join(', ')} ${several}` : `; waiting job ${numbers[0]} ${one}`;
  }).join('');
}

const commandOf = (process) => visible([(process.argv[0] || '').split('/').pop(), ...process.argv.slice(1)].join(' ').trim());

class Timeline {
  constructor(observation) {
    this.observation = observation;
    this.signals = observation.signals.filter((signal) => !ofNoInterest(signal));
    const left = observation.signals.filter(ofNoInterest);
    this.childSignals = left.filter((signal) => signal.signal === 'CHLD').length;
    this.ownSignals = left.length - this.childSignals;
    this.drawnSignals = this.signals.slice(0, MOST_SIGNALS);
    const signalled = new Set(this.signals.flatMap((signal) => [signal.sender, signal.receiver]));
    const outside = [...new Set(this.drawnSignals.filter((signal) => signal.sender === null).map((signal) => (signal.call === 'terminal' ? 'the terminal' : signal.sender_role)))];
    this.lanes = [...outside.map((name) => ({ name })), ...lanesOf(observation, signalled)];
    this.laneOf = new Map(this.lanes.map((lane, n) => [lane.process ? lane.process.key : lane.name, n]));
    this.head = HEAD + (observation.marks.slice(0, MOST_MARKS).some((mark) => this.writer(mark) < 0) ? STRAYS : 0);
    this.settings = { scale: 'shortened', zoom: 1 };
    this.fit();
  }

  // As wide as there is room for, where everything fits.
  fit() {
    const nodes = this.nodes();
    if (!nodes.length) return;
    const room = Math.min(innerWidth, 1560) * (innerWidth >= 1150 ? 0.64 : 1) - 390;
    const { width } = placed(nodes, 'shortened', 1);
    if (width < room) this.settings.zoom = Math.min(room / width, 2.5);
  }

  // What this picture leaves out, in words.
  cut() {
    const { observation } = this;
    const parts = [];
    const lanes = this.lanes.filter((lane) => lane.process).length;
    if (observation.processes.length > lanes) parts.push(counted(observation.processes.length - lanes, 'process', 'processes'));
    if (this.signals.length > MOST_SIGNALS) parts.push(counted(this.signals.length - MOST_SIGNALS, 'signal'));
    if (observation.marks.length > MOST_MARKS) parts.push(counted(observation.marks.length - MOST_MARKS, 'mark'));
    return parts.length ? `Not drawn, because there are so many: ${parts.join(', ')}. The table below goes on.` : '';
  }

  nodes() {
    const { observation } = this;
    const nodes = [];
    const add = (t, kind, lane, more) => { if (t !== null && t !== undefined) nodes.push({ t, kind, lane, row: 'line', ...more }); };
    const begun = Math.min(...observation.processes.filter((process) => process.key !== 0).map((process) => process.started_ms), observation.armed_ms ?? 0, 0);
    this.lanes.forEach(({ process }, lane) => {
      if (!process) return;
      // A runner that serves one job after another was there before: its bar comes from the edge.
      if (process.key !== 0 || process.started_ms > begun - LONG_BEFORE) add(process.started_ms, 'start', lane, { process });
      add(process.ended_ms, 'end', lane, { process, label: `✕ ${endWords(process.end)}` });
    });
    for (const signal of this.drawnSignals) {
      const from = this.laneOf.get(signal.sender === null ? (signal.call === 'terminal' ? 'the terminal' : signal.sender_role) : signal.sender);
      const to = this.laneOf.get(signal.receiver);
      if (from === undefined && to === undefined) continue;
      const call = signal.error || (signal.to === 'kernel' ? '' : (signal.to === 'group' ? `${signal.call} group` : signal.call) + often(signal));
      add(signal.at_ms, 'signal', to ?? from, { signal, from, to, row: 'above', label: `${signal.signal} ${call}`.trim(), call });
    }
    for (const mark of observation.marks.slice(0, MOST_MARKS)) {
      const writer = this.writer(mark);
      const said = `“${shortened(visible(mark.name), 40)}”`;
      // Where nobody drawn has its role: who wrote it may have become another program by exec since.
      if (writer < 0) add(mark.at_ms, 'mark', 'stray', { mark, row: 'above', label: `${visible(mark.role || 'somebody')}: ${said}` });
      else add(mark.at_ms, 'mark', writer, { mark, row: 'above', label: said });
    }
    add(observation.armed_ms, 'armed', 'head', {});
    observation.fired.forEach((fired) => add(fired.at_ms, 'fired', 'head', { words: `cancellation: ${visible(fired.what)}${fired.error ? ` (${visible(fired.error)})` : ''}` }));
    if (observation.report) {
      const said = `the runner reports: ${observation.report.said}`;
      const own = visible(observation.report.words);
      add(observation.report.at_ms, 'report', 'head', own ? { words: `${said} (${shortened(own, LONGEST_SAID)})`, full: `${said} (${own})` } : { words: said });
    }
    (observation.again_ms || []).forEach((at) => add(at, 'queued', 'head', { words: 'the runner runs the same job once more; that run is left out here' }));
    observation.queued.forEach((each, n) => add(each.started_ms, 'queued', 'head', { words: `waiting job ${n + 1} starts` }));
    add(observation.decided_ms, 'decided', 'head', { words: `${observation.decided || ''}${observation.report ? '' : ': the runner has not reported'}${stillWaiting(observation)}` });
    return nodes;
  }

  // The lane of the process that wrote a mark; -1: nobody with its role is drawn at that moment.
  writer(mark) {
    return this.lanes.findIndex(({ process }) => process && process.role === mark.role
      && process.started_ms <= mark.at_ms && (process.ended_ms === null || process.ended_ms >= mark.at_ms));
  }

  y(lane) {
    return lane === 'stray' ? HEAD + 4 : this.head + lane * LANE + LANE / 2 + 6;
  }

  picture() {
    const nodes = this.nodes();
    if (!nodes.length) return { svg: draw('svg', { width: 10, height: 10 }), note: 'Nothing was recorded.' };
    const space = placed(nodes, this.settings.scale, this.settings.zoom);
    this.edge = Math.max(space.width, 300);
    this.headRoom = [0, 0, 0];
    const width = Math.ceil(Math.max(this.edge + 112, ...nodes.map((node) => node.x + (node.label || node.words || '').length * LETTER + 20)));
    const height = this.head + this.lanes.length * LANE + FOOT;
    const svg = draw('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'Timeline of processes and signals. The table “What happened” tells the same in words.' },
      draw('g', { class: 'lane-lines' }, this.lanes.map((_, lane) => draw('line', { x1: 0, x2: width, y1: this.head + (lane + 1) * LANE, y2: this.head + (lane + 1) * LANE }))),
      space.breaks.map((gap) => this.breakOf(gap, height)),
      nodes.filter((node) => node.words || node.kind === 'armed').map((node) => this.moment(node, height)),
      this.bars(nodes),
      nodes.filter((node) => node.mark).map((node) => this.mark(node)),
      nodes.filter((node) => node.signal).map((node) => this.arrow(node)),
      draw('g', { class: 'ticks' }, ticks(nodes).map((tick) => draw('text', { x: Math.max(tick.x, tick.half), y: height - 10, 'text-anchor': 'middle' }, tick.text))));
    return { svg, note: this.note(space) };
  }

  note(space) {
    const said = {
      shortened: 'The axis is broken: gaps are shortened, the longer the more, and what happened in the same instant stands side by side in its order. Times are at the foot.',
      linear: 'True to time.',
      around: space.window && `True to time, from ${milliseconds(space.window[0])} to ${milliseconds(space.window[1])}. ${space.before} things before and ${space.after} after it are at the edges.`,
    }[this.settings.scale];
    const children = this.childSignals ? ` ${counted(this.childSignals, 'signal')} CHLD of the kernel not drawn.` : '';
    const own = this.ownSignals ? ` ${counted(this.ownSignals, 'signal')} that a runtime sends its own threads not drawn.` : '';
    return `${said} ${this.cut()}${children}${own}`.trim();
  }

  breakOf({ from, to, gap }, height) {
    const [x, y] = [(from + to) / 2, height - FOOT + 2];
    return draw('g', { class: 'break' },
      draw('rect', { x: x - 4, y: this.head - 6, width: 8, height: height - this.head - FOOT + 10 }),
      draw('path', { d: `M${x - 6} ${y + 5}l4 -8 M${x} ${y + 5}l4 -8` }),
      draw('title', {}, `${milliseconds(gap)} in which nothing happened`));
  }

  moment(node, height) {
    // Three rows of labels: the first that has room.
    const words = node.outside ? '' : node.words || '';
    let row = this.headRoom.findIndex((right) => right <= node.x);
    if (row < 0) row = 2;
    if (words) this.headRoom[row] = node.x + words.length * LETTER + 14;
    const y = 14 + row * 15;
    return draw('g', { class: `moment ${node.kind}` },
      draw('line', { x1: node.x, x2: node.x, y1: words ? y - 8 : HEAD - 8, y2: height - FOOT + 4 }),
      draw('text', { x: node.x + 4, y }, words),
      draw('title', {}, `${milliseconds(node.t)}: ${node.full || node.words || 'armed'}`));
  }

  bars(nodes) {
    const of = (kind) => new Map(nodes.filter((node) => node.kind === kind && node.process).map((node) => [node.process.key, node]));
    const [starts, ends] = [of('start'), of('end')];
    return this.lanes.map(({ process }, lane) => {
      const y = this.y(lane);
      if (!process) return draw('line', { class: 'outside', x1: 0, x2: this.edge, y1: y, y2: y });
      const [start, end] = [starts.get(process.key)?.x ?? 0, ends.get(process.key)];
      const to = end ? end.x : this.edge;
      const parent = this.laneOf.get(process.parent);
      const runs = !end && process.key !== 0;
      return draw('g', { class: `bar${process.key === 0 ? ' runner' : ''}${process.role === 'job' ? ' job' : ''}${process.far ? ' far' : ''}${runs ? ' runs' : ''}` },
        parent !== undefined && draw('path', { class: 'fork', d: `M${start} ${this.y(parent)}V${y}` }),
        draw('rect', { x: start, y: y - 4, width: Math.max(to - start, 2), height: 8, rx: 2 }),
        end ? draw('path', { class: 'cross', d: `M${to - 4} ${y - 5}l8 10 M${to - 4} ${y + 5}l8 -10` }) : draw('path', { class: 'onward', d: `M${to} ${y - 8}l12 8l-12 8z` }),
        end && !end.quiet && draw('text', { x: to + 8, y: y + 4 }, endWords(process.end)),
        runs && draw('text', { x: to + 17, y: y + 4 }, 'still running'),
        draw('title', {}, `${visible(process.role)}: ${commandOf(process)}`));
    });
  }

  mark(node) {
    const y = this.y(node.lane);
    return draw('g', { class: node.lane === 'stray' ? 'mark stray' : 'mark' }, draw('circle', { cx: node.x, cy: y, r: 4 }),
      !node.quiet && draw('text', node.lane === 'stray' ? { x: node.x + 8, y: y + 4 } : { x: node.x + 2, y: y - 9 }, node.label), draw('title', {}, `${milliseconds(node.t)}: ${node.label}`));
  }

  arrow(node) {
    const { signal, x, from, to } = node;
    const met = metBy(signal, this.observation.processes);
    const lane = to ?? from;
    const end = this.y(lane);
    const self = from === to || from === undefined || to === undefined;
    // A signal of a process to itself, or to nobody, is a short arrow above its lane.
    const start = self ? end - 20 : this.y(from);
    const way = Math.sign(end - start);
    const tip = to === undefined ? end - 8 : end - way * 4;
    return draw('g', { class: `arrow ${met}` },
      !self && draw('circle', { class: 'tail', cx: x, cy: start, r: 2.5 }),
      draw('line', { x1: x, x2: x, y1: start, y2: tip - way * 5 }),
      head(met, x, tip, way),
      !node.quiet && draw('text', { x: x + 7, y: this.y(lane) - 9 }, draw('tspan', { class: 'name' }, signal.signal), node.call ? draw('tspan', { class: 'call', dx: 3 }, node.call) : null),
      draw('title', {}, `${milliseconds(signal.at_ms)}: ${visible(signal.sender_role)} sends ${signal.signal} to ${visible(signal.receiver_role)} (${signal.call}${often(signal)}, to ${signal.to}): ${signal.error || signal.disposition}`
        + (signal.delivered_ms === null ? '' : `, delivered at ${milliseconds(signal.delivered_ms)}`)));
  }
}

// What a signal met; the default action that ended its receiver is told from one that did not.
function metBy(signal, processes) {
  if (signal.error) return 'failed';
  if (signal.disposition !== 'default') return signal.disposition;
  const receiver = processes.find((process) => process.key === signal.receiver);
  return receiver?.end?.signal === signal.signal ? 'deadly' : 'default';
}

// The shape says what it met: a full head death, a hollow one another default, a ring a handler,
// a bar nothing, a diamond not yet.
function head(met, x, y, way) {
  if (met === 'caught') return draw('circle', { class: 'head', cx: x, cy: y - way * 4, r: 4 });
  if (met === 'ignored') return draw('path', { class: 'head', d: `M${x - 6} ${y - way * 3}h12` });
  if (met === 'pending') return draw('path', { class: 'head', d: `M${x} ${y}l4 ${-way * 5}l-4 ${-way * 5}l-4 ${way * 5}z` });
  if (met === 'failed') return draw('path', { class: 'head', d: `M${x - 4} ${y - 4}l8 8 M${x - 4} ${y + 4}l8 -8` });
  return draw('path', { class: 'head', d: `M${x} ${y}l-5 ${-way * 8}h10z` });
}

const MET = [['deadly', 'default, and it dies of it'], ['default', 'default, and it lives on'], ['caught', 'caught: a handler runs'], ['ignored', 'ignored'], ['pending', 'pending: not delivered'], ['failed', 'refused, or nobody there']];

function timelineLegend() {
  return make('ul', { class: 'timeline-legend', 'aria-label': 'What the arrows mean' }, MET.map(([met, words]) => make('li', {},
    draw('svg', { width: 18, height: 22, 'aria-hidden': 'true' }, draw('g', { class: `arrow ${met}` }, draw('line', { x1: 9, x2: 9, y1: 1, y2: 13 }), head(met, 9, 19, 1))), words)));
}

function timelineView(observation) {
  const timeline = new Timeline(observation);
  const place = make('div', { class: 'timeline', tabindex: '0', role: 'region', 'aria-label': 'Timeline' });
  const note = make('p', { class: 'hint' });
  const lanes = make('div', { class: 'lanes', 'aria-hidden': 'true' }, timeline.lanes.map(({ name, process, depth }) => {
    const label = process
      ? make('div', { class: `lane${process.far ? ' far' : ''}` }, make('b', {}, visible(process.role)), process.far ? make('span', { class: 'tag' }, 'far host') : null, make('span', { class: 'argv' }, process.key === 0 ? '' : commandOf(process)))
      : make('div', { class: 'lane' }, make('i', {}, visible(name)));
    label.style.height = `${LANE}px`;
    label.style.paddingLeft = `${Math.min(depth || 0, 6) * 9 + 8}px`;
    return label;
  }));
  lanes.style.paddingTop = `${timeline.head}px`;
  const show = () => {
    const made = timeline.picture();
    place.replaceChildren(lanes, made.svg);
    printedWithin(place, Number(made.svg.getAttribute('width')) + 210);
    note.textContent = made.note;
  };
  const scale = make('select', { onchange: () => { timeline.settings.scale = scale.value; show(); } }, Object.entries(SCALES).map(([value, label]) => make('option', { value }, label)));
  const zoom = (factor) => () => { timeline.settings.zoom = Math.min(Math.max(timeline.settings.zoom * factor, 0.25), 64); show(); };
  show();
  return make('div', { class: 'timeline-box' },
    make('div', { class: 'row tools' }, make('label', { class: 'field' }, make('span', {}, 'axis'), scale),
      make('button', { type: 'button', class: 'quiet', 'aria-label': 'Narrower', onclick: zoom(1 / 1.6) }, '−'),
      make('button', { type: 'button', class: 'quiet', 'aria-label': 'Wider', onclick: zoom(1.6) }, '+'), timelineLegend()),
    place, note);
}
