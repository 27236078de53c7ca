"""A person with Chromium: the program, the console that is served for them, and what they do with keys and mouse."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from hack.controlplane.processes import end, spawn

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
MISSING = "THE CONSOLE IS NOT TESTED IN A BROWSER: no chromium on the PATH (apt-get install chromium)"
SECONDS = 30.0
"""For anything that a person waits for; the machine may be busy."""

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium. Names of example.com lead to this machine: what is meant to be elsewhere must be here."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--host-resolver-rules=MAP *.example.com 127.0.0.1"]
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True, slots=True)
class Console:
    """A console that is served, in a process of its own."""

    first_url: str

    @property
    def origin(self) -> str:
        return self.first_url.partition("/?")[0]

    @property
    def port(self) -> int:
        return urlsplit(self.first_url).port or 0


@contextmanager
def console(kubeconfig: Path, *, log: Path, arguments: Sequence[str] = ()) -> Iterator[Console]:
    """Run `kubectl dragonfly console` while the context lasts. Its output is added to `log`."""
    program = Path(sys.executable).with_name("kubectl-dragonfly")
    log.touch()
    command: list[str | Path] = [program, "console", "--port=0", f"--kubeconfig={kubeconfig}", *arguments]
    process = spawn(command, log=log, environment=os.environ)
    try:
        yield Console(_first_url(log, process))
        assert process.poll() is None, f"the console ended by itself: {log.read_text()}"
    finally:
        end(process)


def _first_url(log: Path, process: subprocess.Popen[bytes]) -> str:
    give_up = time.monotonic() + SECONDS
    while (found := re.search(r"http://127\.0\.0\.1:\d+/\?token=[\w-]+", log.read_text())) is None:
        assert process.poll() is None, f"the console ended by itself: {log.read_text()}"
        assert time.monotonic() < give_up, f"no URL after {SECONDS} s: {log.read_text()}"
        time.sleep(0.05)
    return found[0]


class Person:
    """Looks at the console, in a browser context of their own."""

    def __init__(self, context: BrowserContext, console: Console) -> None:
        self.console = console
        self.context = context
        self.context.set_default_timeout(SECONDS * 1000)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page = self.watched(context.new_page())
        self.page.goto(console.first_url)
        self.root = self.page.url.rstrip("/")

    def watched(self, page: Page) -> Page:
        """Note what a page asks for, and what the browser has against it."""
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._note(message.type, message.text))
        return page

    def _note(self, kind: str, text: str) -> None:
        # A browser tells of every answer over 400 in this way, also where one is expected.
        if kind in {"error", "warning"} and "Failed to load resource" not in text:
            self.complaints.append(text)

    def goes_to(self, path: str) -> None:
        """Open a page of the console."""
        self.page.goto(f"{self.root}{path}")

    def sees(self, *words: str, within: str = "main") -> str:
        """Wait until a part of the page says all this, without loading it, and give what it says."""
        for each in words:
            self.page.wait_for_function(
                "([part, words]) => document.querySelector(part)?.innerText.includes(words)", arg=[within, each]
            )
        return self.page.inner_text(within)

    def hostnames(self) -> list[str]:
        """Read the first column of the peers' table."""
        return self.page.locator("#rows tbody th").all_inner_texts()

    def searches(self, way: str, value: str) -> None:
        """Fill in the form, and send it."""
        self.goes_to("/")
        self.page.get_by_role("radio", name=way, exact=True).check()
        self.page.get_by_role("textbox", name=way, exact=True).fill(value)
        self.page.get_by_role("button", name="Search", exact=True).click()

    def types_delete(self, word: str = "DELETE") -> None:
        """Confirm a preview."""
        self.page.get_by_label("Type DELETE to confirm").fill(word)
        self.page.get_by_role("button", name="Delete", exact=True).click()


def strangers(person: Person) -> list[str]:
    """Give what was asked of others than the console."""
    return [url for url in person.requests if not url.startswith((f"{person.console.origin}/", "data:"))]


OVERFLOWS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
"""Whether a page has to be scrolled sideways."""

FAINT = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return parse(getComputedStyle(document.body).backgroundColor);
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3 && node.data.trim()).length;
    if (!text || !element.checkVisibility() || element.matches(".skip, option")) continue;
    const [a, b] = [parse(getComputedStyle(element).color), ground(element)].map(light);
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push(`${element.outerHTML.slice(0, 80)}: ${contrast.toFixed(2)}`);
  }
  return found;
}"""
"""Texts whose contrast with their ground is below that of WCAG AA."""

NAMELESS = """() => {
  const found = [];
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, button, a[href]")) {
    const named = field.labels?.length || field.getAttribute("aria-label") || field.innerText?.trim()
      || field.textContent.trim();
    if (!named) found.push(field.outerHTML);
  }
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  found.push(...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `twice: #${id}`));
  for (const image of document.querySelectorAll("img:not([alt])")) found.push(image.outerHTML);
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  if (document.documentElement.lang !== "en") found.push("no language");
  return found;
}"""
"""What a screen reader could not name."""
