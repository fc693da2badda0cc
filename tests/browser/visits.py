"""What people do with the page in Chromium, and what they find: a line of JSON for each visit.

It is a program of its own, `python visits.py JSON`, because the greenlets of playwright and those of gevent
do not get on. It imports nothing of ours; the JSON says where the page is, and where pictures of it go.
"""

import json
import re
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

SWITCHES = ['--autoplay-policy=no-user-gesture-required', '--disable-gpu', '--mute-audio']
PATIENCE, BETWEEN_LOOKS_MILLISECONDS = 300, 40
READS_CANVAS = (Path(__file__).parent / 'canvas.js').read_text()
ALL_IS_THERE = """document.querySelector('#maps canvas') && document.querySelector('#holes table')
    && [...document.querySelectorAll('[data-strip]')].every(strip => strip.dataset.drawn)"""
IT_PLAYS = (
    "document.getElementById('video').currentTime > 0.5 && document.getElementById('playing').textContent"
)
MEASURES = """(() => {
    const entries = ['navigation', 'resource'].flatMap(type => performance.getEntriesByType(type))
    const bytes = entries.reduce((sum, each) => sum + each.encodedBodySize, 0)
    return { milliseconds: performance.now(), requests: entries.length, bytes }
})()"""
FOCUS_AND_VERDICT = "[document.activeElement, document.querySelector('.verdict')]"
OVERFLOW = 'document.documentElement.scrollWidth - innerWidth'


class Visit:
    """One person with a window of their own, who notes what goes wrong and what is asked for."""

    def __init__(self, browser: Browser, told: dict[str, Any], **window: Any) -> None:
        self.told = told
        self.complaints: list[str] = []
        self.urls: list[str] = []
        settings = {'viewport': {'width': 1400, 'height': 900}, 'timezone_id': 'Europe/Berlin', **window}
        self.page: Page = browser.new_context(**settings).new_page()
        self.page.set_default_timeout(15_000)
        self.page.on('console', lambda message: self._heard(message.type, message.text))
        self.page.on('pageerror', lambda error: self.complaints.append(str(error)))
        self.page.on('request', lambda request: self.urls.append(request.url))

    def open(self, path: str = '/', *, url: str = 'url') -> Page:
        self.page.goto(self.told[url] + path)
        return self.page

    def until(self, script: str) -> None:
        """Waits until the expression is true; playwright's own way needs `eval`, which the page forbids."""
        for _ in range(PATIENCE):
            if self.page.evaluate(script):
                return
            self.page.wait_for_timeout(BETWEEN_LOOKS_MILLISECONDS)
        said = self.page.inner_text('#player')
        raise TimeoutError(f'never true: {script}; the player says {said}')

    def open_whole(self, path: str = '/') -> Page:
        """The page with all that it shows."""
        self.open(path)
        self.until(ALL_IS_THERE)
        return self.page

    def picture(self, name: str) -> None:
        self.page.screenshot(path=f'{self.told["pictures"]}/{name}.png', full_page=True)

    def plays(self) -> dict[str, Any]:
        """What it says once the video runs."""
        self.until(IT_PLAYS)
        return {
            'says': self.page.inner_text('#playing'),
            'address': self.page.evaluate('location.hash'),
            'frames': self.page.evaluate(
                "document.getElementById('video').getVideoPlaybackQuality().totalVideoFrames"
            ),
        }

    def read_canvas(self) -> dict[str, str]:
        """Minute -> kind of all that is neither complete nor outside, as the pixels of the first map say."""
        found: dict[str, str] = self.page.evaluate(READS_CANVAS, self.told['map'])
        return found

    def point_at(self, minute: str) -> dict[str, float]:
        """Where on the canvas the minute is, for the mouse."""
        where: dict[str, float] = self.page.evaluate(READS_CANVAS, {**self.told['map'], 'minute': minute})
        return where

    def axe(self) -> list[str]:
        """What is serious or critical."""
        self.page.evaluate(Path(self.told['axe']).read_text())
        found = self.page.evaluate('axe.run()')
        return [
            f'{each["id"]}: {[node["html"] for node in each["nodes"]][:3]}'
            for each in found['violations']
            if each['impact'] in ('serious', 'critical')
        ]

    def _heard(self, kind: str, text: str) -> None:
        if kind in ('error', 'warning'):
            self.complaints.append(text)


