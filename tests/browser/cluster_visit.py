"""What an operator does with the page of a real node in Chromium, and what they find: a line of JSON.

It is a program of its own, `python -m tests.browser.cluster_visit JSON`, for the reason that visits.py gives.
"""

import json
import shutil
import sys
from typing import Any

from playwright.sync_api import Response, sync_playwright

from tests.browser.visits import ALL_IS_THERE, SWITCHES, Visit

ROWS = '#holes tbody tr'
IT_GOES_ON = "document.getElementById('video').currentTime > {} + 1"
IT_IS_TOLD = "document.querySelector('#backfill-said').textContent.includes('asked now')"
MAP_LACKS_NOTHING_THAT_IS_HELD = "!document.querySelector('#maps').textContent.includes('\u2193')"


class OperatorsVisit(Visit):
    """Somebody who looks after the cluster. The node, too, is heard when it refuses something."""

    refused: list[str]

    def listen(self) -> None:
        self.refused = []
        self.page.on('response', self._note)

    def give(self, token: str) -> None:
        self.page.fill('#token-text', token)
        self.page.keyboard.press('Enter')

    def looks(self) -> dict[str, Any]:
        """What the page says of holes, in words and on the map."""
        return {
            'verdict': self.page.inner_text('#verdict'),
            'title': self.page.title(),
            'rows': self.page.locator(ROWS).all_inner_texts(),
            'map': self.read_canvas(),
        }

    def by_node(self) -> list[str]:
        """Whose maps there are."""
        self.page.click('text=By node')
        names = self.page.locator('#maps figcaption').all_inner_texts()
        self.page.click('text=Together')
        return names

    def play(self, minute: str) -> dict[str, Any]:
        """A click on the minute, and what is seen of it for more than a second."""
        self.page.click('#maps canvas', position=self.point_at(minute))
        played = self.plays()
        self.until(IT_GOES_ON.format(self.page.evaluate("document.getElementById('video').currentTime")))
        return played

    def backfill(self) -> dict[str, Any]:
        """With the token that reads, then with the one that is asked for; until the page has the news."""
        self.page.click('#backfill')
        self.page.wait_for_selector('#token:not([hidden])')
        refused = self.page.inner_text('#backfill-said')
        self.give(self.told['admin'])
        self.until(IT_IS_TOLD)
        said = self.page.inner_text('#backfill-said')
        self.until(f"document.querySelectorAll('{ROWS}').length === 1")
        return {'refused': refused, 'said': said}

    def _note(self, response: Response) -> None:
        if response.status >= 400:
            self.refused.append(f'{response.status} {response.url.removeprefix(self.told["url"])}')


def visited(visit: OperatorsVisit) -> dict[str, Any]:
    """From the first look to the end of the holes that could be filled, without loading the page again."""
    visit.listen()
    page = visit.open('/')
    page.wait_for_selector('#token:not([hidden])')
    before = page.inner_text('main')
    visit.give(visit.told['read'])
    visit.until(ALL_IS_THERE)
    visit.until(f"document.querySelectorAll('{ROWS}').length === 2")
    page.evaluate('globalThis.stayed = true')
    found = {'before': before, 'first': visit.looks(), 'maps': visit.by_node()}
    found['played'] = visit.play(visit.told['minute'])
    visit.picture('cluster')
    found['pass'] = visit.backfill()
    visit.until(MAP_LACKS_NOTHING_THAT_IS_HELD)
    return {**found, 'after': visit.looks(), 'stayed': page.evaluate('globalThis.stayed')}


def main() -> None:
    told = json.loads(sys.argv[1])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which('chromium'), args=SWITCHES, chromium_sandbox=False
        )
        visit = OperatorsVisit(browser, told)
        facts = visited(visit)
        print(
            json.dumps(
                {**facts, 'refused': visit.refused, 'urls': visit.urls, 'complaints': visit.complaints}
            )
        )
        browser.close()


if __name__ == '__main__':
    main()
