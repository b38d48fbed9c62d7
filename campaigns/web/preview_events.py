"""Tells open previews that a file was saved: one thread looks, Server-Sent Events carry the word."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final

from campaigns.pipeline.preview_live import stamps

LOOK_SECONDS: Final = 0.03
_SILENCE_SECONDS: Final = 15.0
_End = None


class SaveWatch:
    """Looks at folders again and again; `on_save(moved)` is called on its thread before anybody is told."""

    def __init__(self, folders: Sequence[Path], on_save: Callable[[bool], None]) -> None:
        self._folders, self._on_save = folders, on_save
        self._listeners: dict[asyncio.Queue[int | None], asyncio.AbstractEventLoop] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.version = 0

    def start(self) -> None:
        self._thread = threading.Thread(target=self._look, name="preview-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the looking, and every stream with it."""
        self._over.set()
        self._tell(_End)

    async def stream(self) -> AsyncIterator[str]:
        """The events for one browser: the number of saves so far, at each save."""
        queue: asyncio.Queue[int | None] = asyncio.Queue()
        self._listeners[queue] = asyncio.get_running_loop()
        try:
            yield f"retry: 500\nevent: hello\ndata: {self.version}\n\n"
            while not self._over.is_set():
                try:
                    said = await asyncio.wait_for(queue.get(), _SILENCE_SECONDS)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if said is _End:
                    return
                yield f"event: saved\ndata: {said}\n\n"
        finally:
            self._listeners.pop(queue, None)

    def _look(self) -> None:
        before = stamps(self._folders)
        while not self._over.wait(LOOK_SECONDS):
            now = stamps(self._folders)
            if now == before:
                continue
            moved = now.keys() != before.keys()
            before = now
            self._on_save(moved)
            self.version += 1
            self._tell(self.version)

    def _tell(self, said: int | None) -> None:
        for queue, loop in list(self._listeners.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(queue.put_nowait, said)
