// The first page: signs in with a token, then shows a region from its ops and fleet channels.

import { Board } from "./board.js";
import { Centrifuge } from "./centrifuge.js";
import { CityMap } from "./map.js";

const FRAME_MS = 100;
const PAST = 60;
const KEY = "maxray-token";

const $ = (selector) => document.querySelector(selector);
const board = new Board();
const map = new CityMap($("#map canvas"));
let client = null;

// A token in the address (`/#token=…`) is taken out of it at once, so that it is in no history.
function start() {
  const given = new URLSearchParams(location.hash.slice(1));
  const region = given.get("region") ?? document.body.dataset.region;
  $("#region").textContent = region;
  if (given.has("token")) {
    sessionStorage.setItem(KEY, given.get("token"));
    history.replaceState(null, "", location.pathname);
  }
  $("#sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, $("#token").value.trim());
    $("#token").value = "";
    watch(region);
  });
  if (sessionStorage.getItem(KEY)) watch(region);
  else ask("");
}

function ask(why) {
  sessionStorage.removeItem(KEY);
  $("#refusal").textContent = why;
  $("#sign-in").hidden = false;
  $("#board").hidden = true;
  link("idle", "not connected");
}

function link(state, text) {
  $("#link").dataset.state = state;
  $("#link").textContent = text;
}

function watch(region) {
  const token = sessionStorage.getItem(KEY);
  $("#sign-in").hidden = true;
  $("#board").hidden = false;
  link("idle", "connecting");
  client?.close();
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  client = new Centrifuge(`${scheme}://${location.host}/connection/websocket`, token, {
    live: () => link("live", "live"),
    lost: (why) => link("lost", `${why}, reconnecting`),
    refused: (why) => ask(why),
  });
  const load = () => board.load(fetchRegion(region, token)).catch((why) => link("lost", String(why)));
  client.subscribe(`ops:${region}`, {
    subscribed: (missed) => { if (missed) load(); },
    publication: (update) => board.ops(update),
    before: PAST,
    past: (updates) => board.past(updates),
  });
  client.subscribe(`fleet:${region}`, { publication: (row) => board.fleet(row) });
  client.open();
}

// Repeated until it is answered: right after a restart of the service it may not be.
async function fetchRegion(region, token) {
  for (;;) {
    const answer = await fetch(`/api/dispatch/${encodeURIComponent(region)}`, {
      headers: { Authorization: `Bearer ${token}` },
    }).catch(() => null);
    if (answer?.ok) return answer.json();
    if (answer && answer.status < 500) throw new Error(`the region cannot be read: ${answer.status}`);
    await new Promise((done) => setTimeout(done, 1000));
  }
}

function figure(id, value) {
  const shown = $(`#${id}`);
  if (shown.textContent !== String(value)) shown.textContent = value;
}

function element(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function age(since) {
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(since)) / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function row(one) {
  const made = element("tr", "", one.phase === "waiting" ? "waiting" : "");
  const state = one.phase === "engaged" ? one.status.replace("_", " ") : one.phase;
  made.append(
    element("td", one.priority, `p${one.priority}`),
    element("td", state),
    element("td", board.units.get(one.unit)?.name ?? ""),
    element("td", age(one.raised_at)));
  return made;
}

function item(event) {
  const made = element("li", "", event.alert ? "alert" : "");
  made.append(element("time", new Date(event.at).toLocaleTimeString()), element("span", event.said));
  return made;
}

// Lists once a second, the map more often, and nothing at all while nobody looks.
let listedAt = 0;
function show() {
  setTimeout(() => requestAnimationFrame(show), FRAME_MS);
  if ($("#board").hidden) return;
  const now = performance.now();
  map.draw(board, now);
  if (now - listedAt < 1000) return;
  listedAt = now;
  figure("waiting", board.waiting);
  figure("engaged", board.engaged);
  figure("free", [...board.units.values()].filter((unit) => unit.free).length);
  for (const status of ["on_task", "on_break", "off_duty"]) figure(status, board.count(status));
  $("#figures .waiting").classList.toggle("some", board.waiting > 0);
  $("#cases tbody").replaceChildren(...board.open.map(row));
  $("#events ol").replaceChildren(...board.events.map(item));
}

start();
show();
