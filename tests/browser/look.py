"""Chromium at a page, and what the page says of itself ten times a second, a line of JSON each.

It is a program of its own, `python look.py URL`, because the greenlets of playwright and those of gevent do
not get on. It imports nothing of ours, and goes on until it is told to stop.
"""

import shutil
import signal
import sys
import threading

from playwright.sync_api import sync_playwright

SWITCHES = ['--autoplay-policy=no-user-gesture-required']
BETWEEN_LOOKS_MILLISECONDS = 100


def main() -> None:
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which('chromium'), args=SWITCHES, chromium_sandbox=False
        )
        page = browser.new_page()
        page.goto(sys.argv[1])
        while not stopped.is_set():
            print(page.evaluate('look()'), flush=True)
            page.wait_for_timeout(BETWEEN_LOOKS_MILLISECONDS)
        browser.close()


if __name__ == '__main__':
    main()
