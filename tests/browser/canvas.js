/* What the first map shows, read from its pixels: the minutes `from` a time `to` another that are neither complete
   nor outside. With a `minute`, where on it that minute is. `from` lies in the first day on the map. */
({ from, to, minute }) => {
  const map = document.querySelector('#maps figure'), canvas = map.querySelector('canvas')
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  const [GAP, LABEL, DAY, MINUTE] = [10, 20, 86400000, 60000]
  const first = Math.floor(Date.parse(from) / DAY) * DAY, days = map.querySelectorAll('.day').length
  const block = (width - GAP * (days - 1)) / days, row = (height - LABEL) / 24
  const place = time => {
    const day = Math.floor((time - first) / DAY)
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
  for (let time = Date.parse(from); time < Date.parse(to); time += MINUTE) {
    const { x, y } = place(time)
    const at = 4 * (Math.floor(x) + (Math.floor(y + row / 2) - 2) * canvas.width)
    const [red, green, blue] = data.subarray(at, at + 3)
    const kind = kinds[`#${[red, green, blue].map(part => part.toString(16).padStart(2, '0')).join('')}`] ?? 'odd'
    if (kind !== 'full' && kind !== 'outside') found[new Date(time).toISOString().slice(0, 16)] = kind
  }
  return found
}
