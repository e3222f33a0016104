// The page that letters lead to: what their links are for, logging in, an authenticator.
// Tokens stay in this page's memory. The device token alone is kept: it opens nothing.

const DEVICE = "maxray-device";
const $ = (selector) => document.querySelector(selector);
const forms = [...document.forms];
let access = null; // the token of the session
let ticket = null; // of a login that waits for its second factor

class Refused extends Error {}

async function call(method, path, body, token = access) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(`/api${path}`, {
    method, headers, body: body && JSON.stringify(body), cache: "no-store", credentials: "omit",
  });
  const found = answer.status === 204 ? null : await answer.json();
  if (answer.ok) return found;
  const said = (found.errors ?? []).map((error) => error.detail).join("; ");
  throw new Refused(said || found.detail);
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

function on(id, work) {
  $(`#${id}`).addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.submitter;
    button.disabled = true;
    try {
      await work(Object.fromEntries(new FormData(event.target)));
      event.target.reset();
    } catch (error) {
      const refused = error instanceof Refused;
      $("#refusal").textContent = refused ? error.message : "The service is out of reach.";
    } finally {
      button.disabled = false;
    }
  });
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
  if (link) {
    history.replaceState(null, "", location.pathname);
    show(LINKS[link[0]][0]);
  } else {
    const wanted = location.hash.slice(1);
    show(["sign-up", "forgotten"].includes(wanted) ? wanted : access ? "account" : "login");
  }
}

async function opened(found) {
  if (found.status === "second_factor_needed") {
    ticket = found.ticket;
    return show("second-factor");
  }
  access = found.access_token;
  if (found.status === "enrolment_needed") return enrol({});
  localStorage.setItem(DEVICE, found.device_token);
  $("#who").textContent = `You are logged in as ${found.role}.`;
  const desk = ["ops", "admin"].includes(found.role);
  $("#live").hidden = !desk;
  if (desk) $("#live a").href = `/#${new URLSearchParams({ token: access })}`;
  $("#account [name=authenticator]").hidden = found.second_factor;
  show("account");
}

async function enrol(body) {
  const offer = await call("POST", "/accounts/me/totp", body);
  const svg = new DOMParser().parseFromString(offer.qr_svg, "image/svg+xml");
  $("#qr").replaceChildren(svg.documentElement);
  $("#secret").textContent = offer.secret;
  show("enrolment");
}

on("login", async ({ email, password }) => {
  const known = localStorage.getItem(DEVICE);
  const device = known ? { device_token: known } : {};
  await opened(await call("POST", "/sessions", { email, password, ...device }, null));
});

on("second-factor", async ({ code }) => {
  const factor = /^\d{6}$/.test(code.trim()) ? "totp" : "recovery_code";
  const body = { ticket, factor, code: code.trim() };
  await opened(await call("POST", "/sessions/second-factor", body, null));
});

on("enrolment", async ({ code }) => {
  const found = await call("POST", "/accounts/me/totp/confirmation", { code: code.trim() });
  $("#codes code").textContent = found.recovery_codes.join("  ");
  $("#codes").hidden = false;
  $("#account [name=authenticator]").hidden = true;
  if (found.session) await opened(found.session);
  else show("account");
});

on("sign-up", async (body) => say(`${(await call("POST", "/accounts", body, null)).detail}.`));
on("forgotten", async (body) => {
  say(`${(await call("POST", "/accounts/password-reset", body, null)).detail}.`);
});
on("confirm", () => follow({}));
on("new-password", follow);

$("#account [name=authenticator]").addEventListener("click", async () => {
  const password = prompt("Your password, once more");
  if (password) await enrol({ password }).catch((error) => { $("#refusal").textContent = error.message; });
});
$("#account [name=logout]").addEventListener("click", async () => {
  await call("DELETE", "/sessions/current").catch(() => null);
  access = null;
  $("#codes code").textContent = "";
  $("#codes").hidden = true;
  location.hash = "";
  show("login");
});

addEventListener("hashchange", go);
go();
