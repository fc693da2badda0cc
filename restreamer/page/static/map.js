// A map of minutes: one canvas, which the mouse and the keyboard can walk over.

import { HELD, LOST, OUTSIDE } from './heat.js'
import { Layout } from './layout.js'
import { Picture } from './paint.js'
import { day, DAY, here, minute } from './times.js'

const BETWEEN = 1
const LEAST_WIDTH = 4
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -60, ArrowDown: 60, PageUp: -1440, PageDown: 1440 }

export class MinuteMap {
  // `onPlay` hears of the time of a minute that is to be played.
  constructor(name, onPlay) {
    this.onPlay = onPlay
    this.name = name
    this.cursor = null
    this.figure = element('figure', 'map')
    this.title = element('figcaption', '', name)
    this.board = element('div', 'board')
    this.canvas = element('canvas')
    this.mark = element('i', 'mark-cursor')
    this.playing = element('i', 'mark-playing')
    this.tip = element('p', 'tip')
    this.labels = element('div', 'labels')
    this.board.append(this.labels, this.canvas, this.playing, this.mark, this.tip)
    this.figure.append(this.title, this.board)
    for (const each of [this.mark, this.playing, this.tip]) each.hidden = true
    for (const each of [this.labels, this.tip]) each.ariaHidden = 'true'
    this.listen()
  }

  show(heat, node, path) {
    const before = this.cursor === null || !this.heat ? null : this.heat.time(this.cursor)
    Object.assign(this, { heat, node, cells: heat.cells(node) })
    this.cursor = before === null ? null : inside(heat, heat.index(before))
    this.canvas.tabIndex = 0
    this.canvas.role = 'slider'
    this.canvas.ariaLabel = `${path}, ${this.name}, minute by minute`
    this.canvas.ariaValueMin = 0
    this.canvas.ariaValueMax = heat.minutes - 1
    this.draw()
    this.say()
  }

  draw() {
    if (!this.heat || !this.board.clientWidth) return
    const ratio = devicePixelRatio
    const layout = this.layout = new Layout(this.heat, this.canvas.clientWidth)
    this.canvas.style.height = `${layout.height}px`
    const picture = new Picture(this.canvas, Math.round(layout.width * ratio), Math.round(layout.height * ratio), ratio)
    for (const line of layout.lines()) picture.cell(OUTSIDE, 0, scaled(line, ratio))
    const first = Math.max(0, this.heat.index(layout.first))
    for (const lacking of [false, true]) for (let index = first; index < this.heat.minutes; index++) {
      if (this.lacks(index) !== lacking) continue
      const place = lacking ? widened(layout.place(index)) : layout.place(index)
      picture.cell(this.cells.kinds[index], this.cells.shares[index], scaled(place, ratio))
    }
    picture.show()
    this.label()
    this.move(this.playing, this.playingIndex ?? null)
    if (!this.mark.hidden) this.move(this.mark, this.cursor)
  }

  // Marks the minute that plays.
  markPlaying(time) {
    this.playingTime = time
    if (!this.heat) return
    this.playingIndex = time !== null && this.heat.has(this.heat.index(time)) ? this.heat.index(time) : null
    this.move(this.playing, this.playingIndex)
  }

  listen() {
    this.canvas.addEventListener('pointermove', event => this.hover(this.under(event)))
    this.canvas.addEventListener('pointerleave', () => this.hover(null))
    this.canvas.addEventListener('click', event => {
      const index = this.under(event)
      if (index === null) return
      this.cursor = index
      this.say()
      this.onPlay(this.heat.time(index))
    })
    this.canvas.addEventListener('keydown', event => this.key(event))
    this.canvas.addEventListener('focus', () => { if (this.canvas.matches(':focus-visible')) this.walk(this.cursor ?? this.newest()) })
    this.canvas.addEventListener('blur', () => this.hover(null))
  }

  under(event) {
    return this.layout?.at(event.offsetX, event.offsetY) ?? null
  }

