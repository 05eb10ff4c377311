// The table of jobs and cancellations. Only what is chosen is in the document.

const MOST_ROWS = 150;
const MOST_KINDS = 4;

// How far outcomes are apart, in bits.
function bits(kinds, total) {
  let sum = 0;
  for (const cells of kinds.values()) sum -= (cells.length / total) * Math.log2(cells.length / total);
  return sum;
}

// The lab's own runners share their cancellations.
const isOwn = (runner) => /^plain(-|$)/.test(runner) || !runner;

const byNumber = (one, other) => one.localeCompare(other, 'en', { numeric: true });

// Rows by job, each with its entries by column, each with its cells by outcome. A column is a
// cancellation, and of several versions one of them.
function grouped(run, cells, versions) {
  const rows = new Map();
  const columns = new Map();
  for (const cell of cells) {
    const job = run.cells.job[cell];
    const cancellation = run.cells.cancellation[cell];
    const version = versions.length > 1 ? run.versions[run.cells.runner[cell]][1] : '';
    const key = version ? `${cancellation} ${version}` : cancellation;
    if (!rows.has(job)) rows.set(job, { job, entries: new Map(), bits: 0 });
    const { entries } = rows.get(job);
    if (!entries.has(key)) entries.set(key, { cells: [], kinds: new Map() });
    const entry = entries.get(key);
    const outcome = run.cells.outcome[cell];
    entry.cells.push(cell);
    if (!entry.kinds.has(outcome)) entry.kinds.set(outcome, []);
    entry.kinds.get(outcome).push(cell);
    if (!columns.has(key)) columns.set(key, { key, cancellation, version });
  }
  for (const row of rows.values()) {
    for (const entry of row.entries.values()) {
      entry.kinds = new Map([...entry.kinds].sort((one, other) => other[1].length - one[1].length));
      row.bits += bits(entry.kinds, entry.cells.length);
    }
    row.bits += betweenVersions(row, columns.values());
  }
  return { rows: [...rows.values()], columns: [...columns.values()].sort((one, other) => one.cancellation - other.cancellation || byNumber(one.version, other.version)) };
}

// How far versions are apart: where they stand in columns of their own, no entry shows it.
function betweenVersions(row, columns) {
  const together = new Map();
  for (const { key, cancellation, version } of columns) {
    const entry = version && row.entries.get(key);
    if (!entry) continue;
    if (!together.has(cancellation)) together.set(cancellation, new Map());
    const kinds = together.get(cancellation);
    for (const [outcome, cells] of entry.kinds) kinds.set(outcome, [...(kinds.get(outcome) || []), ...cells]);
  }
  return [...together.values()].reduce((sum, kinds) => sum + bits(kinds, [...kinds.values()].flat().length), 0);
}

class Matrix {
  constructor(run, choice) {
    this.run = run;
    this.choice = choice;
    this.most = MOST_ROWS;
  }

  show() {
    const { run, choice } = this;
    const cells = choice.chosen();
    const parts = this.parts(cells);
    const rows = parts.reduce((sum, part) => sum + part.rows.length, 0);
    this.tell(cells.length, rows);
    const place = byId('table');
    if (!rows) {
      place.replaceChildren(make('p', { class: 'empty' }, `None of the ${counted(run.size, 'cell')} fits all of these choices (slice, shell and so on) and the search. Take one back, or `,
        make('button', { type: 'button', class: 'link', onclick: () => byId('everything').click() }, 'show everything'), '.'));
      return;
    }
    let left = this.most;
    const tables = [];
    for (const part of parts) {
      if (left <= 0) break;
      tables.push(this.table(part, left, !tables.length));
      left -= part.rows.length;
    }
    place.replaceChildren(...tables);
    if (rows > this.most) {
      place.append(make('p', {}, `${counted(rows - this.most, 'more job')} below. `,
        make('button', { type: 'button', class: 'quiet', onclick: () => { this.most += MOST_ROWS; this.show(); } }, `Show ${number(Math.min(MOST_ROWS, rows - this.most))} more`)));
    }
  }

