// Times as the page writes and reads them: milliseconds inside, UTC in text, local time beside it.

export const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR

const spoken = options => new Intl.DateTimeFormat('en-GB', { hourCycle: 'h23', ...options })
const DATE = { weekday: 'short', day: 'numeric', month: 'short' }
const TIME = { hour: '2-digit', minute: '2-digit', second: '2-digit' }
const utcDay = spoken({ ...DATE, timeZone: 'UTC' })
const localTime = spoken(TIME)
const localBoth = spoken({ ...DATE, ...TIME })

export const iso = time => new Date(time).toISOString().replace('.000Z', 'Z')
export const day = time => utcDay.format(time).replace(',', '')
export const clock = time => iso(time).slice(11, 19)
export const minute = time => `${day(time)} ${clock(time).slice(0, 5)}`
export const local = time => localBoth.format(time).replaceAll(',', '')
export const localClock = time => localTime.format(time)

// The local time of a minute; with the day where that is another one.
export function here(time) {
  const date = new Date(time)
  return date.getDate() === date.getUTCDate() ? localTime.format(time).slice(0, 5) : local(time).slice(0, -3)
}

// A length of time in its two largest units.
export function span(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`
  for (const [size, unit, smaller, small] of [[86400, 'd', 3600, 'h'], [3600, 'h', 60, 'min'], [60, 'min', 1, 's']]) {
    if (seconds < size) continue
    const rest = Math.floor(seconds % size / smaller)
    return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${small}` : ''}`
  }
}

// What a person typed, in UTC: a day and a time, or a time alone, which is the latest such before `now`. Else NaN.
export function typed(text, now) {
  const found = /^(?:(\d{4}-\d\d-\d\d)[T ]+)?(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?: ?UTC|Z)?$/.exec(text.trim())
  if (!found) return NaN
  const time = Date.parse(`${found[1] ?? iso(now).slice(0, 10)}T${found[2]}Z`)
  return found[1] || time <= now ? time : time - DAY
}
