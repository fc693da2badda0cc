// A strip of hours for each variant, in the table: an hour is as bad as its worst minute.

import { FULL, HELD, heat, LOST, OUTSIDE, UNKNOWN, WHOLE } from './heat.js'
import { Picture } from './paint.js'
import { HOUR, MINUTE } from './times.js'

const WORST = [LOST, HELD, UNKNOWN, FULL, OUTSIDE]
const AGAIN_MILLISECONDS = 5 * MINUTE
const known = new Map()
const asked = new Map()

// Draws the strip of a variant from what is told of its minutes.
export function draw(path, told) {
  known.set(path, told)
  const canvas = document.querySelector(`[data-strip="${path}"]`)
  if (!canvas) return
  const ratio = devicePixelRatio
  const picture = new Picture(canvas, Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio), ratio)
  const kinds = hours(told)
  kinds.forEach((kind, number) => picture.cell(kind, kind === FULL ? WHOLE : 0, {
    left: Math.round(number / kinds.length * canvas.width), right: Math.round((number + 1) / kinds.length * canvas.width),
    top: 0, bottom: canvas.height,
  }))
  picture.show()
  canvas.dataset.drawn = told.end
}

export function redraw() {
  for (const [path, told] of known) draw(path, told)
}

// Asks for those that are not known, or not as they are by now, one after the other.
export async function load(rows) {
  for (const { path, said } of rows.map(row => row.dataset)) {
    const before = asked.get(path)
    if (before?.said === said && Date.now() - before.at < AGAIN_MILLISECONDS) continue
    asked.set(path, { said, at: Date.now() })
    try {
      draw(path, await heat(path))
    } catch {
      asked.delete(path)
      return
    }
  }
}

function hours(told) {
  const first = Math.floor(told.start / HOUR) * HOUR
  const worst = new Array(Math.ceil((told.end - first) / HOUR)).fill(OUTSIDE)
  const { kinds } = told.cells(null)
  kinds.forEach((kind, index) => {
    const hour = Math.floor((told.time(index) - first) / HOUR)
    if (WORST.indexOf(kind) < WORST.indexOf(worst[hour])) worst[hour] = kind
  })
  return worst
}
