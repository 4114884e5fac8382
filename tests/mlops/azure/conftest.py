"""What the tests of Azure's verbs share: a server of theirs on loopback, for as long as a test takes."""

import threading

import pytest


@pytest.fixture
def serve():
    """Let a server answer until the test has ended, and return it."""
    started = []

    def start(server):
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        server.server_close()
        thread.join()
