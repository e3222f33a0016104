// Runs clients of the official SDK for the tests. One instruction a line on stdin, one answer or
// event a line on stdout; what a line holds is defined by sdk_javascript.py.
import { createInterface } from 'node:readline';
import { Centrifuge } from 'centrifuge';
import { Centrifuge as CentrifugeProtobuf } from 'centrifuge/build/protobuf';
import { Payload, connectionEvents, subscriptionEvents } from './events.mjs';

const clients = new Map();

const say = (message) => process.stdout.write(JSON.stringify(message) + '\n');

// A token source hands out what it was given, one a call; an empty one refuses.
function tokenSource(Client, tokens, onCall) {
  if (tokens === null || tokens === undefined) {
    return undefined;
  }
  const left = [...tokens];
  return async () => {
    onCall();
    if (left.length === 0) {
      throw new Client.UnauthorizedError('no more tokens'); // each build knows its own only
    }
    return left.shift();
  };
}

const defined = (options) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== null));

const byKind = {
  stream: 'newSubscription',
  map: 'newMapSubscription',
  map_clients: 'newMapClientsSubscription',
  map_users: 'newMapUsersSubscription',
};

class Driven {
  constructor(name, { endpoints, emulation, protobuf, token, tokens, data, timeout }) {
    this.name = name;
    this.payload = new Payload(protobuf);
    this.subscriptions = new Map();
    this.Client = protobuf ? CentrifugeProtobuf : Centrifuge;
    this.client = new this.Client(endpoints, defined({
      token,
      getToken: tokenSource(this.Client, tokens, () => this.tell(null, { name: 'token_asked' })),
      data: data === null || data === undefined ? undefined : this.payload.encode(data),
      emulationEndpoint: emulation,
      websocket: WebSocket,
      fetch,
      readableStream: ReadableStream,
      eventsource: EventSource,
      timeout,
      minReconnectDelay: 10,
      maxReconnectDelay: 100,
    }));
    for (const [event, describe] of Object.entries(connectionEvents(this.payload))) {
      this.client.on(event, (context) => this.tell(null, { name: event, ...describe(context) }));
    }
  }

  tell(channel, event) {
    say({ client: this.name, channel, event });
  }

  subscription(channel) {
    const subscription = this.subscriptions.get(channel);
    if (subscription === undefined) {
      throw new Error(`no subscription to ${channel}`);
    }
    return subscription;
  }

  connect() {
    this.client.connect();
  }

  disconnect() {
    this.client.disconnect();
  }

  subscribe({ channel, kind, options }) {
    let subscription = this.subscriptions.get(channel);
    if (subscription === undefined) {
      const { tokens, state, ...rest } = options;
      subscription = this.client[byKind[kind]](channel, defined({
        ...rest,
        getToken: tokenSource(this.Client, tokens, () => this.tell(channel, { name: 'token_asked' })),
        getState: state && (async () => {
          this.tell(channel, { name: 'state_asked' });
          return state;
        }),
        minResubscribeDelay: 10,
        maxResubscribeDelay: 100,
      }));
      for (const [event, describe] of Object.entries(subscriptionEvents(this.payload, kind))) {
        subscription.on(event, (context) => this.tell(channel, { name: event, ...describe(context) }));
      }
      this.subscriptions.set(channel, subscription);
    }
    subscription.subscribe();
  }

  unsubscribe({ channel }) {
    this.subscription(channel).unsubscribe();
  }

  // From within a handler of this event, the next time it is called.
  unsubscribeOn({ channel, event }) {
    const subscription = this.subscription(channel);
    subscription.once(event, () => subscription.unsubscribe());
  }

  async publish({ channel, data }) {
    await this.client.publish(channel, this.payload.encode(data));
  }

  async mapPublish({ channel, key, data }) {
    await this.subscription(channel).publish(key, this.payload.encode(data));
  }

  async mapRemove({ channel, key }) {
    await this.subscription(channel).remove(key);
  }

  async rpc({ method, data }) {
    const reply = await this.client.rpc(method, this.payload.encode(data));
    return this.payload.decode(reply.data);
  }

  async send({ data }) {
    await this.client.send(this.payload.encode(data));
  }

  async presence({ channel }) {
    const { clients: present } = await this.client.presence(channel);
    return Object.values(present).map((info) => this.payload.info(info));
  }

  async presenceStats({ channel }) {
    const { numClients, numUsers } = await this.client.presenceStats(channel);
    return [numClients, numUsers];
  }

  async history({ channel, options }) {
    const { publications, offset, epoch } = await this.client.history(channel, defined(options));
    return {
      offset,
      epoch,
      publications: publications.map((one) => this.payload.publication(one)),
    };
  }

  deltas({ channel }) {
    return this.subscription(channel).deltaStats().numDeltaPayloads;
  }

  close() {
    this.client.disconnect();
    clients.delete(this.name);
  }
}

async function carryOut({ client, call, args }) {
  if (call === 'create') {
    clients.set(client, new Driven(client, args));
    return null;
  }
  return (await clients.get(client)?.[call](args)) ?? null;
}

for await (const line of createInterface({ input: process.stdin })) {
  const instruction = JSON.parse(line);
  carryOut(instruction).then(
    (result) => say({ id: instruction.id, result }),
    (error) => say({
      id: instruction.id,
      error: {
        code: error.code ?? 0,
        message: error.message ?? String(error),
        temporary: error.temporary ?? false,
      },
    }),
  );
}
process.exit(0); // the tests have closed our standard input; whatever is still open goes with us
