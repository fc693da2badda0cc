// Asks this node, with the token if one was given. The token stays in this tab.

const KEY = 'segmesh-token'
const READING = 'This node asks for a token before it tells anything.'
const SIGNED_SECONDS = 6 * 3600
const DEADLINE_MILLISECONDS = 10_000

const form = document.getElementById('token')
const field = document.getElementById('token-text')
const label = form.querySelector('label')
const signatures = new Map()
let afterwards = null

export const token = () => sessionStorage.getItem(KEY)
export const headers = () => token() ? { Authorization: `Bearer ${token()}` } : {}

export class Refused extends Error {}

// The answer, if it is a good one; shows the form for the token where one is needed.
export async function ask(path, options = {}) {
  const signal = AbortSignal.timeout(DEADLINE_MILLISECONDS)
  const answer = await fetch(path, { signal, cache: 'no-cache', ...options, headers: headers() })
  if (answer.status === 401) {
    wantToken()
    throw new Refused('this node asks for a token')
  }
  if (!answer.ok) throw new Error(await sentence(answer))
  if (!afterwards) form.hidden = true // else it is wanted for more than reading
  return answer
}

// The query that lets a player read a variant without a header; empty where this is not needed, or not known.
export async function signature(path) {
  if (!token()) return ''
  const known = signatures.get(path)
  if (known && known.until > Date.now()) return known.query
  const answer = await fetch(`sign/${path}?seconds=${SIGNED_SECONDS}`, { method: 'POST', headers: headers() })
  if (!answer.ok) return ''
  const { query } = await answer.json()
  signatures.set(path, { query, until: Date.now() + SIGNED_SECONDS * 1000 / 2 })
  return query
}

// `then` is what follows a token, unless it was wanted for something else.
export function onToken(then) {
  form.addEventListener('submit', event => {
    event.preventDefault()
    sessionStorage.setItem(KEY, field.value)
    field.value = ''
    signatures.clear()
    form.hidden = true
    const next = afterwards ?? then
    afterwards = null
    next()
  })
}

// Shows the form; with another reason than reading, and what is to follow then.
export function wantToken(reason = READING, then = null) {
  if (document.activeElement === field) return
  label.textContent = reason
  if (token()) document.getElementById('token-said').textContent = 'The node does not take the token that it was given.'
  if (reason === READING) sessionStorage.removeItem(KEY)
  afterwards = then
  form.hidden = false
  form.scrollIntoView({ block: 'nearest' })
  field.focus()
}

export async function sentence(answer) {
  const told = await answer.json().catch(() => ({}))
  return told.error ?? `${answer.status} ${answer.statusText}`
}
