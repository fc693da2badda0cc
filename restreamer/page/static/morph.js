// Makes a tree say what another one says, by the fewest changes: focus, selection and scrolling stay as they are.

// What the reader opened or closed is theirs.
const OWN = new Set(['open'])

export function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data
    return
  }
  if (old.hasAttribute('data-keep')) return
  attributes(old, fresh)
  children(old, fresh)
}

function attributes(old, fresh) {
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value && !OWN.has(name)) old.setAttribute(name, value)
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !OWN.has(name)) old.removeAttribute(name)
}

function children(old, fresh) {
  const wanted = new Set([...fresh.children].map(each => each.id).filter(Boolean))
  const known = new Map([...old.children].filter(each => each.id).map(each => [each.id, each]))
  let here = old.firstChild
  for (const next of [...fresh.childNodes]) {
    while (here?.id && !wanted.has(here.id)) here = removed(here)
    const match = next.id ? known.get(next.id) : alike(here, next) ? here : null
    if (!match) {
      old.insertBefore(document.importNode(next, true), here)
      continue
    }
    if (match === here) here = here.nextSibling
    else old.insertBefore(match, here)
    morph(match, next)
  }
  while (here) here = removed(here)
}

const alike = (one, other) => one && one.nodeName === other.nodeName && !one.id

function removed(node) {
  const next = node.nextSibling
  node.remove()
  return next
}
