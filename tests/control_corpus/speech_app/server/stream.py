import asyncio

import torch
import websockets

net = torch.jit.load("ctc.ts").eval()


async def listen(socket):
    async for message in socket:
        wave = torch.frombuffer(bytearray(message), dtype=torch.int16).float() / 32768
        with torch.no_grad():
            best = net(wave[None]).argmax(-1)
        await socket.send(" ".join(map(str, best.tolist())))


async def main():
    async with websockets.serve(listen, "0.0.0.0", 9000):
        await asyncio.Future()


asyncio.run(main())
