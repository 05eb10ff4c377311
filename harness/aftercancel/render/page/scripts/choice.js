// What the matrix shows: one word of an axis or all, a slice, outcomes, a search, and the order of rows.

const OUTCOMES = ['processes', 'cleanup', 'report'];
const CHOICES = ['slice', 'shell', 'launcher', 'runner', ...OUTCOMES, 'job', 'cancellation', 'find', 'sort', 'tables'];
const LABELS = { cleanup: 'clean-up', find: 'Search' };

class Choice {
  constructor(run) {
    this.run = run;
    this.reset();
    // What a search looks at: ids and sentences, in lower case.
    this.texts = AXES.map((axis) => run.words[axis].map((word) => `${word} ${run.entry(axis, word).sentence}`.toLowerCase()));
    this.inSlice = new Map(run.slices.map((slice) => [slice.id, new Set(slice.cells)]));
  }

  // The first slice: small enough to be read, and what most people ask first.
  reset() {
    for (const name of CHOICES) this[name] = '';
    if (this.run.slices.length) this.slice = this.run.slices[0].id;
  }

  everything() {
    for (const name of CHOICES) if (name !== 'sort' && name !== 'tables') this[name] = '';
  }

  read(parameters) {
    this.everything();
    for (const name of CHOICES) if (parameters.has(name)) this[name] = parameters.get(name);
    if (this.slice && !this.inSlice.has(this.slice)) this.slice = '';
  }

  parameters() {
    const given = CHOICES.filter((name) => this[name]).map((name) => [name, this[name]]);
    return new URLSearchParams(given).toString();
  }

  // The numbers of all cells that are chosen, in the order of the catalogue.
  chosen() {
    const { run } = this;
    const tests = [];
    for (const axis of AXES) {
      if (!this[axis]) continue;
      const wanted = run.numbers[axis].get(this[axis]) ?? -1;
      const column = run.cells[axis];
      tests.push((cell) => column[cell] === wanted);
    }
    OUTCOMES.forEach((name, n) => {
      if (!this[name]) return;
      const fits = run.outcomes.map((outcome) => outcome.values[n] === this[name]);
      tests.push((cell) => fits[run.cells.outcome[cell]]);
    });
    for (const term of this.find.toLowerCase().split(/\s+/).filter(Boolean)) {
      // A whole id is searched for word by word.
      for (const part of term.split('/').filter(Boolean)) {
        const fits = this.texts.map((texts) => texts.map((text) => text.includes(part)));
        tests.push((cell) => run.columns.some((column, n) => fits[n][column[cell]]));
      }
    }
    const slice = this.slice ? run.slices.find((each) => each.id === this.slice).cells : Array.from({ length: run.size }, (_, n) => n);
    return slice.filter((cell) => tests.every((test) => test(cell)));
  }
}

function option(value, label, chosen) {
  const made = make('option', { value }, label);
  made.selected = value === chosen;
  return made;
}

function select(name, label, options, choice, changed) {
  const made = make('select', { id: `choose-${name}`, name, onchange: () => { choice[name] = made.value; changed(); } }, options);
  return make('label', { class: `field ${name}` }, make('span', {}, label), made);
}

// The form above the matrix. It is made once; `show` puts the choice into it again.
function choiceForm(run, choice, changed) {
  const all = (name) => option('', `all ${name}`, choice[name]);
  const words = (axis, several) => [option('', `all ${several}`, choice[axis]), ...run.words[axis].map((word) => option(word, visible(word), choice[axis]))];
  const values = (n) => [option('', 'any', ''), ...[...new Set(run.outcomes.map((outcome) => outcome.values[n]))].map((value) => option(value, value, ''))];
  const find = make('input', { type: 'search', id: 'choose-find', name: 'find', autocomplete: 'off', placeholder: 'id or words of a sentence',
    oninput: () => { choice.find = find.value; clearTimeout(find.timer); find.timer = setTimeout(changed, 120); } });
  const form = byId('choice');
  form.addEventListener('submit', (event) => event.preventDefault());
  form.replaceChildren(
    make('div', { class: 'row' },
      select('slice', 'slice', [all('slices'), ...run.slices.map((slice) => option(slice.id, visible(slice.id), choice.slice))], choice, changed),
      select('shell', 'shell', words('shell', 'shells'), choice, changed),
      select('launcher', 'launcher', words('launcher', 'launchers'), choice, changed),
      select('runner', 'runner', words('runner', 'runners'), choice, changed),
      run.words.runner.some((runner) => !isOwn(runner))
        ? select('tables', 'tables', [option('', 'one for each runner', ''), option('together', 'one for all runners', '')], choice, changed) : null),
    make('div', { class: 'row' },
      make('label', { class: 'field find' }, make('span', {}, 'Search ', make('kbd', { 'aria-hidden': 'true' }, '/')), find),
      ...OUTCOMES.map((name, n) => select(name, LABELS[name] || name, values(n), choice, changed)),
      select('sort', 'order', [option('', 'where they disagree most first', ''), option('catalogue', 'as in the catalogue', '')], choice, changed),
      make('button', { type: 'button', class: 'quiet', id: 'everything', onclick: () => { choice.everything(); changed(); } }, 'Show everything')));
  return { show: () => {
    for (const name of CHOICES) {
      const field = byId(`choose-${name}`);
      if (field && field.value !== choice[name]) field.value = choice[name];
    }
  } };
}
