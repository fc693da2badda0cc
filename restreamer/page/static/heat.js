// What is covered, minute by minute, as the nodes tell it; and of what kind a minute is.

import { ask } from './access.js'
import { MINUTE } from './times.js'

export const OUTSIDE = 0, FULL = 1, HELD = 2, LOST = 3, UNKNOWN = 4
export const WHOLE = 9

const VERDICTS = { [LOST]: 'missing everywhere', [HELD]: 'missing on some nodes', [FULL]: 'complete', [UNKNOWN]: 'not known' }

export async function heat(path, range = {}) {
  const query = new URLSearchParams(range)
  return new Heat(await (await ask(`heat/${path}?${query}`)).json())
}

export class Heat {
  constructor(told) {
    this.start = Date.parse(told.start)
    this.minutes = told.minutes
    this.union = told.union
    this.nodes = told.nodes.map(each => ({ name: each.node, error: each.error, levels: each.error ? '' : each.minutes ?? '' }))
  }

  get end() { return this.start + this.minutes * MINUTE }
  time(index) { return this.start + index * MINUTE }
  index(time) { return Math.floor((time - this.start) / MINUTE) }
  has(index) { return index >= 0 && index < this.minutes }

  // The first minute of which anything is told; without any, the last one.
  get begin() {
    const index = [...this.union].findIndex(level => level !== '.')
    return this.time(index < 0 ? this.minutes - 1 : index)
  }

  // The kind of each minute and the share that is there, of one node, or of all together with null.
  cells(node) {
    const cells = { kinds: new Uint8Array(this.minutes), shares: new Uint8Array(this.minutes) }
    for (let index = 0; index < this.minutes; index++) {
      const [kind, share] = node === null ? this.together(index) : this.at(node, index)
      cells.kinds[index] = kind
      cells.shares[index] = share
    }
    return cells
  }

  at(node, index) {
    const level = node.levels[index] ?? '-'
    if (level === '.') return [OUTSIDE, 0]
    if (level === '-') return [UNKNOWN, 0]
    if (+level === WHOLE) return [FULL, WHOLE]
    return [this.union[index] === '9' ? HELD : LOST, +level]
  }

  together(index) {
    const level = this.union[index] ?? '-'
    if (level === '.') return [OUTSIDE, 0]
    if (level === '-') return [UNKNOWN, 0]
    if (+level < WHOLE) return [LOST, +level]
    let least = WHOLE
    for (const { levels } of this.nodes) if (levels[index] >= '0' && levels[index] <= '9') least = Math.min(least, +levels[index])
    return [least === WHOLE ? FULL : HELD, least]
  }

  // What is there of a minute, in words: the verdict, and then each node's share where they are not all whole.
  lines(index) {
    const [kind] = this.together(index)
    if (kind === OUTSIDE) return ['nothing was recorded then']
    if (kind === FULL && this.nodes.every(each => each.levels[index] === '9')) return ['complete on every node']
    return [VERDICTS[kind], ...this.nodes.map(each => `${shortName(each.name)} ${share(each.levels[index])}`)]
  }

  words(index) {
    const [verdict, ...nodes] = this.lines(index)
    return nodes.length ? `${verdict}: ${nodes.join(', ')}` : verdict
  }

  // The first minute from a time on of which this node holds something; null if there is none.
  there(time) {
    const { levels } = this.nodes[0]
    for (let index = Math.max(0, this.index(time)); index < this.minutes; index++) if (levels[index] > '0') return this.time(index)
    return null
  }
}

export const shortName = name => name.replace(/^\w+:\/\//, '').replace(/\/$/, '')

function share(level) {
  if (level === undefined || level === '-') return 'not known'
  if (level === '.') return 'nothing'
  return +level === WHOLE ? '100 %' : +level === 0 ? '0 %' : `about ${Math.round((+level + 0.5) / 9 * 100)} %`
}
