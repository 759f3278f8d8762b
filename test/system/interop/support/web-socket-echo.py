# An echo server for WebSockets: ADDRESS PORT. Says "ready" when it listens. (python3-websockets)
import asyncio
import sys

import websockets


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def main():
    async with websockets.serve(echo, sys.argv[1], int(sys.argv[2]), max_size=None):
        print("ready", flush=True)
        await asyncio.Future()


asyncio.run(main())
