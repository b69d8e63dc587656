// The table of contents: beside the text on wide screens, folded above it on narrow ones.

import { el } from './dom.js';

export function makeContents(entries) {
  const links = entries.map(({ id, title }) => el('a', { href: `#${id}` }, title));
  const fold = el('details', {}, el('summary', {}, 'Contents'),
    el('ol', {}, links.map((link) => el('li', {}, link))));
  const wide = window.matchMedia('(min-width: 1100px)');
  const follow = () => { fold.open = wide.matches; };
  wide.addEventListener('change', follow);
  follow();
  return { nav: el('nav', { class: 'contents', 'aria-label': 'Contents' }, fold), links };
}

// Marks the section being read: the last one whose heading has passed the upper part of the view.
export function trackReading(entries, links) {
  const mark = () => {
    let current = 0;
    entries.forEach(({ id }, i) => {
      if (document.getElementById(id).getBoundingClientRect().top < 140) current = i;
    });
    links.forEach((link, i) => {
      if (i === current) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    });
  };
  let waiting = false;
  document.addEventListener('scroll', () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      mark();
    });
  }, { passive: true });
  mark();
}
