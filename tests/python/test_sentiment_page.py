"""tenon-sentiment --http: statuses, limits, many askers at once, and its page in a real browser.

The browser is driven by WebDriver's own protocol; chromedriver and chromium must be installed.
"""

import json
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from sentiment_files import Reference, program, reviews

JSON = {"Content-Type": "application/json"}
PATIENCE = 240  # seconds, of a browser among much other work
# No proxy leads to a server of this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return Reference(tmp_path_factory.mktemp("sentiment"))


@pytest.fixture(scope="module")
def address(reference):
    command = [program(), *reference.options(), "--http", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        said = server.stdout.readline().strip()
        assert said.startswith("http://127.0.0.1:") and said.endswith("/")
        yield said
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0


def ask(url, data=None, method=None, **headers):
    """Status, headers and body."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with OPENER.open(request, timeout=30) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def answer(address, text):
    status, headers, body = ask(
        f"{address}answer", json.dumps({"text": text}).encode(), Content_Type="application/json"
    )
    assert status == 200 and headers["Content-Type"] == "application/json", body
    return json.loads(body)


def raw(address, request, patience=30):
    """What comes back for these bytes until the server ends the connection."""
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_answers_are_those_of_pytorch(reference, address):
    texts = reviews(60, seed=7)
    for text, positive in zip(texts, reference.probabilities(texts), strict=True):
        said = answer(address, text)
        assert said["label"] == ("positive" if positive > 0.5 else "negative")
        assert said["probability"] == pytest.approx(max(positive, 1 - positive), abs=3e-6)
    assert answer(address, "good\nfilm\0 \u00e9 😀")["label"] in ("positive", "negative")


def test_the_page_is_there_and_asks_for_nothing_else(address):
    for path, kind in (
        ("", "text/html"),
        ("page.css", "text/css"),
        ("page.js", "text/javascript"),
        ("?a=b", "text/html"),
    ):
        status, headers, body = ask(address + path)
        assert status == 200 and headers["Content-Type"] == f"{kind}; charset=utf-8" and body
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff" and b"http://" not in body and b"https://" not in body
        head = ask(address + path, method="HEAD")
        assert head[0] == 200 and head[1]["Content-Length"] == str(len(body))
    host = address.split("/")[2].encode()
    for path in (b"/", b"/answer", b"/nothing"):
        assert raw(address, b"HEAD " + path + b" HTTP/1.0\r\nHost: " + host + b"\r\n\r\n").endswith(b"\r\n\r\n")


def test_wrong_requests_get_their_status(address):
    url = f"{address}answer"
    assert ask(f"{address}nothing")[0] == 404
    assert ask(f"{address}../etc/passwd")[0] == 404
    for method, path, allowed in (("GET", "answer", "POST"), ("DELETE", "answer", "POST"), ("POST", "", "GET, HEAD")):
        status, headers, _ = ask(address + path, b"{}" if method == "POST" else None, method)
        assert status == 405 and headers["Allow"] == allowed
    assert ask(url, b'{"text": "a"}', Content_Type="text/plain")[0] == 415
    assert ask(url, b'{"text": "a"}', Content_Type="application/json; charset=utf-8")[0] == 200
    bad = [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"text": 1}',
        b'{"text": "\xff"}',
        b'{"text": "\\ud800"}',
        b'{"text": "a"} x',
        b"[" * 60000,
    ]
    for body in bad:
        status, _, said = ask(url, body, **{"Content_Type": "application/json"})
        assert status == 400 and list(json.loads(said)) == ["error"], body
    assert ask(url, json.dumps({"text": "a" * 70_000}).encode(), Content_Type="application/json")[0] == 413
    assert ask(address, X_Long="a" * 9000)[0] == 431
    assert raw(address, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_other_names_and_origins_are_refused(address):
    port = address.rstrip("/").rsplit(":", 1)[1]
    for host, status in (
        (f"localhost:{port}", 200), (f"127.0.0.1:{port}", 200), (f"[::1]:{port}", 200), (f"evil.example:{port}", 421),
        ("127.0.0.1", 421), ("127.0.0.1:1", 421), (f"localhost.evil.example:{port}", 421), (f"127.0.0.1.x:{port}", 421),
    ):  # fmt: skip
        assert ask(address, Host=host)[0] == status, host
    body = b'{"text": "a"}'
    for origin, status in ((f"http://127.0.0.1:{port}", 200), ("http://evil.example", 403), ("null", 403)):
        assert ask(f"{address}answer", body, Content_Type="application/json", Origin=origin)[0] == status
    assert raw(address, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 421 ")


def test_many_ask_at_once(reference, address):
    texts = reviews(200, seed=8)
    alone = [answer(address, text) for text in texts]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda text: answer(address, text), texts)) == alone


def test_who_says_nothing_is_given_up(address):
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    start = time.monotonic()
    silent[0].sendall(b"GET / HTTP/1.1\r\nHost:")
    silent[0].settimeout(30)
    try:
        assert silent[0].recv(100) == b""
    except ConnectionResetError:
        pass
    assert 5 < time.monotonic() - start < 20
    assert answer(address, "good")["label"]
    for connection in silent:
        connection.close()


class Browser:
    """A session of WebDriver."""

    ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

    def __init__(self, driver, profile):
        options = {
            "args": [
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                f"--user-data-dir={profile}",
            ]
        }
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = f"{driver}/session"
        self.session += "/" + self.call("", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def call(self, path, data=None, method=None):
        request = urllib.request.Request(
            self.session + path, data=None if data is None else json.dumps(data).encode(), headers=JSON, method=method
        )
        with OPENER.open(request, timeout=PATIENCE) as response:
            return json.loads(response.read())["value"]

    def find(self, css):
        found = self.call("/element", {"using": "css selector", "value": css})
        return f"/element/{found[self.ELEMENT]}"

    def script(self, code):
        return self.call("/execute/sync", {"script": code, "args": []})

    def type(self, text):
        self.call(self.find("#review") + "/value", {"text": text})

    def shown(self):
        return self.call(self.find("#answer") + "/text")

    def share(self):
        return self.script("return document.getElementById('share').value")

    def wait_until(self, condition):
        end = time.monotonic() + PATIENCE
        while not self.script(f"return {condition}"):
            assert time.monotonic() < end, condition
            time.sleep(0.02)

    def wait_for(self, said):
        """Until the page shows this answer, to all its digits."""
        wanted = f"{said['label']} {said['probability']:.3f}"
        positive = said["probability"] if said["label"] == "positive" else 1 - said["probability"]
        end = time.monotonic() + PATIENCE
        while self.shown() != wanted or self.share() != pytest.approx(positive, abs=1e-9):
            assert time.monotonic() < end, (self.shown(), self.share(), said)
            time.sleep(0.02)


@pytest.fixture
def browser(address, tmp_path):
    driver = shutil.which("chromedriver")
    assert driver, "chromedriver is not installed; tools/check installs it"
    with subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout:
                if "started successfully on port" in line:
                    break
            port = line.rstrip(".\n").rsplit(" ", 1)[1]
            browser = Browser(f"http://127.0.0.1:{port}", tmp_path / "profile")
            browser.call("/url", {"url": address})
            yield browser
            browser.call("", method="DELETE")
        finally:
            process.terminate()


def test_the_page_answers_as_one_types(address, browser):
    field = browser.find("#review")
    assert browser.call(f"{field}/computedlabel") == "Your review"
    assert browser.call(f"{browser.find('#answer')}/computedrole") == "status"
    assert browser.shown() == ""
    browser.type("good film 최고")
    browser.wait_for(answer(address, "good film 최고"))
    browser.type(" bad bad")
    browser.wait_for(answer(address, "good film 최고 bad bad"))
    # Ctrl and a, then Backspace.
    browser.type("\ue009a\ue000\ue003")
    assert browser.shown() == ""

    # The first answer comes after the second, and is not shown.
    browser.script(
        "const real = fetch; let calls = 0; window.fetch = async (url, options) => {"
        " const late = ++calls === 1; window.asked = true; delete options.signal;"
        " const response = await real(url, options);"
        " while (late && !window.released) await new Promise((done) => setTimeout(done, 20));"
        " if (late) setTimeout(() => { window.returned = true; }, 100); return response; }"
    )
    browser.type("good")
    browser.wait_until("window.asked")
    browser.type(" bad film")
    second = answer(address, "good bad film")
    assert second != answer(address, "good")
    browser.wait_for(second)
    browser.script("window.released = true")
    browser.wait_until("window.returned")
    assert browser.shown() == f"{second['label']} {second['probability']:.3f}"

    # Dark where the system is, and nothing from elsewhere.
    colours = []
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.call("/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}})
        colours.append(browser.script("return getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(255, 255, 255)", "rgb(22, 24, 28)"]
    loaded = browser.script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert loaded and all(name.startswith((address, "data:")) for name in loaded)
    assert browser.call("/se/log", {"type": "browser"}) == []