  // What is shown in a table of its own: each real or modelled runner has its own cancellations, and
  // its versions stand beside each other. Of one job, and if a reader wants it, all are together.
  parts(cells) {
    const { run, choice } = this;
    const apart = choice.tables !== 'together' && !choice.job && run.words.runner.some((runner) => !isOwn(runner));
    const groups = new Map(apart || !cells.length ? [] : [['', cells]]);
    for (const cell of apart ? cells : []) {
      const [name] = run.versions[run.cells.runner[cell]];
      const group = isOwn(name) ? '' : name;
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(cell);
    }
    return [...groups].map(([runner, some]) => {
      const versions = runner ? [...new Set(some.map((cell) => run.versions[run.cells.runner[cell]][1]))].sort(byNumber) : [];
      const part = { runner, versions, ...grouped(run, some, versions) };
      if (choice.sort === 'catalogue') part.rows.sort((one, other) => one.job - other.job);
      else part.rows.sort((one, other) => other.bits - one.bits || one.job - other.job);
      return part;
    });
  }

  // The first one says what all of them show; each says whose it is.
  table(part, most, first) {
    const { columns, runner } = part;
    const table = make('table', { class: 'matrix entries' },
      make('caption', {}, first ? make('span', {}, this.caption()) : null, runner ? this.whose(part) : null),
      make('thead', {}, make('tr', {}, make('th', { scope: 'col' }, 'job'), columns.map((column) => this.head(column)))),
      make('tbody', {}, part.rows.slice(0, most).map((row) => this.row(row, columns))));
    this.first(table);
    printedWithin(table, 170 + columns.length * 84);
    return scrolling(`The matrix: jobs and cancellations${runner ? `, ${visible(runner)}` : ''}`, table);
  }

  whose({ runner, versions }) {
    const full = versions[0] ? `${runner}@${versions[0]}` : runner;
    const { sentence } = this.run.entry('runner', full);
    return make('span', { class: 'whose' }, make('b', { class: 'id' }, visible(versions.length > 1 ? runner : full)), sentence ? ` ${visible(sentence)}` : '');
  }

  tell(count, rows) {
    const { run, choice } = this;
    const rest = rows > this.most ? `, the first ${number(this.most)} of ${number(rows)} jobs in the table` : '';
    const words = count === run.size ? `All ${counted(run.size, 'cell')} are shown${rest}.` : `${number(count)} of ${counted(run.size, 'cell')} are shown${rest}.`;
    if (byId('count').textContent !== words) byId('count').textContent = words;
    const taken = ['job', 'cancellation'].filter((name) => choice[name]).map((name) => (
      make('button', { type: 'button', class: 'chip', 'aria-label': `Take back: only ${name} ${choice[name]}`, onclick: () => { choice[name] = ''; this.changed(); } },
        `only ${name} `, make('b', {}, visible(choice[name])), ' ×')));
    byId('only').replaceChildren(...taken);
  }

  caption() {
    const { run, choice } = this;
    const slice = run.slices.find((each) => each.id === choice.slice);
    const fixed = ['shell', 'launcher', 'runner'].filter((axis) => choice[axis]).map((axis) => `${axis} ${visible(choice[axis])}`);
    const title = slice ? `${visible(slice.id)}${slice.sentence ? `: ${visible(slice.sentence)}` : ''}` : 'all slices';
    return [title, ...fixed].join(' · ');
  }

  head({ cancellation, version }) {
    const word = this.run.words.cancellation[cancellation];
    const { sentence } = this.run.entry('cancellation', word);
    // A break may come behind each hyphen: columns are narrow, and names are not.
    const parts = visible(word || 'outcome').split(/(?<=-)/).flatMap((part, n) => (n ? [make('wbr'), part] : [part]));
    return make('th', { scope: 'col', title: visible(sentence) }, parts, version ? make('span', { class: 'version' }, ` @${visible(version)}`) : null);
  }

  row(row, columns) {
    const word = this.run.words.job[row.job];
    const { sentence } = this.run.entry('job', word);
    return make('tr', {},
      make('th', { scope: 'row', title: visible(sentence) }, make('span', { class: 'job' }, visible(word))),
      columns.map((column) => {
        const entry = row.entries.get(column.key);
        return make('td', {}, entry ? this.entry(row.job, column, entry) : null);
      }));
  }

