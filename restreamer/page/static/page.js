// The page: what is chosen, in the table, on the map, in the address, and what then happens.

import { onToken } from './access.js'
import { backfill } from './backfill.js'
import { read, written } from './choice.js'
import * as holes from './holes.js'
import { Maps } from './maps.js'
import { now, refresh, start } from './overview.js'
import { Player } from './player.js'
import * as strips from './strips.js'
import { SECOND, typed } from './times.js'

const AGAIN_MILLISECONDS = 30_000
const AROUND = 10 * SECOND

const still = matchMedia('(prefers-reduced-motion: reduce)')
const chosen = { path: null, where: '' }
const seen = { said: '', at: 0 }
const player = new Player(time => maps.markPlaying(time), time => maps.there(time))
const maps = new Maps(time => play(chosen.path, time), strips.draw)

const rows = () => [...document.querySelectorAll('tr[data-path]')]
const paths = () => rows().map(row => row.dataset.path)

// Promises that the map is there, if it has to change.
function choose(path, where = '') {
  const other = path !== chosen.path
  if (!other && where === chosen.where) return null
  Object.assign(chosen, { path, where })
  mark()
  loadHoles()
  return other ? maps.show(path) : null
}

// What plays is in the address, so that it can be sent to somebody, and found again by going back.
function play(path, time, { write = true } = {}) {
  const mapped = choose(path)
  if (write) history.pushState(null, '', written(path, time))
  player.play(path, time)
  maps.reach(time)
  showPlayer()
  mapped?.then(showPlayer)
}

function showPlayer() {
  document.getElementById('player').scrollIntoView({ block: 'nearest', behavior: still.matches ? 'auto' : 'smooth' })
}

function loadHoles() {
  const [from, to] = [document.querySelector('.verdict')?.dataset.start, document.querySelector('.verdict')?.dataset.end]
  holes.show(chosen.path, chosen.where, from ? { start: from, end: to } : {})
}

function mark() {
  for (const row of rows()) {
    const link = row.querySelector('[data-choose]')
    row.classList.toggle('chosen-row', row.dataset.path === chosen.path)
    if (row.dataset.path === chosen.path) link.setAttribute('aria-current', 'true')
    else link.removeAttribute('aria-current')
  }
}

// After each look at the overview: if it says something else, or after a while, what it is about is asked again.
function overviewChanged() {
  const first = chosen.path === null
  if (first) begin()
  if (chosen.path === null) return
  mark()
  const said = rows().map(row => row.dataset.said).join()
  const other = said !== seen.said
  seen.said = said
  if (!first && !other && Date.now() - seen.at < AGAIN_MILLISECONDS) return
  seen.at = Date.now()
  strips.load(rows().filter(row => row.dataset.path !== chosen.path))
  if (first) return
  maps.show(chosen.path)
  if (other) loadHoles()
}

// What the address names, else the variant that lacks most.
function begin() {
  const told = read(location.hash)
  const worst = rows().sort((one, other) => other.dataset.missing - one.dataset.missing)[0]?.dataset.path
  const path = told && paths().includes(told.path) ? told.path : worst
  if (!path) return
  if (told?.path === path && told.time !== null) play(path, told.time, { write: false })
  else choose(path)
}

function clicked(event) {
  const link = event.target.closest('a[data-choose], a[data-holes], a[data-play], a[data-skip]')
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return
  event.preventDefault()
  const { choose: path, holes: list, where, play: moment } = link.dataset
  if (moment) {
    const { path: of, time } = read(moment)
    play(of, time)
  } else if (list) {
    choose(list, where)
    holes.goThere()
  } else if (link.matches('[data-skip]')) {
    holes.goThere()
  } else {
    choose(path)
    history.replaceState(null, '', written(path, null))
  }
}

function goTo(event) {
  event.preventDefault()
  const field = document.getElementById('go-text')
  const time = typed(field.value, now())
  field.setCustomValidity(Number.isNaN(time) ? 'A time in UTC such as 2026-11-14 03:07' : '')
  if (field.reportValidity()) play(chosen.path, time)
}

async function copy({ currentTarget: button }) {
  const time = player.time === null ? null : Math.floor(player.time / SECOND) * SECOND
  const url = new URL(written(chosen.path, time), location.href.split(/[?#]/)[0])
  const words = button.textContent
  try {
    await navigator.clipboard.writeText(url)
    button.textContent = 'Copied'
  } catch {
    history.replaceState(null, '', url.hash)
    button.textContent = 'It is in the address'
  }
  setTimeout(() => { button.textContent = words }, 2000)
}

function listen() {
  document.addEventListener('click', clicked)
  document.getElementById('bottom').addEventListener('click', ({ target }) => { if (target.id === 'backfill') backfill() })
  document.getElementById('go').addEventListener('submit', goTo)
  document.getElementById('go-text').addEventListener('input', event => event.target.setCustomValidity(''))
  document.getElementById('copy').addEventListener('click', copy)
  document.getElementById('moves').addEventListener('click', ({ target }) => {
    if (target.dataset.step) player.move(target.dataset.step * SECOND)
    if (target.dataset.hole) toHole(+target.dataset.hole)
  })
  addEventListener('hashchange', () => {
    const told = read(location.hash)
    if (!told || !paths().includes(told.path)) return
    if (told.time === null) choose(told.path)
    else play(told.path, told.time, { write: false })
  })
  addEventListener('resize', strips.redraw)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', strips.redraw)
  onToken(refresh)
}

function toHole(direction) {
  const from = player.time ?? now()
  const time = maps.hole(direction > 0 ? from + 1.5 * AROUND : from, direction)
  if (time !== null) play(chosen.path, time - AROUND)
}

listen()
start(overviewChanged)
overviewChanged()
