"""Steady load from threads of this process, and what came of it."""

import threading

import httpx

_CLIENTS = 3
_PAUSE_S = 0.02


class Load:
    """Requests one after the other, from several clients.

    Attributes:
        answers: what came back, in order.
        failures: every request that did not get status 200.
    """

    def __init__(self):
        self.answers = []
        self.failures = []
        self._ends = threading.Event()
        self._threads = []

    def start(self, url, body):
        """Begins."""
        for _ in range(_CLIENTS):
            thread = threading.Thread(target=self._send, args=(url, body))
            thread.start()
            self._threads.append(thread)

    def _send(self, url, body):
        with httpx.Client(trust_env=False, timeout=60) as client:
            while not self._ends.wait(_PAUSE_S):
                try:
                    response = client.post(url, json=body)
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                    continue
                if response.status_code == 200:
                    self.answers.append(response.json())
                else:
                    self.failures.append((response.status_code, response.text[:300]))

    def stop(self):
        """Ends it, and waits for what is under way."""
        self._ends.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
