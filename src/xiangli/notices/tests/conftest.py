from __future__ import annotations

from collections.abc import Iterator

import pytest

from xiangli.notices.channels import sending, tokens
from xiangli.notices.tests.providers import Providers, running


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Providers]:
    """The providers on loopback, and a process that remembers no token and no silence."""
    monkeypatch.setattr(tokens, "_kept", {})
    monkeypatch.setattr(sending, "_silent_until", {})
    with running() as found:
        yield found
