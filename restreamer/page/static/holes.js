// The table of holes of the chosen variant.

import { ask, Refused } from './access.js'
import { morph } from './morph.js'
import { dress } from './overview.js'

const section = document.getElementById('holes')
let newest = 0

export async function show(path, where, range) {
  const mine = ++newest
  try {
    const answer = await ask(`parts/holes/${path}?${new URLSearchParams({ ...range, where })}`)
    const told = new DOMParser().parseFromString(await answer.text(), 'text/html').body
    if (mine === newest) fill(told)
  } catch (error) {
    if (mine === newest && !(error instanceof Refused)) fill(failure(path, error))
  }
}

export function goThere() {
  section.focus({ preventScroll: true })
  section.scrollIntoView({ block: 'nearest' })
}

function fill(told) {
  dress(told)
  const holder = section.cloneNode(false)
  holder.append(...told.childNodes)
  morph(section, holder)
}

function failure(path, error) {
  const told = document.createElement('div')
  const title = Object.assign(document.createElement('h2'), { id: 'holes-title', textContent: `Holes of ${path}` })
  const why = Object.assign(document.createElement('p'), { className: 'bad', textContent: `They cannot be told: ${error.message}` })
  told.append(title, why)
  return told
}