  entry(job, { cancellation, version }, { cells, kinds }) {
    const { run } = this;
    const single = cells.length === 1;
    const all = [...kinds];
    const told = all.map(([outcome, some]) => `${single ? '' : `${some.length} × `}${outcomeWords(run.outcomes[outcome])}`).join('; ');
    const name = `${visible(run.words.job[job])}, ${visible(run.words.cancellation[cancellation])}${version ? ` @${visible(version)}` : ''}: ${single ? '' : `${counted(cells.length, 'cell')}, `}${told}`;
    return make('button', { type: 'button', class: 'entry', tabindex: '-1', 'aria-label': name, title: name,
      onclick: (event) => (single ? go(cellLink(run, cells[0])) : openEntry(run, event.currentTarget, job, cancellation, kinds)) },
    all.slice(0, MOST_KINDS).map(([outcome, some]) => make('span', { class: 'kind' },
      signs(run.outcomes[outcome], true), single ? null : make('span', { class: 'many' }, number(some.length)))),
    all.length > MOST_KINDS ? make('span', { class: 'kind more' }, `+ ${all.length - MOST_KINDS} more`) : null);
  }

  // One entry is in the order of the tab key; arrows lead to the others.
  first(table) {
    const entry = table.querySelector('.entry');
    if (entry) entry.tabIndex = 0;
    table.addEventListener('keydown', (event) => this.move(table, event));
    table.addEventListener('focusin', (event) => {
      if (!event.target.matches('.entry')) return;
      for (const other of table.querySelectorAll('.entry[tabindex="0"]')) other.tabIndex = -1;
      event.target.tabIndex = 0;
    });
  }

  move(table, event) {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    const entry = event.target.closest('.entry');
    if (!entry || (!step && event.key !== 'Home' && event.key !== 'End')) return;
    event.preventDefault();
    const cell = entry.parentElement;
    const across = [...cell.parentElement.querySelectorAll('.entry')];
    if (!step) { across.at(event.key === 'Home' ? 0 : -1).focus(); return; }
    let [row, column] = [cell.parentElement.rowIndex, cell.cellIndex];
    for (;;) {
      row += step[0];
      column += step[1];
      const found = row > 0 && table.rows[row]?.cells[column];
      if (!found || column < 1) return;
      if (found.firstElementChild) { found.firstElementChild.focus(); return; }
    }
  }
}

// The cells behind one entry, by outcome.
function openEntry(run, opener, job, cancellation, kinds) {
  const dialog = byId('entry');
  const varying = ['shell', 'launcher', 'runner'].filter((axis) => new Set([...kinds.values()].flat().map((cell) => run.cells[axis][cell])).size > 1);
  const axes = varying.length ? varying : ['shell'];
  const fixed = ['shell', 'launcher', 'runner'].filter((axis) => !axes.includes(axis)).map((axis) => `${axis} ${visible(run.word([...kinds.values()][0][0], axis))}`);
  dialog.replaceChildren(
    make('div', { class: 'dialog-head' },
      make('h2', { id: 'entry-title' }, make('span', { class: 'id' }, visible(run.words.job[job])), ' × ', make('span', { class: 'id' }, visible(run.words.cancellation[cancellation]))),
      make('button', { type: 'button', class: 'quiet', onclick: () => dialog.close() }, 'Close')),
    fixed.length ? make('p', { class: 'hint' }, fixed.join(', ')) : make('span'),
    ...[...kinds].map(([outcome, cells]) => make('section', { class: 'kind-list' },
      make('h3', {}, signs(run.outcomes[outcome], true), ` ${outcomeWords(run.outcomes[outcome])}`),
      make('p', { class: 'hint' }, counted(cells.length, 'cell')),
      make('ul', {}, cells.map((cell) => make('li', {}, make('a', { href: cellLink(run, cell), onclick: () => dialog.close() }, axes.map((axis) => visible(run.word(cell, axis))).join(' · '))))))));
  dialog.onclose = () => { if (!location.hash.startsWith('#cell=')) opener.focus(); };
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  dialog.showModal();
}
