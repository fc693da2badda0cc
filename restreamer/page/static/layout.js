// Where the minutes lie: a block a day, a row an hour, a column a minute; the blocks side by side as they fit.
// Days before anything was recorded are left out.

import { DAY, HOUR, MINUTE } from './times.js'

const GAP = 10
const LEAST_BLOCK = 120
const LABEL = 20
const HOURS = 24, MINUTES = 60

export class Layout {
  constructor(heat, width) {
    this.heat = heat
    this.first = Math.floor(heat.begin / DAY) * DAY
    this.days = Math.ceil((heat.end - this.first) / DAY)
    const fitting = Math.max(1, Math.floor((width + GAP) / (LEAST_BLOCK + GAP)))
    const rows = Math.ceil(this.days / fitting)
    this.across = Math.ceil(this.days / rows)
    this.width = width
    this.block = (width - GAP * (this.across - 1)) / this.across
    this.row = rows === 1 ? 8 : 6
    this.height = rows * (LABEL + HOURS * this.row) + (rows - 1) * GAP
    this.rows = rows
  }

  corner(day) {
    return { x: day % this.across * (this.block + GAP), y: Math.floor(day / this.across) * (LABEL + HOURS * this.row + GAP) }
  }

  // Where a minute lies, in pixels of the page.
  place(index) {
    const since = Math.max(0, this.heat.time(index) - this.first)
    const { x, y } = this.corner(Math.floor(since / DAY))
    const hour = Math.floor(since % DAY / HOUR), minute = Math.floor(since % HOUR / MINUTE)
    const top = y + LABEL + hour * this.row
    return {
      left: x + minute * this.block / MINUTES, right: x + (minute + 1) * this.block / MINUTES,
      top, bottom: top + this.row,
    }
  }

  // Where the hours lie.
  lines() {
    return this.labels().flatMap(({ x, y }) => Array.from({ length: HOURS }, (_, hour) => {
      const top = y + LABEL + hour * this.row
      return { left: x, right: x + this.block, top, bottom: top + this.row }
    }))
  }

  // The minute that lies there; null between the blocks and outside of what is known.
  at(x, y) {
    const column = Math.floor(x / (this.block + GAP)), line = Math.floor(y / (LABEL + HOURS * this.row + GAP))
    const [inX, inY] = [x - column * (this.block + GAP), y - line * (LABEL + HOURS * this.row + GAP) - LABEL]
    if (inX < 0 || inX >= this.block || inY < 0 || inY >= HOURS * this.row) return null
    const day = line * this.across + column
    const time = this.first + day * DAY + Math.floor(inY / this.row) * HOUR + Math.floor(inX / this.block * MINUTES) * MINUTE
    const index = this.heat.index(time)
    return this.heat.has(index) ? index : null
  }

  labels() {
    return Array.from({ length: this.days }, (_, day) => ({ time: this.first + day * DAY, ...this.corner(day) }))
  }

  // The hours that are named at the left of each row of blocks.
  hours() {
    return Array.from({ length: this.rows }, (_, row) => [0, 6, 12, 18].map(hour =>
      ({ hour, y: row * (LABEL + HOURS * this.row + GAP) + LABEL + hour * this.row }))).flat()
  }
}
