// An operator's board: the live fleet as a map that keeps itself in step, in the Protobuf format.
//
// node fleet.mjs ws://localhost:8000/connection/websocket REGION TOKEN
import { Centrifuge } from "centrifuge/build/protobuf";

const [address, region, token] = process.argv.slice(2);
const text = new TextDecoder();
const row = (entry) => JSON.parse(text.decode(entry.data));

const client = new Centrifuge(address, { token });
const fleet = client.newMapSubscription(`fleet:${region}`);
// The whole fleet: at the beginning, and again where too much was missed.
fleet.on("sync", ({ entries }) => {
  for (const unit of entries.map(row)) console.log(unit.unit, unit.status);
});
// After that, what changes.
fleet.on("update", (entry) => {
  if (entry.removed) console.log(entry.key, "left");
  else console.log(row(entry).unit, row(entry).status);
});
fleet.subscribe();
client.connect();
