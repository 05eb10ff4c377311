// One attempt at a cell, as a view of its own.

const MOST_HAPPENINGS = 300;
const MOST_BYTES = 2048;
const REASON_PARTS = /(?<=\.) (?=[A-Z])/;

const isGood = (outcome) => outcome.signs.length === 3 && outcome.signs.every(([, , style]) => style === 'green');
// A job that declares no clean-up cannot be better than this.
const isFine = (outcome) => outcome.signs.length === 3 && outcome.signs.every(([, , style]) => style === 'green' || style === 'dim');

const family = (launcher) => launcher.split('-')[0];

// With the job or the launcher replaced by one that is meant to be copied: cells that are good on all axes,
// or, of another launcher, on the two that there are where the job declares no clean-up.
function remedies(run, cell) {
  const found = [];
  for (const axis of ['job', 'launcher']) {
    for (const word of run.words[axis]) {
      const own = run.word(cell, axis);
      if (!run.entry(axis, word).remedy || word === own) continue;
      // One way over ssh for another: it does not stand for sudo.
      if (axis === 'launcher' && family(word) !== family(own)) continue;
      const other = run.find(AXES.map((each) => (each === axis ? word : run.word(cell, each))).join('/'));
      if (other < 0) continue;
      const good = isGood(run.outcome(other));
      if (good || (axis === 'launcher' && isFine(run.outcome(other)))) found.push({ axis, word, cell: other, good });
    }
  }
  return found.sort((one, other) => (one.word < other.word ? -1 : 1));
}

// A launcher's text: its command line, and below it the rules and files that make it work.
function commandLine(text) {
  const [line, ...rest] = text.replace(/\n$/, '').split('\n');
  if (!line) return null;
  return [make('code', { class: 'command' }, visible(line)), rest.length ? make('details', { class: 'with' },
    make('summary', {}, 'with these rules and files'), source('Rules and files of the launcher', rest)) : null];
}

function titleOf(run, cell) {
  const told = AXES.map((axis) => [axis, run.word(cell, axis)]).filter(([, word]) => word);
  return make('dl', { class: 'words' }, told.map(([axis, word]) => {
    const { sentence, version, text } = run.entry(axis, word);
    return make('div', {}, make('dt', {}, axis), make('dd', {}, make('b', { class: 'id' }, visible(word)), sentence ? ` ${visible(sentence)}` : '',
      version ? make('span', { class: 'hint' }, ` ${visible(version)}`) : null, axis === 'launcher' ? commandLine(text) : null));
  }));
}

function outcomeBlock(outcome, reason) {
  return make('section', { class: 'outcome', 'aria-labelledby': 'outcome-title' }, make('h2', { id: 'outcome-title' }, 'Outcome'),
    make('ul', { class: 'axes' }, QUESTIONS.map((axis, n) => make('li', {}, make('span', { class: `sign ${styleClass(outcome.signs[n][2])}`, 'aria-hidden': 'true' }, outcome.signs[n][0]),
      ` ${axis} `, make('b', {}, outcome.values[n])))),
    make('ul', { class: 'reason' }, visible(reason).split(REASON_PARTS).filter(Boolean).map((sentence) => make('li', {}, sentence))));
}

function happeningsTable(happenings) {
  const rows = (some) => some.map(([at, what]) => make('tr', { class: what.startsWith('—') ? 'moment' : null }, make('td', {}, at.toFixed(1)), make('td', {}, visible(what))));
  const body = make('tbody', {}, rows(happenings.slice(0, MOST_HAPPENINGS)));
  const rest = happenings.length - MOST_HAPPENINGS;
  const more = rest > 0 && make('p', {}, `${counted(rest, 'more thing')} happened. `, make('button', { type: 'button', class: 'quiet', onclick: () => { body.append(...rows(happenings.slice(MOST_HAPPENINGS))); more.remove(); } }, 'Show all'));
  return make('section', {}, make('h2', {}, 'What happened'),
    scrolling('What happened', make('table', { class: 'happenings' }, make('caption', {}, 'In ms from the cancellation'),
      make('thead', {}, make('tr', {}, make('th', { scope: 'col' }, 'ms'), make('th', { scope: 'col' }, 'what'))), body)), more || null);
}

function leftBehind(observation) {
  const lines = observation.processes.filter((process) => process.key !== 0 && process.ended_ms === null).map((process) => `a process: ${process.role} (${commandOf(process)})`);
  for (const file of observation.left.files) lines.push(`${file.path} (${file.kind}${file.kind === 'file' ? `, ${counted(file.bytes, 'byte')}` : ''})`);
  for (const lock of observation.left.locks) lines.push(`a lock (${lock.kind}) on ${lock.path}, held by ${lock.role}`);
  const modes = observation.terminal_modes;
  if (modes && modes.after) {
    const changed = [...modes.before.filter((mode) => !modes.after.includes(mode)).map((mode) => `-${mode}`), ...modes.after.filter((mode) => !modes.before.includes(mode))];
    if (changed.length) lines.push(`the terminal with other settings than before (stty): ${changed.join(' ')}`);
  }
  if (observation.left.cut) lines.push('… and more files than the lab looks at');
  return make('section', {}, make('h2', {}, 'What was left'), lines.length ? make('ul', {}, lines.map((line) => make('li', {}, visible(line)))) : make('p', {}, 'Nothing: no process, no file, no lock.'));
}

