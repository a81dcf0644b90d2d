// Small helpers over the document. Text is only ever set as text, never as markup.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * The element of this id.
 * @returns {any}
 */
export const $ = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** An element with attributes and children (elements or text). */
export const h = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

/** The same of a drawing. */
export const s = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** A table that scrolls at the side where it is too wide: a first column of words, then columns of numbers. */
export const table = (label, first, numbers, rows) =>
  h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': label },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col' }, first),
          ...numbers.map((name) => h('th', { scope: 'col', class: 'number' }, name)),
        ),
      ),
      h('tbody', {}, ...rows),
    ),
  );

/** Sets the text where it is another: what has not changed is not read out again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Makes the children of `parent` those of `items`, in their order. An item that stays keeps its element, and the focus in it.
 * `create` makes an element, `update` brings it up to date.
 */
export function keyed(parent, items, keyOf, create, update) {
  const had = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const key = keyOf(item);
    const element = had.get(key) ?? create(item);
    element.dataset.key = key;
    had.delete(key);
    update(element, item);
    return element;
  });
  for (const gone of had.values()) gone.remove();
  let at = parent.firstElementChild;
  for (const element of wanted) {
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
}
