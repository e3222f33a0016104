"""A paramedic's device: goes on duty, takes each task it is offered, and says how far it is.

python device.py ws://localhost:8000/connection/websocket PARAMEDIC TOKEN
"""

import asyncio
import sys
import time

from centrifuge import Client, SubscriptionEventHandler

HERE = {"lat": 12.97, "lon": 77.59}


class Tasks(SubscriptionEventHandler):
    """Every change of this device's tasks, once and in order, also those of while it was away."""

    def __init__(self):
        self.offered = asyncio.Queue()

    async def on_publication(self, ctx):
        update = ctx.pub.data
        print(ctx.pub.offset, update["event"])
        if update["event"] == "TaskOffered":
            self.offered.put_nowait(update["task"]["id"])


async def shift(address, paramedic, token):
    tasks = Tasks()
    device = Client(address, token=token)
    await device.connect()
    subscription = device.new_subscription(f"device:{paramedic}", events=tasks)
    await subscription.subscribe()
    await subscription.ready()
    await device.rpc("shift.on", {"position": {**HERE, "at": time.time()}})
    print("on duty")
    while True:
        task = await tasks.offered.get()
        # The id makes the call safe to repeat: a second one with it changes nothing.
        await device.rpc("task.accept", {"task": task, "id": f"accept-{task}"})
        for step in ("en_route", "on_scene", "transporting", "at_hospital", "completed"):
            await asyncio.sleep(1)  # stands for the road, the patient, the hospital
            await device.rpc("position", HERE)
            await device.rpc("task.progress", {"task": task, "step": step})
        print("done with", task)


if __name__ == "__main__":
    asyncio.run(shift(*sys.argv[1:]))
