/* What the first map shows, read from its pixels; with a minute given, where on it that minute is. */
minute => {
  const canvas = document.querySelector('#maps canvas')
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  const [GAP, LABEL, DAYS, FIRST] = [10, 20, 8, Date.UTC(2026, 10, 7)]
  const block = (width - GAP * (DAYS - 1)) / DAYS, row = (height - LABEL) / 24
  const place = time => {
    const day = Math.floor((time - FIRST) / 86400000)
    const hour = new Date(time).getUTCHours(), column = new Date(time).getUTCMinutes()
    return { x: day * (block + GAP) + (column + 0.5) * block / 60, y: LABEL + hour * row + row / 2 }
  }
  if (minute) return place(Date.parse(minute))
  const style = getComputedStyle(document.documentElement)
  const kinds = {}
  for (const name of ['full', 'outside', 'held', 'held-line', 'held-tint', 'lost', 'lost-line', 'lost-tint', 'unknown', 'unknown-line'])
    kinds[style.getPropertyValue(`--${name}`).trim()] ??= name.split('-')[0]
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  const found = {}
  for (let time = Date.parse('2026-11-07T12:04:00Z'); time < Date.parse('2026-11-14T12:04:00Z'); time += 60000) {
    const { x, y } = place(time)
    const from = 4 * (Math.floor(x) + (Math.floor(y + row / 2) - 2) * canvas.width)
    const [red, green, blue] = data.subarray(from, from + 3)
    const kind = kinds[`#${[red, green, blue].map(part => part.toString(16).padStart(2, '0')).join('')}`] ?? 'odd'
    if (kind !== 'full' && kind !== 'outside') found[new Date(time).toISOString().slice(0, 16)] = kind
  }
  return found
}
