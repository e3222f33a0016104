// The page that letters lead to: what their links are for, logging in, second factors, sessions.
// Tokens stay in this page's memory. The device token alone is kept: it opens nothing.

import { asked, created } from "/ui/passkey.js";

const DEVICE = "maxray-device";
const $ = (selector) => document.querySelector(selector);
const forms = [...document.forms];
let access = null; // the token of the session
let whole = false; // it is good for more than setting up a second factor
let ticket = null; // of a login that waits for its second factor
let invitation = null; // of the family, until it is answered

class Refused extends Error {}

async function call(method, path, body, token = access) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(`/api${path}`, {
    method, headers, body: body && JSON.stringify(body), cache: "no-store", credentials: "omit",
  });
  const found = answer.status === 204 ? null : await answer.json();
  if (answer.ok) return found;
  if (answer.status === 401 && token && whole) forget();
  const said = (found.errors ?? []).map((error) => error.detail).join("; ");
  throw new Refused(said || found.detail);
}

function forget() {
  access = ticket = null;
  whole = false;
  $("#codes code").textContent = $("#notice").textContent = "";
  $("#codes").hidden = true;
  show("login");
}

function show(id) {
  for (const form of forms) form.hidden = form.id !== id;
  $("#refusal").textContent = "";
  $(`#${id} input`)?.focus();
}

function say(text) {
  $("#said p").textContent = text;
  show("said");
}

async function tried(button, work) {
  button.disabled = true;
  $("#refusal").textContent = "";
  try {
    await work();
  } catch (error) {
    // What the browser refuses (a passkey that was not shown) it says in words of its own.
    const told = error instanceof Refused || error instanceof DOMException;
    $("#refusal").textContent = told ? error.message : "The service is out of reach.";
  } finally {
    button.disabled = false;
  }
}

function on(id, work) {
  $(`#${id}`).addEventListener("submit", (event) => {
    event.preventDefault();
    tried(event.submitter, async () => {
      await work(Object.fromEntries(new FormData(event.target)));
      event.target.reset();
    });
  });
}

function press(id, name, work) {
  const button = $(`#${id} [name=${name}]`);
  button.addEventListener("click", () => tried(button, work));
}

// What the links are for: the fragment names it. It is taken out of the address at once.
const LINKS = {
  verify: ["confirm", "/accounts/verification", "Your account is ready."],
  email: ["confirm", "/accounts/email-change/confirmation", "This is your address from now on."],
  reset: ["new-password", "/accounts/password-reset/confirmation", "Your password is set."],
  invite: ["new-password", "/accounts/invitations/acceptance", "Your account is ready."],
};
let link = null;

async function follow(more) {
  const [purpose, token] = link;
  const [, path, done] = LINKS[purpose];
  const found = await call("POST", path, { token, ...more }, null);
  if (found?.device_token) localStorage.setItem(DEVICE, found.device_token);
  say(done);
}

function go() {
  const given = new URLSearchParams(location.hash.slice(1));
  link = [...given].find(([purpose]) => purpose in LINKS) ?? null;
  invitation = given.get("family") ?? invitation;
  if (link || given.has("family")) history.replaceState(null, "", location.pathname);
  const wanted = location.hash.slice(1);
  if (link) show(LINKS[link[0]][0]);
  else if (["sign-up", "forgotten"].includes(wanted)) show(wanted);
  else if (whole) home().catch(() => forget());
  else show("login");
}

const known = () => {
  const token = localStorage.getItem(DEVICE);
  return token ? { device_token: token } : {};
};

async function opened(found) {
  if (found.status === "second_factor_needed") {
    ticket = found.ticket;
    $("#second-factor [name=passkey]").hidden = !found.factors.includes("passkey");
    return show("second-factor");
  }
  access = found.access_token;
  whole = found.status === "opened";
  if (!whole) return enrol({});
  ticket = null;
  localStorage.setItem(DEVICE, found.device_token);
  $("#who").textContent = `You are logged in as ${found.role}.`;
  const desk = ["ops", "admin"].includes(found.role);
  $("#live").hidden = !desk;
  if (desk) $("#live a").href = `/#${new URLSearchParams({ token: access })}`;
  await home();
}