def load(browser: Browser, told: dict[str, Any]) -> tuple[Visit, Any]:
    """A first look, with everything on it."""
    visit = Visit(browser, told)
    page = visit.open_whole()
    facts = page.evaluate(MEASURES)
    visit.picture('light')
    return visit, {**facts, 'verdict': page.inner_text('#verdict'), 'title': page.title(), 'axe': visit.axe()}


def look_at_map(browser: Browser, told: dict[str, Any]) -> tuple[Visit, Any]:
    """The holes of a variant on the map, and what the mouse hears of one."""
    visit = Visit(browser, told)
    page = visit.open_whole('/#bus/source')
    found = {'together': visit.read_canvas()}
    page.hover('#maps canvas', position=visit.point_at(told['minute']))
    tip = page.inner_text('.tip')
    page.click('text=By node')
    found['this node'] = visit.read_canvas()
    visit.picture('nodes')
    maps = page.locator('#maps canvas').count()
    page.click('text=Together')
    page.click('#row-bus-small [data-choose]')
    page.wait_for_selector('#maps figcaption:not([hidden])')
    found['silent'] = page.inner_text('#maps figcaption')
    return visit, {**found, 'tip': tip, 'maps': maps}


def click(browser: Browser, told: dict[str, Any]) -> tuple[Visit, Any]:
    """A click on a minute, and then what its address opens."""
    visit = Visit(browser, told)
    page = visit.open_whole()
    page.click('text=bus/source >> nth=0')
    visit.until("document.querySelector('#map-title').textContent.includes('bus/source')")
    page.click('#maps canvas', position=visit.point_at(told['minute']))
    clicked = visit.plays()
    visit.picture('playing')
    page.reload()
    return visit, {'clicked': clicked, 'again': visit.plays(), 'asked': visit.urls}


def keys(browser: Browser, told: dict[str, Any]) -> tuple[Visit, Any]:
    """The same with the keyboard alone."""
    visit = Visit(browser, told)
    page = visit.open_whole('/#bus/source')
    pressed = 0
    while page.evaluate('document.activeElement.localName') != 'canvas':
        page.keyboard.press('Tab')
        pressed += 1
    for key in ['ArrowUp'] * 9 + ['ArrowRight'] * 4:
        page.keyboard.press(key)
    says = page.get_attribute('#maps canvas', 'aria-valuetext')
    page.keyboard.press('p')
    hole = page.get_attribute('#maps canvas', 'aria-valuetext')
    page.keyboard.press('n')
    page.keyboard.press('Enter')
    return visit, {'tabs': pressed, 'says': says, 'hole': hole, 'says_playing': visit.plays()['says']}


def holes(browser: Browser, told: dict[str, Any]) -> tuple[Visit, Any]:
    """From a number in the table to the holes behind it, and around one of them."""
    visit = Visit(browser, told)
    page = visit.open_whole('/')
    page.click('#row-bus-source a[data-where=fetchable]')
    page.wait_for_selector('#holes .current >> text=can be fetched')
    rows = page.locator('#holes tbody tr').all_inner_texts()
    focused = page.evaluate('document.activeElement.id')
    page.click('#holes >> text=/all/')
    visit.until("document.querySelectorAll('#holes tbody tr').length > 1")
    page.click('#holes tbody tr:nth-child(2) >> text=Play')
    return visit, {'rows': rows, 'focused': focused, **visit.plays()}


def updates(browser: Browser, told: dict[str, Any]) -> tuple[Visit, Any]:
    """The page looks again by itself; then the node is gone, and back."""
    visit = Visit(browser, told)
    visit.page.clock.install()
    page = visit.open('/')
    page.wait_for_selector('#holes table')
    page.focus('#holes tbody a')
    page.evaluate(f'globalThis.before = {FOCUS_AND_VERDICT}')
    other = re.compile('.*/parts/overview$')
    page.route(
        other, lambda route: route.fulfill(body=route.fetch().text().replace('89 segments', '7 segments'))
    )
    page.clock.fast_forward(6000)
    page.wait_for_selector('#verdict >> text=7 segments')
    same = page.evaluate(f'{FOCUS_AND_VERDICT}.every((each, number) => each === before[number])')
    page.unroute(other)
    page.route(other, lambda route: route.abort())
    page.clock.fast_forward(6000)
    page.wait_for_selector('#trouble:not([hidden])')
    stale = page.inner_text('#trouble')
    visit.picture('stale')
    visit.complaints = [each for each in visit.complaints if 'net::ERR_FAILED' not in each]
    page.unroute(other)
    page.clock.fast_forward(6000)
    page.wait_for_selector('#trouble', state='hidden')
    return visit, {'same': same, 'stale': stale}


