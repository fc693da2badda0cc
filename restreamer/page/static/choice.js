// What is chosen, as it stands in the address: #STREAM/VARIANT or #STREAM/VARIANT@TIME.

import { iso } from './times.js'

const LABEL = '[A-Za-z0-9_-][A-Za-z0-9._-]*'
const CHOICE = new RegExp(`^(${LABEL}/${LABEL})(?:@(.+))?$`)

export const written = (path, time) => `#${path}${time === null ? '' : `@${iso(time)}`}`

// { path, time }, time null if there is none; null for anything else.
export function read(text) {
  const found = CHOICE.exec(decoded(text.replace(/^#/, '')))
  if (!found) return null
  const time = found[2] ? Date.parse(found[2]) : NaN
  return { path: found[1], time: Number.isNaN(time) ? null : time }
}

function decoded(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}