async function home() {
  if (invitation) return show("family");
  const [me, passkeys, sessions] = await Promise.all(
    ["/accounts/me", "/accounts/me/passkeys", "/sessions"].map((path) => call("GET", path)),
  );
  $("#account [name=authenticator]").hidden = me.second_factors.includes("totp");
  $("#advice").hidden = me.second_factors.length > 0;
  list("#passkeys", passkeys.items, (one) => [
    `${one.name}, of ${day(one.created_at)}`, "Remove",
    async () => call("POST", `/accounts/me/passkeys/${one.id}/removal`, await again()),
  ]);
  list("#sessions", sessions.items, (one) => [
    `${one.device || "an unknown device"} at ${one.address}, seen ${day(one.seen_at)}`,
    one.current ? "This one" : "End", one.current ? null : () => call("DELETE", `/sessions/${one.id}`),
  ]);
  show("account");
}

const day = (time) => new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

function list(id, items, shown) {
  $(id).replaceChildren(...items.map((item) => {
    const [text, label, work] = shown(item);
    const line = document.createElement("li");
    const words = document.createElement("span");
    words.textContent = text;
    const button = Object.assign(document.createElement("button"), {
      type: "button", textContent: label, disabled: !work, className: "other",
    });
    button.addEventListener("click", () => tried(button, async () => { await work(); await home(); }));
    line.append(words, button);
    return line;
  }));
}

async function again() {
  show("again");
  return new Promise((resolve, reject) => {
    const form = $("#again");
    form.onsubmit = (event) => {
      event.preventDefault();
      const password = new FormData(form).get("password");
      form.reset();
      show("account");
      resolve({ password });
    };
    form.querySelector("[name=back]").onclick = () => {
      show("account");
      reject(new Refused(""));
    };
  });
}

async function enrol(body) {
  const offer = await call("POST", "/accounts/me/totp", body);
  const svg = new DOMParser().parseFromString(offer.qr_svg, "image/svg+xml");
  $("#qr").replaceChildren(svg.documentElement);
  $("#secret").textContent = offer.secret;
  $("#enrolment [name=passkey]").hidden = whole;
  show("enrolment");
}

async function enrolled(found) {
  $("#codes code").textContent = found.recovery_codes.join("\n");
  $("#codes").hidden = found.recovery_codes.length === 0;
  await (found.session ? opened(found.session) : home());
}

async function addPasskey(body) {
  const credential = await created(await call("POST", "/accounts/me/passkeys/options", body));
  const name = `Passkey of ${navigator.platform || "this device"}`;
  await enrolled(await call("POST", "/accounts/me/passkeys", { name, credential }));
}

async function byPasskey(more) {
  const credential = await asked(await call("POST", "/sessions/passkey/options", more, null));
  await opened(await call("POST", "/sessions/passkey", { credential, ...more, ...known() }, null));
}

on("login", async ({ email, password }) => {
  await opened(await call("POST", "/sessions", { email, password, ...known() }, null));
});
press("login", "passkey", () => byPasskey({}));

on("second-factor", async ({ code }) => {
  const factor = /^\d{6}$/.test(code.trim()) ? "totp" : "recovery_code";
  const body = { ticket, factor, code: code.trim(), ...known() };
  await opened(await call("POST", "/sessions/second-factor", body, null));
});
press("second-factor", "passkey", () => byPasskey({ ticket }));

on("enrolment", async ({ code }) => {
  await enrolled(await call("POST", "/accounts/me/totp/confirmation", { code: code.trim() }));
});
press("enrolment", "passkey", () => addPasskey({}));

on("sign-up", async (body) => say(`${(await call("POST", "/accounts", body, null)).detail}.`));
on("forgotten", async (body) => {
  say(`${(await call("POST", "/accounts/password-reset", body, null)).detail}.`);
});
on("confirm", () => follow({}));
on("new-password", follow);

async function answered(method, path, told) {
  const link = invitation;
  invitation = null;
  try {
    await call(method, `/family/${encodeURIComponent(link)}${path}`);
    $("#notice").textContent = told;
  } finally {
    await home();
  }
}
on("family", () => answered("POST", "/acceptance", "You act for them from now on."));
press("family", "decline", () => answered("DELETE", "", "The invitation is declined."));

press("account", "authenticator", async () => enrol(await again()));
press("account", "passkey", async () => addPasskey(await again()));
press("account", "others", async () => { await call("DELETE", "/sessions"); await home(); });
press("account", "logout", async () => {
  await call("DELETE", "/sessions/current").catch(() => null);
  forget();
});

addEventListener("hashchange", go);
go();
