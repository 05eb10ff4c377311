// The two views of the page, its address, keys and colours.

const TITLE = document.title;
let current = '';
let kept = null; // Where the reader was before a cell was opened.

// What stands behind the # may have been typed by anybody.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const go = (address) => { location.hash = address; };

function themeButton() {
  const button = byId('theme');
  const dark = () => (document.documentElement.dataset.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
  const show = () => button.setAttribute('aria-pressed', String(dark()));
  button.addEventListener('click', () => {
    document.documentElement.dataset.theme = dark() ? 'light' : 'dark';
    try { localStorage.setItem('aftercancel-theme', document.documentElement.dataset.theme); } catch { /* Then it is forgotten. */ }
    show();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);
  show();
}

async function showCell(run, key) {
  const view = byId('cell');
  let content;
  try {
    content = await cellView(run, key);
  } catch (error) {
    content = [make('h1', { id: 'cell-title' }, visible(key)), make('p', { class: 'notice' }, `The cell cannot be shown. ${error.message}`)];
  }
  if (location.hash !== current) return; // The reader has gone on.
  view.replaceChildren(...content);
  byId('overview').hidden = true;
  view.hidden = false;
  document.title = `${visible(key)} · ${TITLE}`;
  scrollTo(0, 0);
  view.focus({ preventScroll: true });
  say(`Cell ${visible(key)}`);
}

function showOverview() {
  const view = byId('cell');
  const was = !view.hidden;
  view.hidden = true;
  view.replaceChildren();
  byId('overview').hidden = false;
  document.title = TITLE;
  return was;
}

function route(run, choice, matrix) {
  const before = current;
  current = location.hash;
  if (current.startsWith('#cell=')) {
    if (!before.startsWith('#cell=') && document.documentElement.dataset.ready) kept = { hash: before, top: scrollY, focus: document.activeElement };
    if (byId('entry').open) byId('entry').close();
    showCell(run, decoded(current.slice(6)));
    return;
  }
  const fromCell = showOverview();
  if (current.startsWith('#matrix?') && before !== current) {
    const wanted = new URLSearchParams(current.slice(8));
    if (wanted.toString() !== choice.parameters()) { choice.read(wanted); matrix.changed(); }
  }
  if (fromCell && kept && kept.hash === current) {
    scrollTo(0, kept.top);
    if (kept.focus?.isConnected) kept.focus.focus({ preventScroll: true });
    return;
  }
  const id = current.startsWith('#matrix') ? 'matrix' : decoded(current.slice(1));
  const target = id && byId(id);
  if (!target) return;
  if (target.matches('details')) target.open = true;
  if (current || fromCell) target.scrollIntoView();
}

function keys() {
  document.addEventListener('keydown', (event) => {
    const typing = event.target.matches('input, select, textarea');
    if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      if (!byId('cell').hidden) go('#matrix');
      // The view is back when the address has changed.
      setTimeout(() => byId('choose-find').focus());
    }
    if (event.key === 'Escape' && !byId('cell').hidden && !typing) {
      if (kept) history.back();
      else go('#matrix');
    }
  });
}

// What needs no script is still there; whoever waits for the page need not wait for ever.
function failed(error) {
  showOverview();
  byId('table').replaceChildren();
  byId('count').textContent = `The cells cannot be shown. ${error.message}`;
  document.documentElement.classList.add('failed');
  document.documentElement.dataset.ready = 'no';
}

async function begin() {
  themeButton();
  const run = await Run.read();
  const choice = new Choice(run);
  const matrix = new Matrix(run, choice);
  const form = choiceForm(run, choice, () => matrix.changed());
  matrix.changed = () => {
    matrix.most = MOST_ROWS;
    form.show();
    matrix.show();
    if (byId('cell').hidden && !location.hash.startsWith('#cell=')) {
      current = `#matrix?${choice.parameters()}`;
      history.replaceState(null, '', current);
    }
  };
  form.show();
  matrix.show();
  offerCases(run);
  keys();
  addEventListener('hashchange', () => route(run, choice, matrix));
  route(run, choice, matrix);
  document.documentElement.dataset.ready = 'yes';
}

begin().catch(failed);