function hexDump(base64) {
  const binary = atob(base64);
  const lines = [];
  for (let n = 0; n < Math.min(binary.length, MOST_BYTES); n += 16) {
    const row = [...binary.slice(n, n + 16)];
    const hex = row.map((byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join(' ');
    lines.push(`${n.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${row.map((byte) => (byte >= ' ' && byte <= '~' ? byte : '.')).join('')}`);
  }
  if (binary.length > MOST_BYTES) lines.push(`… ${number(binary.length - MOST_BYTES)} more bytes`);
  return lines;
}

function outputOf(observation) {
  const parts = ['stdout', 'stderr'].flatMap((name) => {
    const stream = observation[name];
    if (!stream.bytes && !stream.lost_bytes) return [];
    const said = `${counted(stream.bytes, 'byte')}${stream.lost_bytes ? `, and ${number(stream.lost_bytes)} after the report` : ''}${stream.cut ? '; only the beginning is kept' : ''}`;
    const lines = stream.text.replace(/\n$/, '').split('\n');
    return [make('h3', {}, `${name}: ${said}`), stream.text ? source(name, lines) : null,
      stream.base64 ? make('details', {}, make('summary', {}, 'Not all of it is UTF-8: the bytes'), source(`${name} as bytes`, hexDump(stream.base64))) : null];
  });
  return make('section', {}, make('h2', {}, 'Output'), parts.length ? parts : make('p', {}, 'None.'));
}

function repeatsOf(run, cell, attempt) {
  const attempts = run.attemptsAt(cell);
  const repeats = run.repeats[cell];
  if (attempts.length < 2 && !repeats) return null;
  const alike = (number) => repeats?.variants.find((variant) => variant.includes(number)) || [];
  return make('section', {}, make('h2', {}, 'Attempts at this cell'),
    repeats ? make('p', {}, repeats.stable ? `It was the same each time: ${repeats.distribution}.` : `Unstable. It behaved in ${repeats.variants.length} ways: ${repeats.distribution}.`) : null,
    repeats?.differences.length ? make('ul', {}, repeats.differences.map((difference) => make('li', {}, visible(difference)))) : null,
    make('ul', { class: 'attempts' }, attempts.map((each) => {
      const stored = attempts.find((other) => other.chunk >= 0 && alike(each.attempt).includes(other.attempt));
      const name = `attempt ${each.attempt}`;
      return make('li', {}, each.attempt === attempt ? make('b', {}, `${name} (this one)`) : each.chunk >= 0 ? make('a', { href: cellLink(run, cell, each.attempt) }, name) : name,
        ' ', signs(each.outcome), each.chunk < 0 && stored ? ` behaved as attempt ${stored.attempt}` : '');
    })));
}

function remedyItem(run, { axis, word, cell, good }) {
  const { sentence, name } = run.entry(axis, word);
  return make('li', {}, make('a', { href: cellLink(run, cell) }, `the ${axis} `, make('b', { class: 'id' }, visible(word))), ' ', signs(run.outcome(cell)),
    ` ${visible(sentence)}${good ? '' : ' (this job declares no clean-up: none ran)'}`, name ? make('span', { class: 'hint' }, ` scenarios/jobs/${visible(name)}`) : null);
}

function remedyOf(run, cell) {
  if (isFine(run.outcome(cell))) return null;
  const found = remedies(run, cell);
  const words = AXES.slice(1).map((axis) => run.word(cell, axis)).filter(Boolean).join('/');
  return make('section', { class: 'remedy' }, make('h2', {}, 'What is green here instead'),
    found.length ? make('ul', {}, found.map((each) => remedyItem(run, each))) : null,
    found.some((each) => each.axis === 'job') ? make('p', { class: 'hint' }, 'Each is a script to copy, with work of its own: its head says what it covers, and what it does not.') : null,
    found.length ? null : make('p', {}, `None of the remedies that was measured under ${visible(words)} is good on all three axes.`));
}

function commandsOf(key) {
  const id = key.replace(/#\d+$/, '');
  const line = (text) => make('p', { class: 'run' }, make('code', { class: 'command' }, visible(text)), copyButton('command', () => text));
  return make('section', {}, make('h2', {}, 'Run it again'), line(`aftercancel again ${id.startsWith('-') ? '-- ' : ''}${quoted(id)}`), make('p', { class: 'hint' }, 'measures it now; this observation is told by'), line(`aftercancel show ${quoted(key)}`),
    make('p', {}, copyButton('link', () => location.href), make('span', { class: 'hint' }, ' to this cell, for somebody who has this file')));
}

const quoted = (text) => (/^[\w./#@%+=:,-]+$/.test(text) && !text.startsWith('#') ? text : `'${text.replaceAll("'", "'\\''")}'`);

function claimsOf(run, cell) {
  const claims = run.claimsOf.get(cell) || [];
  return make('section', {}, make('h2', {}, 'Claims that rest on it'),
    claims.length ? make('ul', {}, claims.map(([id, verdict]) => make('li', {}, make('a', { href: `#claim-${id}` }, id), ` ${verdict}: ${visible(run.sentences.get(id) || '')}`))) : make('p', {}, 'None.'));
}

function jobSource(run, cell) {
  const { name, text } = run.entry('job', run.word(cell, 'job'));
  if (!text) return make('section', { class: 'beside' }, make('h2', {}, 'The job'), make('p', {}, 'Its source is not in this report.'));
  return make('section', { class: 'beside' }, make('h2', {}, 'The job', make('code', { class: 'hint' }, ` ${visible(name)}`)), run.note ? make('p', { class: 'hint' }, visible(run.note)) : null,
    source(`Source of ${visible(name)}`, text.replace(/\n$/, '').split('\n')));
}

// What a model's word is worth, and where in this cell a real one behaved otherwise.
function modelledOf(run, cell) {
  const words = run.modelled.get(run.word(cell, 'runner'));
  if (!words) return null;
  const differs = run.differing[cell] || [];
  return make('div', { class: 'notice modelled' }, make('p', {}, visible(words)),
    differs.map(([real, what]) => {
      const other = run.find(AXES.map((axis) => (axis === 'runner' ? real : run.word(cell, axis))).join('/'));
      return make('p', {}, 'In this cell it differs from ', other < 0 ? visible(real) : make('a', { href: cellLink(run, other) }, visible(real)), `: ${visible(what)}`);
    }));
}

// As it was stored.
function rawOf(stored) {
  const text = () => JSON.stringify(stored, null, 2);
  const details = make('details', { class: 'raw', ontoggle: () => {
    if (details.open && details.children.length < 2) details.append(copyButton('JSON', text), source('Raw observation', text().split('\n')));
  } }, make('summary', {}, 'Raw observation (JSON)'));
  return make('section', {}, details);
}

// The whole view; `key` is a cell's id, or `id#2` for its second attempt.
async function cellView(run, key) {
  const [, id, given] = /^(.*?)(?:#(\d+))?$/s.exec(key);
  const cell = run.find(id);
  const back = make('a', { class: 'back', href: '#matrix' }, '← The matrix');
  const heading = make('h1', { id: 'cell-title' }, visible(key).split('/').flatMap((part, n) => (n ? ['/', make('wbr'), part] : [part])));
  if (cell < 0) return [back, heading, make('p', { class: 'notice' }, 'This run has no such cell. The address may be of another report.')];
  const attempts = run.attemptsAt(cell);
  const attempt = given ? attempts.find((each) => each.attempt === Number(given)) : attempts.find((each) => each.chunk >= 0) || attempts[0];
  const top = [back, heading, modelledOf(run, cell), titleOf(run, cell)];
  if (!attempt) return [...top, make('p', { class: 'notice' }, 'It was not measured.'), repeatsOf(run, cell, 0), remedyOf(run, cell), commandsOf(id), jobSource(run, cell)].filter(Boolean);
  if (attempt.chunk < 0) return [...top, make('p', { class: 'notice' }, 'This attempt is not in this file: another one that behaved alike stands for it.'), repeatsOf(run, cell, attempt.attempt)].filter(Boolean);
  const { observation: stored, happenings, relays, meaning, reason } = await run.load(attempt.chunk, attempt.at);
  const observation = completed(stored, run.unsaid);
  const trouble = observation.trouble && make('p', { class: 'notice' }, `It could not be measured (${observation.trouble.kind}): ${visible(observation.trouble.words)}`);
  const log = observation.runner_log && make('details', {}, make('summary', {}, 'The end of the runner’s own log'), source('The runner’s own log', observation.runner_log.replace(/\n$/, '').split('\n')));
  const basis = observation.evidence === 'trace' ? 'Evidence: the kernel’s own record of forks, execs, signals and exits.' : 'Evidence: /proc, looked at again and again; who signalled whom cannot be known.';
  return [back, heading, modelledOf(run, cell), trouble, log,
    make('div', { class: 'cell-top' }, titleOf(run, cell), outcomeBlock(attempt.outcome, reason)),
    make('div', { class: 'side-by-side' },
      make('section', { class: 'wide' }, make('h2', {}, 'Timeline'), timelineView(observation), make('p', { class: 'hint' }, basis)),
      jobSource(run, cell)),
    make('div', { class: 'columns' },
      make('div', {}, happeningsTable(happenings),
        relays.length ? make('section', {}, make('h2', {}, 'Relays'), make('ul', {}, relays.map((relay) => make('li', {}, visible(relay)))), meaning ? make('p', { class: 'hint' }, meaning) : null) : null),
      make('div', {}, remedyOf(run, cell), leftBehind(observation), outputOf(observation), commandsOf(key), claimsOf(run, cell), repeatsOf(run, cell, attempt.attempt))),
    rawOf(stored)].filter(Boolean);
}
