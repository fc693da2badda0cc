// Plays a variant from a moment on: by hls.js if it is there, else as the browser does by itself.

import { headers, signature, wantToken } from './access.js'
import { written } from './choice.js'
import { now } from './overview.js'
import { MINUTE, SECOND, clock, day, iso, local, minute } from './times.js'

const WINDOW = 15 * MINUTE
const STILL_THE_SAME = 1.5 * SECOND
const NATIVE = 'application/vnd.apple.mpegurl'

const video = document.getElementById('video')
const playing = document.getElementById('playing')
const said = document.getElementById('player-said')
const link = document.getElementById('playlist')

export class Player {
  // `onTime` hears of the time that is seen, again and again; `findNext` tells when there is something again.
  constructor(onTime, findNext) {
    Object.assign(this, { onTime, findNext, hls: null, path: null, wanted: null, until: null, asked: 0 })
    video.addEventListener('timeupdate', () => this.tell())
    video.addEventListener('seeked', () => this.tell())
    video.addEventListener('ended', () => { if (this.until < now()) this.play(this.path, this.until) })
    video.addEventListener('error', () => { if (!this.hls && video.error && video.src) this.say(`The browser cannot play this: ${video.error.message}`) })
  }

  // The time that is seen; null before anything is.
  get time() {
    if (this.hls?.playingDate) return this.hls.playingDate.getTime()
    const start = video.getStartDate?.().getTime() || this.wanted
    return start === null ? null : start + video.currentTime * SECOND
  }

  async play(path, time) {
    const mine = ++this.asked
    Object.assign(this, { path, wanted: time, until: time + WINDOW })
    this.say('')
    document.getElementById('player').classList.add('playing')
    playing.textContent = `${path}, ${day(time)} ${clock(time)} UTC …`
    this.onTime(time)
    const url = await this.url(path, time)
    const Hls = await player()
    if (mine !== this.asked) return
    this.stop()
    link.href = url
    link.hidden = false
    if (Hls?.isSupported()) this.byHls(Hls, url, time)
    else if (video.canPlayType(NATIVE)) this.natively(url)
    else this.say('This browser does not play HLS by itself, and this node was installed without hls.js (make assets). The playlist opens in VLC or mpv.')
  }

  // Moves by so many milliseconds: within what is loaded if it can, else by playing from there.
  move(by) {
    if (this.path === null) return
    this.play(this.path, Math.min(now(), (this.time ?? this.wanted) + by))
  }

  async url(path, time) {
    const range = { start: iso(time) }
    if (this.until < now()) range.end = iso(this.until)
    const signed = await signature(path).catch(() => '')
    return `playlist/${path}.m3u8?${new URLSearchParams(range)}${signed && `&${signed}`}`
  }

  byHls(Hls, url, time) {
    const hls = this.hls = new Hls({
      enableWorker: false, startPosition: 0, backBufferLength: 30,
      xhrSetup: request => { for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value) },
    })
    hls.once(Hls.Events.LEVEL_LOADED, (_, { details }) => this.begin(details, time))
    hls.on(Hls.Events.ERROR, (_, error) => { if (error.fatal) this.failed(error) })
    hls.loadSource(url)
    hls.attachMedia(video)
    this.run()
  }

  natively(url) {
    video.src = url
    this.run()
  }

  // Starts exactly at the time, or says how far off the first segment is.
  begin(details, time) {
    const first = details.fragments[0]?.programDateTime
    if (!first) return
    if (first < time) video.addEventListener('loadedmetadata', () => { video.currentTime = (time - first) / SECOND }, { once: true })
    if (first > time + STILL_THE_SAME) this.say(`Nothing is here from ${clock(time)} on; this is the first after it, ${clock(first)} UTC.`)
  }

  failed(error) {
    const { code } = error.response ?? {}
    if (code === 401 || code === 403) wantToken()
    if (/levelEmpty|levelParsing|manifestParsing/.test(error.details)) this.say(`This node holds nothing of ${this.path} from ${clock(this.wanted)} to ${clock(this.until)} UTC.`, this.findNext(this.wanted))
    else this.say(`It does not play: ${error.details}${code ? `, the node answers ${code}` : ''}.`)
    this.stop()
  }

  run() {
    video.play().catch(error => { if (error.name === 'NotAllowedError') this.say('The browser waits for you to press play.') })
  }

  stop() {
    this.hls?.destroy()
    this.hls = null
    video.removeAttribute('src')
    video.load()
  }

  tell() {
    const time = this.time
    if (time === null || !video.readyState) return
    playing.textContent = `${this.path}, ${day(time)} ${clock(time)} UTC`
    playing.title = `${local(time)} local time`
    this.onTime(time)
  }

  // A sentence, and perhaps a time to play from instead.
  say(text, next = null) {
    said.textContent = text
    said.hidden = !text
    if (next === null) return
    const link = Object.assign(document.createElement('a'), { href: written(this.path, next), textContent: `Play from ${minute(next)}` })
    link.dataset.play = written(this.path, next).slice(1)
    said.append(' ', link)
  }
}

// hls.js, loaded when it is needed first; null if the page has none.
async function player() {
  const { player: file } = document.body.dataset
  if (!file) return null
  const found = await import(new URL(file, document.baseURI)).catch(() => null)
  return found?.default ?? null
}
