// A region as the page knows it: its units and open emergencies, kept up by ops and fleet facts.

const KEPT_EVENTS = 60;
const SILENT = new Set([
  "UnitUpdated", "UnitLeft", "EmergencyUpdated", "CrewDone", "DeferralEnded", "StationsUpdated",
  "HospitalNoted",
]);

const SAID = {
  EmergencyQueued: (u) => `priority ${u.case?.priority ?? "?"} emergency raised`,
  EmergencyRemoved: (u) => `emergency ${u.reason ?? "over"}`,
  OfferMade: (u) => `offered to ${name(u)}`,
  OfferClosed: (u) => `${name(u)} ${u.outcome}`,
  CrewLost: (u) => `${name(u)} ${(u.outcome ?? "").replace("_", " ")}: looking for another`,
  NoUnitFree: (u) => `no unit free (${(u.reason ?? "").replaceAll("_", " ")})`,
  AllRefused: () => "every unit refused, asking again soon",
  RoundRestarted: () => "asking all units again",
  OpsAlerted: (u) => `nobody takes it: ops desk alerted (${u.case?.level ?? 1})`,
  UnitTakenOver: (u) => `${name(u)} diverted to a more urgent one`,
  UnitStoodDown: () => "a further unit stood down",
  EmergencyDeferred: (u) => `waiting for ${name(u)}, soon free`,
  OverrideOrdered: (u) => `the desk sends ${name(u)}`,
  OverrideLapsed: (u) => `${name(u)} cannot go any more`,
  UnitPosted: (u) => `${name(u)} moves to another station`,
  ShiftReported: (u) => `${name(u)}: shift ${u.reason ?? ""}`,
};
const ALERTS = new Set(["NoUnitFree", "AllRefused", "OpsAlerted", "CrewLost"]);

// A case is one unit that is wanted for one emergency; most have but one.
const key = (one) => `${one.emergency}#${one.slot ?? 1}`;
const name = (update) => update.unit?.name ?? "a unit";

// An event as a line of text; nothing of those that only say that somebody's card is newer.
function tell(update) {
  if (SILENT.has(update.event)) return null;
  const said = SAID[update.event]?.(update) ?? update.event;
  return { at: update.at, said, alert: ALERTS.has(update.event) };
}

export class Board {
  constructor() {
    this.units = new Map();
    this.cases = new Map();
    this.events = [];
    this.loading = null;
  }

  // While the whole is being fetched, what happens meanwhile waits, and is applied on top of it.
  async load(fetched) {
    const waiting = (this.loading = []);
    const view = await fetched;
    if (this.loading !== waiting) return;
    this.loading = null;
    this.cases = new Map(view.cases.map((one) => [key(one), one]));
    for (const unit of view.units) this.merge(unit);
    const known = new Set(view.units.map((unit) => unit.unit));
    for (const id of this.units.keys()) if (!known.has(id)) this.units.delete(id);
    waiting.forEach((update) => this.ops(update));
  }

  ops(update) {
    if (this.loading) return void this.loading.push(update);
    if (update.event === "UnitLeft") this.units.delete(update.unit?.unit);
    else if (update.unit) this.merge(update.unit);
    if (update.left) this.cases.set(key(update.left), update.left);
    if (update.event === "EmergencyRemoved") this.drop((one) => one.emergency === update.emergency);
    else if (update.event === "UnitStoodDown") this.cases.delete(key(update.case));
    else if (update.case) this.cases.set(key(update.case), update.case);
    const told = tell(update);
    if (told) this.events.unshift(told);
    this.events.length = Math.min(this.events.length, KEPT_EVENTS);
  }

  drop(over) {
    for (const [id, one] of this.cases) if (over(one)) this.cases.delete(id);
  }

  // What had happened before we came, newest first.
  past(updates) {
    const since = this.events.at(-1)?.at ?? "~";
    this.events.push(...updates.map(tell).filter((told) => told && told.at < since));
    this.events.length = Math.min(this.events.length, KEPT_EVENTS);
  }

  fleet(row) {
    if (row.status === "retired") this.units.delete(row.unit);
    else this.merge(row);
  }

  // Ops and fleet each know a part; the newer position wins.
  merge(part) {
    const known = this.units.get(part.unit) ?? {};
    const position = [known.position, part.position].filter(Boolean).sort((a, b) => (a.at < b.at ? 1 : -1))[0];
    this.units.set(part.unit, { ...known, ...part, position: position ?? null });
  }

  count(status) {
    return [...this.units.values()].filter((unit) => unit.status === status).length;
  }

  get waiting() {
    return this.open.filter((one) => one.phase !== "engaged").length;
  }

  get engaged() {
    return this.open.length - this.waiting;
  }

  // In the order they are served.
  get open() {
    return [...this.cases.values()].filter((one) => one.phase !== "done").sort(
      (a, b) => a.priority - b.priority || (a.raised_at < b.raised_at ? -1 : 1));
  }
}
