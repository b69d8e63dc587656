// The only way this page makes elements: text always goes in as text nodes, never as markup.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  // Falsy children are left out, so that callers can write `condition && el(...)`.
  node.append(...children.flat().filter(Boolean));
  return node;
}
