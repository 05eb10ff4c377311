// The run as the page holds it: an index of all cells, and chunks that are inflated on demand.

const AXES = ['job', 'shell', 'launcher', 'runner', 'cancellation'];
const NO_INFLATION = 'This browser cannot unpack the data in this file (it has no DecompressionStream). '
  + 'Any browser since 2023 can.';

async function inflated(id) {
  if (typeof DecompressionStream === 'undefined') throw new Error(NO_INFLATION);
  const binary = atob(byId(id).textContent.trim());
  const bytes = new Uint8Array(binary.length);
  for (let n = 0; n < binary.length; n += 1) bytes[n] = binary.charCodeAt(n);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return JSON.parse(await new Response(stream).text());
}

// A stored line may leave out what has a default, as lines do that are older than a field.
function completed(value, { defaults, within }) {
  if (value === null || value === undefined) return value;
  if (Array.isArray(value)) return value.map((each) => completed(each, { defaults, within }));
  const whole = { ...defaults, ...value };
  for (const [name, inside] of Object.entries(within)) whole[name] = completed(whole[name], inside);
  return whole;
}

// A real runner's name and version.
function versioned(runner) {
  const at = runner.indexOf('@');
  return at < 0 ? [runner, ''] : [runner.slice(0, at), runner.slice(at + 1)];
}

class Run {
  static async read() {
    return new Run(await inflated('index'));
  }

  constructor(index) {
    Object.assign(this, index);
    // Users name jobs: a word may be `constructor`, so what words lead to is in maps.
    this.catalogue = new Map(AXES.map((axis) => [axis, new Map(Object.entries(index.catalogue[axis]))]));
    this.modelled = new Map(Object.entries(index.modelled));
    this.sentences = new Map(Object.entries(index.sentences));
    this.versions = this.words.runner.map(versioned);
    this.columns = AXES.map((axis) => this.cells[axis]);
    this.size = this.cells.outcome.length;
    this.numbers = Object.fromEntries(AXES.map((axis) => [axis, new Map(this.words[axis].map((word, n) => [word, n]))]));
    this.chunks = new Map();
    this.byKey = new Map();
    for (let cell = 0; cell < this.size; cell += 1) this.byKey.set(this.key(this.columns.map((column) => column[cell])), cell);
    this.claimsOf = new Map();
    for (const [claim, verdict, cells] of this.claims) {
      for (const cell of cells) {
        if (!this.claimsOf.has(cell)) this.claimsOf.set(cell, []);
        this.claimsOf.get(cell).push([claim, verdict]);
      }
    }
  }

  key(numbers) {
    return numbers.reduce((sum, each, n) => sum * this.words[AXES[n]].length + each, 0);
  }

  // The number of a cell by its id; -1: it is not in this run.
  find(id) {
    const words = id.split('/');
    while (words.length > 5) words.splice(0, 2, `${words[0]}/${words[1]}`);
    while (words.length < 5) words.push('');
    const numbers = words.map((word, n) => this.numbers[AXES[n]].get(word));
    return numbers.includes(undefined) ? -1 : this.byKey.get(this.key(numbers)) ?? -1;
  }

  word(cell, axis) {
    return this.words[axis][this.cells[axis][cell]];
  }

  id(cell) {
    return AXES.map((axis) => this.word(cell, axis)).filter((word, n) => word || n < 1).join('/');
  }

  outcome(cell) {
    return this.outcomes[this.cells.outcome[cell]];
  }

  // What the catalogue says of a word: its sentence, version, file name, text, and whether it is a remedy.
  entry(axis, word) {
    const [sentence = '', version = '', name = '', text = '', remedy = 0] = this.catalogue.get(axis).get(word) || [];
    return { sentence, version, name, text, remedy: Boolean(remedy) };
  }

  // Every attempt: its number, outcome, and where it is stored (chunk -1: it is not in this file).
  attemptsAt(cell) {
    const several = this.attempts[cell];
    if (several) return several.map(([attempt, outcome, chunk, at]) => ({ attempt, outcome: this.outcomes[outcome], chunk, at }));
    if (this.outcome(cell).values[0] === 'not measured') return [];
    return [{ attempt: 1, outcome: this.outcome(cell), chunk: this.cells.chunk[cell], at: this.cells.at[cell] }];
  }

  async load(chunk, at) {
    if (!this.chunks.has(chunk)) {
      if (this.chunks.size > 6) this.chunks.delete(this.chunks.keys().next().value);
      this.chunks.set(chunk, await inflated(`chunk-${chunk}`));
    }
    return this.chunks.get(chunk)[at];
  }
}

const cellLink = (run, cell, attempt = 1) => `#cell=${encodeURIComponent(run.id(cell) + (attempt > 1 ? `#${attempt}` : '')).replaceAll('%2F', '/')}`;
