// The maps of the chosen variant: one of all nodes together, or one a node; and which days they show.

import { heat, HELD, LOST, UNKNOWN, FULL, WHOLE, shortName } from './heat.js'
import { MinuteMap } from './map.js'
import { Picture } from './paint.js'
import { now } from './overview.js'
import { DAY, MINUTE, day, iso } from './times.js'

const WEEK = 7 * DAY
const holder = document.getElementById('maps')
const legend = byNode => [
  [FULL, WHOLE, byNode ? 'complete' : 'complete on every node'],
  [HELD, 0, byNode ? 'missing here, not everywhere' : 'missing on some nodes'],
  [LOST, 0, 'missing everywhere'],
  [LOST, 6, 'partly'],
  [UNKNOWN, 0, 'not known'],
]

export class Maps {
  constructor(onPlay, onHeat) {
    Object.assign(this, { onPlay, onHeat, maps: [], path: null, end: null, newest: 0, told: null, playing: null })
    for (const input of document.querySelectorAll('[name=view]')) input.addEventListener('change', () => this.redraw())
    document.getElementById('earlier').addEventListener('click', () => this.turn(-WEEK))
    document.getElementById('later').addEventListener('click', () => this.turn(WEEK))
    new ResizeObserver(() => this.draw()).observe(holder)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw())
  }

  async show(path) {
    if (path !== this.path) {
      document.getElementById('map-title').textContent = `Every minute of ${path}`
      holder.classList.add('waiting')
    }
    this.path = path
    const mine = ++this.newest
    try {
      const told = await heat(path, this.range())
      if (mine !== this.newest) return
      this.told = told
      holder.classList.remove('waiting')
      this.redraw()
      if (this.end === null) this.onHeat(path, told)
    } catch (error) {
      if (mine === this.newest && (!this.told || holder.classList.contains('waiting'))) this.fail(error)
    }
  }

  fail(error) {
    Object.assign(this, { told: null, maps: [] })
    holder.classList.remove('waiting')
    holder.textContent = `The minutes cannot be told: ${error.message}`
  }

  // Turns to the days in which a time lies.
  async reach(time) {
    if (time === null || !this.told || this.told.has(this.told.index(time)) || time > now()) return
    this.end = Math.min(now(), Math.ceil((time + WEEK / 2) / DAY) * DAY)
    if (now() - this.end < DAY) this.end = null
    await this.show(this.path)
  }

  async turn(by) {
    this.end = (this.end ?? now()) + by
    if (this.end > now() - DAY) this.end = null
    await this.show(this.path)
  }

  // The start of the next hole after a time, or before it; null if there is none in what is shown.
  hole(time, direction) {
    const [map] = this.maps
    if (!map) return null
    const from = map.heat.index(time)
    const found = map.hole(from, direction)
    return found === from ? null : map.heat.time(found)
  }

  // The first minute after a time that this node can play; null if there is none in what is shown.
  there(time) {
    return this.told?.there(time + MINUTE) ?? null
  }

  markPlaying(time) {
    this.playing = time
    for (const map of this.maps) map.markPlaying(time)
  }

  range() {
    if (this.end === null) return {}
    const end = Math.floor(this.end / MINUTE) * MINUTE
    return { start: iso(end - WEEK), end: iso(end) }
  }

  get byNode() {
    return document.querySelector('[name=view]:checked').value === 'nodes'
  }

  redraw() {
    if (!this.told) return
    const { byNode } = this
    const views = byNode ? this.told.nodes : [null]
    const names = views.map(node => node === null ? 'all nodes together' : shortName(node.name))
    if (names.join() !== this.maps.map(map => map.name).join()) this.rebuild(names)
    this.maps.forEach((map, number) => {
      map.title.textContent = byNode ? map.name + (views[number].error ? `: ${views[number].error}` : '') : this.unknown()
      map.title.hidden = !map.title.textContent
      map.show(this.told, views[number], this.path)
      map.markPlaying(this.playing)
    })
    document.getElementById('days').textContent = between(this.told.begin, this.told.end - MINUTE)
    document.getElementById('later').disabled = this.end === null
    this.explain()
  }

  // Whom the map of all does not speak of.
  unknown() {
    const silent = this.told.nodes.filter(node => node.error)
    return silent.length ? `Without ${silent.map(node => shortName(node.name)).join(', ')}: ${silent[0].error}` : ''
  }

  rebuild(names) {
    this.maps = names.map(name => new MinuteMap(name, this.onPlay))
    holder.replaceChildren(...this.maps.map(map => map.figure))
  }

  draw() {
    for (const map of this.maps) map.draw()
    this.explain()
  }

  explain() {
    document.getElementById('legend').replaceChildren(...legend(this.byNode).map(([kind, share, words]) => {
      const canvas = document.createElement('canvas')
      const ratio = devicePixelRatio, [width, height] = [Math.round(18 * ratio), Math.round(12 * ratio)]
      const picture = new Picture(canvas, width, height, ratio)
      picture.cell(kind, share, { left: 0, top: 0, right: width, bottom: height })
      picture.show()
      canvas.ariaHidden = 'true'
      const item = document.createElement('span')
      item.append(canvas, words)
      return item
    }))
  }
}

const between = (first, last) => day(first) === day(last) ? day(last) : `${day(first)} – ${day(last)}`
