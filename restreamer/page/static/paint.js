// Paints cells into pixels. What is missing is hatched, so that it shows without colour too.

import { FULL, HELD, LOST, OUTSIDE, UNKNOWN, WHOLE } from './heat.js'

const LEAST_BAR = 0.5

// The colours of the style sheet, as pixels.
export function colours() {
  const style = getComputedStyle(document.documentElement)
  const pixel = name => {
    const [, red, green, blue] = /#(..)(..)(..)/.exec(style.getPropertyValue(name)).map(part => parseInt(part, 16))
    return new Uint32Array(new Uint8Array([red, green, blue, 255]).buffer)[0]
  }
  const shades = name => ({ solid: pixel(`--${name}`), line: pixel(`--${name}-line`), tint: pixel(`--${name}-tint`) })
  return { [OUTSIDE]: pixel('--outside'), [FULL]: pixel('--full'), [HELD]: shades('held'), [LOST]: shades('lost'), [UNKNOWN]: shades('unknown') }
}

export class Picture {
  constructor(canvas, width, height, ratio) {
    canvas.width = width
    canvas.height = height
    this.canvas = canvas
    this.step = Math.max(1, Math.round(ratio))
    this.image = new ImageData(Math.max(1, width), Math.max(1, height))
    this.pixels = new Uint32Array(this.image.data.buffer)
    this.colours = colours()
  }

  // A cell of a kind, of which a share is there; the bar at its foot is what is not.
  cell(kind, share, { left, top, right, bottom }) {
        const shades = this.colours[kind]
    const plain = kind === FULL || kind === OUTSIDE
    const bar = bottom - (bottom - top) * Math.max(LEAST_BAR, 1 - share / WHOLE)
    for (let y = top; y < bottom; y++) {
      const row = y * this.image.width
      for (let x = Math.max(0, left); x < Math.min(right, this.image.width); x++) {
        this.pixels[row + x] = plain ? shades : y < bar ? shades.tint : this.hatched(kind, x, y) ? shades.line : shades.solid
      }
    }
  }

  hatched(kind, x, y) {
    const [column, row] = [Math.floor(x / this.step), Math.floor(y / this.step)]
    if (kind === LOST) return (column + row) % 4 === 0
    if (kind === HELD) return (column - row + 4000) % 4 === 0
    return column % 4 === 0 && row % 3 === 0
  }

  show() {
    this.canvas.getContext('2d').putImageData(this.image, 0, 0)
  }
}
