// The Centrifuge client protocol (v2, JSON), as much of it as a page needs that only listens:
// connect with a token, subscribe, pings, reconnect with backoff, recovery from the last position.

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
const PING_GRACE_MS = 10_000;
const TOKEN_ERRORS = [101, 109, 110];

const terminal = (code) => (code >= 3500 && code < 4000) || (code >= 4500 && code < 5000) || code === 1009;

export class Centrifuge {
  // on: { live(), lost(why), refused(why) }: connected; cut, and trying again; to stay away.
  constructor(url, token, on) {
    Object.assign(this, { url, token, on });
    this.channels = new Map();
    this.attempts = 0;
    this.closed = false;
  }

  // handler: { publication(data), subscribed(missed), past(datas) }; missed: what came in between is
  // not known. past gets the `before` newest of what was published earlier, newest first.
  subscribe(channel, handler) {
    this.channels.set(channel, { handler, offset: 0, epoch: "", known: false });
  }

  open() {
    this.commands = new Map();
    this.nextId = 1;
    this.pingMs = 0;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = () => this.send({ connect: { token: this.token, name: "page" } }, (reply) => this.connected(reply));
    socket.onmessage = (message) => message.data.split("\n").forEach((line) => this.received(JSON.parse(line)));
    socket.onclose = (event) => { if (socket === this.socket) this.cut(event.code, event.reason); };
  }

  close() {
    this.closed = true;
    clearTimeout(this.watchdog);
    clearTimeout(this.timer);
    this.socket?.close();
  }

  send(command, answered) {
    const id = this.nextId++;
    this.commands.set(id, answered);
    this.socket.send(JSON.stringify({ id, ...command }));
  }

  received(reply) {
    this.watch();
    if (reply.id) {
      const answered = this.commands.get(reply.id);
      this.commands.delete(reply.id);
      answered?.(reply);
    } else if (reply.push) {
      this.pushed(reply.push);
    } else if (this.pong) {
      this.socket.send("{}");
    }
  }

  // A socket over a dead network says nothing: no ping in time is as good as a close.
  watch() {
    clearTimeout(this.watchdog);
    if (!this.pingMs) return;
    this.watchdog = setTimeout(() => {
      const socket = this.socket;
      this.cut(0, "no ping");
      socket.close();
    }, this.pingMs + PING_GRACE_MS);
  }

  connected(reply) {
    if (reply.error) {
      if (TOKEN_ERRORS.includes(reply.error.code)) this.refuse(reply.error.message);
      else this.socket.close();
      return;
    }
    this.attempts = 0;
    this.pingMs = (reply.connect.ping ?? 0) * 1000;
    this.pong = reply.connect.pong ?? false;
    this.watch();
    this.on.live();
    for (const channel of this.channels.keys()) this.join(channel);
  }

  join(channel) {
    const state = this.channels.get(channel);
    const position = state.known ? { recover: true, offset: state.offset, epoch: state.epoch } : {};
    this.send({ subscribe: { channel, ...position } }, (reply) => this.joined(channel, state, reply));
  }

  recall(channel, handler, offset, epoch) {
    const since = { offset: Math.max(0, offset - handler.before), epoch };
    this.send({ history: { channel, limit: handler.before, since } }, (reply) =>
      handler.past((reply.history?.publications ?? []).map((pub) => pub.data).reverse()));
  }

  joined(channel, state, reply) {
    if (reply.error) {
      if (reply.error.temporary) setTimeout(() => this.socket.readyState === 1 && this.join(channel), 1000);
      else this.refuse(`${channel}: ${reply.error.message}`);
      return;
    }
    const { recoverable = false, recovered = false, publications = [], epoch = "", offset = 0 } = reply.subscribe;
    const missed = state.known ? !recovered : true;
    state.known = recoverable;
    state.epoch = epoch;
    state.handler.subscribed?.(missed);
    if (missed && state.handler.before) this.recall(channel, state.handler, offset, epoch);
    for (const pub of publications) this.publication(state, pub);
    state.offset = offset;
  }

  pushed(push) {
    const state = this.channels.get(push.channel);
    if (!state) return;
    if (push.pub) this.publication(state, push.pub);
    else if (push.unsubscribe) {
      if (push.unsubscribe.code >= 2500) this.join(push.channel);
      else this.refuse(`${push.channel}: ${push.unsubscribe.reason}`);
    }
  }

  publication(state, pub) {
    if (pub.offset) state.offset = pub.offset;
    state.handler.publication(pub.data);
  }

  cut(code, reason) {
    clearTimeout(this.watchdog);
    this.socket = null;
    if (this.closed) return;
    if (terminal(code)) return this.refuse(reason);
    this.on.lost(reason || "connection lost");
    const ceiling = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.attempts++);
    this.timer = setTimeout(() => this.open(), FIRST_PAUSE_MS + Math.random() * ceiling);
  }

  refuse(why) {
    this.close();
    this.on.refused(why);
  }
}
