// The table of all cases of a claim, made when somebody opens it.

const MOST_CASES = 500;

function casesTable(run, claim, rows) {
  const body = make('tbody');
  const table = make('table', { class: 'cases' }, make('caption', {}, `All cases of ${claim}`),
    make('thead', {}, make('tr', {}, ['it holds', 'because', 'cells'].map((name) => make('th', { scope: 'col' }, name)))), body);
  const add = (some) => body.append(...some.map(([holds, sign, style, because, cells, attempts]) => make('tr', {},
    make('td', {}, make('span', { class: `verdict ${style}` }, make('span', { class: `sign ${style}`, 'aria-hidden': 'true' }, sign), ` ${holds}`)),
    make('td', {}, visible(because), attempts ? make('div', { class: 'hint' }, attempts) : null),
    make('td', {}, cells.map((cell) => make('div', {}, make('a', { class: 'cell', href: `#cell=${encodeURIComponent(cell).replaceAll('%2F', '/')}` }, visible(cell))))))));
  add(rows.slice(0, MOST_CASES));
  const rest = rows.length - MOST_CASES;
  const more = rest > 0 && make('p', {}, `${counted(rest, 'more case')}. `, make('button', { type: 'button', class: 'quiet', onclick: () => { add(rows.slice(MOST_CASES)); more.remove(); } }, 'Show all'));
  return [scrolling(`All cases of ${claim}`, table), more].filter(Boolean);
}

function offerCases(run) {
  let cases = null;
  for (const details of document.querySelectorAll('details.cases')) {
    details.addEventListener('toggle', async () => {
      if (!details.open || details.children.length > 1) return;
      cases ||= inflated('cases');
      try {
        const all = await cases;
        details.append(...casesTable(run, details.dataset.claim, all[details.dataset.claim]));
      } catch (error) {
        details.append(make('p', { class: 'notice' }, `The cases cannot be shown. ${error.message}`));
      }
    });
  }
}