def backfill(browser: Browser, told: dict[str, Any]) -> tuple[Visit, Any]:
    """A pass is wanted; that takes a token, for which the page waits, also while it looks again."""
    visit = Visit(browser, told)
    visit.page.clock.install()
    page = visit.open('/')
    page.click('#backfill')
    page.wait_for_selector('#token:not([hidden])')
    for _ in range(2):
        with page.expect_response('**/parts/overview'):
            page.clock.fast_forward(6000)
    refused = page.inner_text('#backfill-said')
    page.fill('#token-text', told['token'])
    page.keyboard.press('Enter')
    page.wait_for_selector('#backfill-said >> text=asked')
    visit.complaints = [each for each in visit.complaints if '401' not in each]
    return visit, {'refused': refused, 'said': page.inner_text('#backfill-said')}


def native(browser: Browser, told: dict[str, Any]) -> tuple[Visit, Any]:
    """Without hls.js the browser plays by itself."""
    visit = Visit(browser, told)
    page = visit.page
    page.route('**/vendor/*', lambda route: route.abort())
    visit.open(f'/#bus/source@{told["minute"]}')
    facts = visit.plays()
    visit.complaints = [each for each in visit.complaints if 'net::ERR_FAILED' not in each]
    return visit, facts


def plain(browser: Browser, told: dict[str, Any]) -> tuple[Visit, Any]:
    """Without JavaScript."""
    visit = Visit(browser, told, java_script_enabled=False)
    page = visit.open('/')
    page.wait_for_url('**/?holes')
    visit.picture('plain')
    page.click('#row-bus-source a[data-where=fetchable]')
    return visit, {'text': page.inner_text('body'), 'rows': page.locator('.holes tbody tr').all_inner_texts()}


def phone(browser: Browser, told: dict[str, Any]) -> tuple[Visit, Any]:
    """On a narrow screen."""
    visit = Visit(browser, told, viewport={'width': 360, 'height': 740}, device_scale_factor=2)
    page = visit.open_whole()
    visit.picture('phone')
    facts = {'axe': visit.axe()}
    overflow = {}
    for width in (320, 360, 820, 901, 1100, 1241):
        page.set_viewport_size({'width': width, 'height': 740})
        overflow[width] = page.evaluate(OVERFLOW)
    return visit, {**facts, 'overflow': overflow}


def dark(browser: Browser, told: dict[str, Any]) -> tuple[Visit, Any]:
    """At night."""
    visit = Visit(browser, told, color_scheme='dark')
    visit.open_whole('/#bus/source')
    visit.picture('dark')
    return visit, {'axe': visit.axe(), 'map': visit.read_canvas()}


def token(browser: Browser, told: dict[str, Any]) -> tuple[Visit, Any]:
    """At a node that tells nothing without a token."""
    visit = Visit(browser, told)
    page = visit.open('/', url='closed_url')
    page.wait_for_selector('#token:not([hidden])')
    before = page.inner_text('main')
    visit.picture('token')
    page.fill('#token-text', told['token'])
    page.keyboard.press('Enter')
    visit.until(ALL_IS_THERE)
    kept = page.evaluate('[Object.values(sessionStorage), Object.values(localStorage), document.cookie]')
    visit.complaints = [each for each in visit.complaints if '401' not in each]
    return visit, {'before': before, 'kept': kept, 'form': page.is_visible('#token')}


VISITS: list[Callable[[Browser, dict[str, Any]], tuple[Visit, Any]]] = [
    load, look_at_map, click, keys, holes, updates, backfill, native, plain, phone, dark, token,
]  # fmt: skip


def main() -> None:
    told = json.loads(sys.argv[1])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which('chromium'), args=SWITCHES, chromium_sandbox=False
        )
        for visit in VISITS:
            print(json.dumps({'visit': visit.__name__, **_facts(visit, browser, told)}), flush=True)
        browser.close()


def _facts(visit: Any, browser: Browser, told: dict[str, Any]) -> dict[str, Any]:
    try:
        seen, facts = visit(browser, told)
    except Exception:  # whatever it is, the tests tell it
        return {'failure': traceback.format_exc()}
    seen.page.context.close()
    return {'complaints': seen.complaints, 'urls': seen.urls, 'facts': facts}


if __name__ == '__main__':
    main()
