// Elements and text. Nothing that comes from a run is ever parsed as HTML.

const byId = (id) => document.getElementById(id);

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== ''));
  return element;
}

const make = (name, properties = {}, ...children) => fill(document.createElement(name), properties, children);
const draw = (name, properties = {}, ...children) => fill(document.createElementNS(SVG, name), properties, children);

// As Python's `visible`: what prints nothing, or moves something, is spelt out.
const SPELT = { '\n': '\\n', '\t': '\\t', '\r': '\\r', '\x1b': '\\e' };
function visible(text) {
  return String(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    if (SPELT[character]) return SPELT[character];
    const code = character.codePointAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

const shortened = (text, longest) => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`);
const number = (count) => count.toLocaleString('en-US');
const counted = (count, one, several = `${one}s`) => `${number(count)} ${count === 1 ? one : several}`;

const STYLES = { green: 'good', yellow: 'mild', 'bold red': 'bad', dim: 'dim' };
const styleClass = (style) => STYLES[style] || 'untold';
const QUESTIONS = ['processes', 'clean-up', 'report'];

// What an outcome is, as words for a title or somebody who hears the page.
function outcomeWords(outcome) {
  return outcome.values.map((value, n) => `${QUESTIONS[n]} ${value}`).join(', ')
    + outcome.signs.slice(3).map((sign) => `; ${sign[1]}`).join('');
}

function signs(outcome, hidden = false) {
  const words = outcomeWords(outcome);
  const properties = hidden ? { 'aria-hidden': 'true' } : { role: 'img', 'aria-label': words, title: words };
  return make('span', { class: 'signs', ...properties }, outcome.signs.map(([character, , style]) => (
    make('span', { class: `sign ${styleClass(style)}` }, character))));
}

// A region that scrolls by itself, and that a keyboard can scroll.
const scrolling = (label, ...children) => (
  make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label }, ...children));

// Numbered lines, each of which stays one line; of very many only the text.
const MOST_NUMBERED = 5000;
function source(label, lines) {
  const shown = lines.length > MOST_NUMBERED
    ? make('span', { class: 'unnumbered' }, lines.map(visible).join('\n'))
    : lines.map((line) => make('span', { class: 'line' }, `${visible(line)}\n`));
  return make('pre', { class: 'source', tabindex: '0', role: 'region', 'aria-label': label }, make('code', {}, shown));
}

// Paper cannot be scrolled: what is wider than a page is made smaller, as far as it can be read.
const PAPER = 680;
const printedWithin = (element, width) => element.style.setProperty('--print-zoom', Math.max(0.35, Math.min(1, PAPER / width)).toFixed(3));

function copyButton(what, text) {
  const button = make('button', { type: 'button', class: 'quiet', onclick: async () => {
    try {
      await navigator.clipboard.writeText(text());
      say(`${what} copied`);
      button.textContent = 'Copied';
    } catch {
      say(`${what} could not be copied: the browser does not allow it`);
      button.textContent = 'Not allowed here';
    }
  } }, `Copy ${what}`);
  return button;
}

function say(words) {
  byId('said').textContent = words;
}