  hover(index) {
    this.move(this.mark, index)
    this.tip.hidden = index === null
    if (index === null) return
    const when = element('strong', '', `${minute(this.heat.time(index))} UTC`)
    const lines = this.heat.lines(index).map(line => element('span', '', line))
    this.tip.replaceChildren(when, ` ${here(this.heat.time(index))} local`, ...lines)
    const { left, bottom } = this.layout.place(index)
    const room = this.board.clientWidth - this.tip.offsetWidth
    this.tip.style.left = `${Math.max(0, Math.min(left + this.canvas.offsetLeft, room))}px`
    this.tip.style.top = `${bottom + 8}px`
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const index = this.cursor ?? this.newest()
    const target = {
      Home: () => 0, End: () => this.heat.minutes - 1,
      n: () => this.hole(index, 1), p: () => this.hole(index, -1),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key]
    if (event.key === 'Enter' || event.key === ' ') this.onPlay(this.heat.time(index))
    else if (event.key in STEPS) this.walk(index + STEPS[event.key])
    else if (target) this.walk(target())
    else return
    event.preventDefault()
  }

  walk(index) {
    this.cursor = inside(this.heat, Math.max(index, this.heat.index(this.layout.first)))
    this.say()
    this.hover(this.cursor)
  }

  // The first minute of the next hole in a direction; the same minute if there is none.
  hole(index, direction) {
    const starts = at => this.lacks(at) && !this.lacks(at - 1)
    for (let at = index + direction; this.heat.has(at); at += direction) if (starts(at)) return at
    return index
  }

  lacks(index) {
    return this.cells.kinds[index] === LOST || this.cells.kinds[index] === HELD
  }

  newest() {
    return this.heat.minutes - 1
  }

  say() {
    const index = this.cursor ?? this.newest()
    this.canvas.ariaValueNow = index
    this.canvas.ariaValueText = `${minute(this.heat.time(index))} UTC, ${this.heat.words(index)}`
  }

  move(mark, index) {
    mark.hidden = index === null
    if (index === null || !this.layout) return
    const { left, right, top, bottom } = this.layout.place(index)
    Object.assign(mark.style, {
      left: `${left + this.canvas.offsetLeft}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px`,
    })
  }

  label() {
    const days = this.layout.labels().map(({ time, x, y }) => placed(this.dayLabel(time), x + this.canvas.offsetLeft, y, this.layout.block))
    const hours = this.layout.hours().map(({ hour, y }) => placed(element('span', 'hour', String(hour).padStart(2, '0')), 0, y))
    this.labels.replaceChildren(...days, ...hours)
  }

  // The day, and in how many of its minutes something is missing: everywhere, or on some nodes.
  dayLabel(time) {
    const first = Math.max(0, this.heat.index(time)), end = Math.min(this.heat.minutes, this.heat.index(time + DAY))
    const label = element('span', 'day', day(time))
    for (const [kind, sign] of [[LOST, '✗'], [HELD, '↓']]) {
      const minutes = this.cells.kinds.subarray(first, Math.max(first, end)).reduce((sum, each) => sum + (each === kind), 0)
      if (minutes) label.append(' ', element('b', kind === LOST ? 'lost' : '', `${sign} ${minutes} min`))
    }
    return label
  }
}

function placed(label, x, y, width = null) {
  label.style.left = `${x}px`
  label.style.top = `${y}px`
  if (width) label.style.maxWidth = `${width}px`
  return label
}

const inside = (heat, index) => Math.max(0, Math.min(heat.minutes - 1, index))

// One minute alone has to be seen, too.
function widened(rect) {
  const wider = Math.max(0, LEAST_WIDTH - (rect.right - rect.left)) / 2
  return { ...rect, left: rect.left - wider, right: rect.right + wider }
}

const scaled = (rect, ratio) => ({
  left: Math.round(rect.left * ratio), right: Math.round(rect.right * ratio),
  top: Math.round(rect.top * ratio), bottom: Math.round((rect.bottom - BETWEEN) * ratio),
})

function element(name, className = '', text = '') {
  return Object.assign(document.createElement(name), { className, textContent: text })
}
