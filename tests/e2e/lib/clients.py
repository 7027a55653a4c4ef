"""Clients that keep their connections, from the moment a server is there: clients.py HOST PORT PATH CLIENTS SECONDS.

Prints how many requests were answered, and each way in which others were not, as JSON. What fails before the first connection
is made does not count: the server is not there yet. Nor does an end that the answer before has announced.
"""

import asyncio
import collections
import json
import sys
import time

host, port, path, clients, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5])
request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: clients\r\n\r\n".encode()
answers = collections.Counter()
dropped = collections.Counter()
began = None


async def body(reader, headers):
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
    else:
        await reader.readexactly(int(headers.get("content-length", 0)))


async def ask(reader, writer):
    """Whether the connection goes on."""
    writer.write(request)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip().lower() for name, _, value in (line.partition(":") for line in head[1:])}
    await body(reader, headers)
    answers[head[0].split()[1]] += 1
    return headers.get("connection") != "close"


async def client():
    global began
    while began is None or time.monotonic() < began + seconds:
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            if began is not None:
                dropped[f"not connected: {error}"] += 1
            await asyncio.sleep(0.02)
            continue
        began = began or time.monotonic()
        try:
            while await ask(reader, writer) and time.monotonic() < began + seconds:
                pass
        except (OSError, asyncio.IncompleteReadError) as error:
            dropped[f"not answered: {type(error).__name__}"] += 1
        writer.close()


async def main():
    await asyncio.wait_for(asyncio.gather(*(client() for _ in range(clients))), 60 + seconds)
    print(json.dumps({"answers": answers, "dropped": dropped}))


asyncio.run(main())
