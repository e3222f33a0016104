// A patient's app: raises an emergency over REST and watches help come over a socket.
//
// node follow.mjs http://localhost:8000 PATIENT TOKEN
import { Centrifuge } from "centrifuge";

const [url, patient, token] = process.argv.slice(2);

const answer = await fetch(`${url}/api/patients/${patient}/emergency`, {
  method: "POST",
  headers: {
    Authorization: `Bearer ${token}`,
    "Content-Type": "application/json",
    // The same key again, after a timeout say, raises nothing new.
    "Idempotency-Key": crypto.randomUUID(),
  },
  body: JSON.stringify({
    location: { lat: 12.98, lon: 77.6 },
    symptoms: ["chest pain"],
    answers: {},
  }),
});
const emergency = await answer.json();
if (!answer.ok) throw new Error(emergency.detail);
console.log("raised", emergency.id);

const client = new Centrifuge(`${url.replace("http", "ws")}/connection/websocket`, { token });
// From its very beginning, so that nothing between the answer above and the subscription is missed.
const since = { offset: 0, epoch: "" };
const course = client.newSubscription(`emergency:${emergency.id}`, { since });
course.on("publication", ({ data }) => {
  console.log(data.event, data.emergency.status);
  if (data.emergency.status === "closed") client.disconnect();
});
// `recovered` false: more was missed than could be had; GET the emergency to know where it stands.
course.on("subscribed", ({ wasRecovering, recovered }) => {
  if (wasRecovering && !recovered) console.log("some changes were missed");
});
const track = client.newSubscription(`track:${emergency.id}`);
track.on("publication", ({ data }) => console.log("unit at", data.lat, data.lon, "eta", data.eta_s));
course.subscribe();
track.subscribe();
client.on("disconnected", () => process.exit(0));
client.connect();
