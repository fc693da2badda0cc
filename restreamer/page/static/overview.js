// Keeps the rendered parts of the page up to date, and says so when it cannot.

import { ask, Refused } from './access.js'
import { morph } from './morph.js'
import { clock, local, localClock, span } from './times.js'

const EVERY_MILLISECONDS = 5000
const LATE_SECONDS = 30

const fresh = document.getElementById('fresh')
const trouble = document.getElementById('trouble')
let ahead = 0
let updated = Date.now()
let next = 0
let changed = () => {}

// Now, by the clock of the node.
export const now = () => Date.now() + ahead

export function start(then) {
  changed = then
  adopt(document)
  tick()
  document.addEventListener('visibilitychange', () => document.hidden ? clearTimeout(next) : refresh())
  setInterval(tick, 1000)
  if (document.querySelector('.verdict')) next = setTimeout(refresh, EVERY_MILLISECONDS)
  else refresh()
}

export async function refresh() {
  clearTimeout(next)
  try {
    const answer = await ask('parts/overview')
    show(new DOMParser().parseFromString(await answer.text(), 'text/html'))
  } catch (error) {
    if (error instanceof Refused) return
    complain(error)
  }
  clearTimeout(next)
  if (!document.hidden) next = setTimeout(refresh, EVERY_MILLISECONDS)
}

// Gives times their local time to see on hover, and ages their number of the moment.
export function dress(tree) {
  for (const time of tree.querySelectorAll('time[datetime]')) time.title = `${local(Date.parse(time.dateTime))} local time`
  for (const time of tree.querySelectorAll('[data-age]')) count(time)
}

function adopt(tree) {
  const verdict = tree.querySelector('.verdict')
  if (verdict) ahead = Date.parse(verdict.dataset.time) - Date.now()
  updated = Date.now()
  dress(tree)
}

function show(told) {
  adopt(told)
  for (const id of ['node', 'top', 'bottom']) morph(document.getElementById(id), told.getElementById(id))
  document.title = told.title
  trouble.hidden = true
  document.body.classList.remove('stale')
  for (const id of ['map', 'player', 'holes']) document.getElementById(id).hidden = false
  tick()
  changed()
}

function complain(error) {
  const silent = error.name === 'TimeoutError' || error instanceof TypeError
  const why = silent ? 'This node does not answer.' : `This node cannot tell what it has: ${error.message}.`
  const old = document.querySelector('.verdict') ? ` What you see is as old as ${clock(updated + ahead)} UTC.` : ''
  trouble.textContent = why + old
  trouble.hidden = false
  document.body.classList.add('stale')
}

function tick() {
  const age = (Date.now() - updated) / 1000
  const [utc, here] = [clock(now()), localClock(now())]
  fresh.textContent = `${utc} UTC${here === utc ? '' : `, ${here} here`}${age > 2 * EVERY_MILLISECONDS / 1000 ? `, updated ${span(age)} ago` : ''}`
  for (const time of document.querySelectorAll('[data-age]')) count(time)
}

function count(time) {
  const seconds = (now() - Date.parse(time.dateTime)) / 1000
  time.textContent = span(seconds)
  time.classList.toggle('late', seconds > LATE_SECONDS)
}
