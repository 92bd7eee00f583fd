"""The report in a real browser: nothing goes wrong, nothing is fetched, the slider and the filters work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.view.browser import Browser, chromium

SHOWN = "[...document.querySelectorAll('.photo[data-part]')].filter(row => row.offsetParent !== null)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    browser = Browser(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def test_it_works_in_a_browser_on_a_phone_and_on_a_desk(browser: Browser, finished_run: Path) -> None:
    for width in (390, 1400):
        browser.open(finished_run / "report.html", width, 900)
        assert browser.value("document.documentElement.scrollWidth") <= width
        total = browser.value(f"{SHOWN}.length")
        assert total == 9  # six of train, three of val

        opacity = "getComputedStyle(document.querySelector('.layer')).opacity"
        for value in (20, 90):
            browser.value(f"blend.value = {value}; blend.dispatchEvent(new Event('input', {{bubbles: true}}))")
            assert float(browser.value(opacity)) == pytest.approx(value / 100)
            assert browser.value("document.getElementById('blend-said').textContent") == f"{value} %"

        def choose(what: str, value: str) -> None:
            browser.value(
                f"document.getElementById('by-{what}').value = '{value}';"
                f"document.getElementById('by-{what}').dispatchEvent(new Event('change', {{bubbles: true}}))"
            )

        choose("part", "val")
        assert browser.value(f"{SHOWN}.length") == 3
        assert browser.value(f"{SHOWN}.every(row => row.dataset.part === 'val')")
        choose("rank", "worst")
        assert browser.value(f"{SHOWN}.every(row => row.dataset.rank === 'worst')")
        assert browser.value("document.getElementById('count').textContent") == "1 of 9 photos"
        choose("rank", "")
        choose("part", "")
        some = browser.value("document.getElementById('by-class').options[1].value")
        choose("class", some)
        expected = browser.value(
            "[...document.querySelectorAll('.photo[data-part]')]"
            f".filter(row => row.dataset.classes.split(' ').includes('{some}')).length"
        )
        assert 0 < browser.value(f"{SHOWN}.length") == expected
        choose("class", "")
        assert browser.value(f"{SHOWN}.length") == total

    methods = [message["method"] for message in browser.said]
    entries = [
        message for message in browser.said if message["method"] in ("Log.entryAdded", "Runtime.consoleAPICalled")
    ]
    assert entries == []
    assert "Runtime.exceptionThrown" not in methods
    fetched = {
        message["params"]["request"]["url"]
        for message in browser.said
        if message["method"] == "Network.requestWillBeSent"
    }
    assert all(address.startswith(("file:", "data:")) for address in fetched)
