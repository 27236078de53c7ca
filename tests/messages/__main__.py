"""Write tests/data/messages anew, to be read before it is committed."""

from __future__ import annotations

import asyncio

from tests.messages.situations import KINDS, said, situations, write


async def _write_all() -> None:
    for kind in KINDS:
        found = {title: await said(each) for title, each in situations(kind).items()}
        write(kind, {title: {"reason": reason, "message": message} for title, (reason, message) in found.items()})


asyncio.run(_write_all())
