// What the SDK hands to an application, as plain JSON in the words that both SDKs share.
const encoder = new TextEncoder();
const decoder = new TextDecoder();

// Payloads are JSON in the tests. The Protobuf build carries bytes, and leaves the reading to us.
export class Payload {
  constructor(protobuf) {
    this.protobuf = protobuf;
  }

  encode(data) {
    return this.protobuf ? encoder.encode(JSON.stringify(data)) : data;
  }

  decode(data) {
    if (data instanceof Uint8Array) {
      return data.length === 0 ? null : JSON.parse(decoder.decode(data));
    }
    return data ?? null;
  }

  info(info) {
    return {
      client: info.client,
      user: info.user ?? '', // of nobody: left out on the way
      conn_info: this.decode(info.connInfo),
      chan_info: this.decode(info.chanInfo),
    };
  }

  publication(context) {
    return {
      data: this.decode(context.data),
      offset: context.offset ?? 0,
      tags: context.tags ?? {},
      info: context.info ? this.info(context.info) : null,
    };
  }

  update(context) {
    return {
      ...this.publication(context),
      // What a removal carries is not meaningful, says the SDK.
      data: context.removed ? null : this.decode(context.data),
      key: context.key,
      removed: context.removed ?? false,
    };
  }

  subscribed(context) {
    return {
      on: context.channel,
      recoverable: context.recoverable,
      positioned: context.positioned,
      was_recovering: context.wasRecovering,
      recovered: context.recovered,
      offset: context.streamPosition?.offset ?? 0,
      epoch: context.streamPosition?.epoch ?? '',
      data: this.decode(context.data),
    };
  }
}

const transition = ({ code, reason }) => ({ code, reason });
const failure = ({ error }) => ({ code: error.code, reason: error.message ?? '' });
const place = ({ channel }) => ({ on: channel });

export function connectionEvents(payload) {
  return {
    connecting: transition,
    connected: ({ client, transport, data }) => ({ client, transport, data: payload.decode(data) }),
    disconnected: transition,
    error: failure,
    message: ({ data }) => ({ data: payload.decode(data) }),
    subscribing: place,
    subscribed: (context) => payload.subscribed(context),
    unsubscribed: place,
    publication: (context) => ({ on: context.channel, ...payload.publication(context) }),
    join: ({ channel, info }) => ({ on: channel, info: payload.info(info) }),
    leave: ({ channel, info }) => ({ on: channel, info: payload.info(info) }),
  };
}

export function subscriptionEvents(payload, kind) {
  const events = {
    subscribing: transition,
    subscribed: (context) => payload.subscribed(context),
    unsubscribed: transition,
    error: failure,
    join: ({ info }) => ({ info: payload.info(info) }),
    leave: ({ info }) => ({ info: payload.info(info) }),
  };
  if (kind === 'stream') {
    events.publication = (context) => payload.publication(context);
  } else {
    events.sync = ({ entries }) => ({ entries: entries.map((entry) => payload.update(entry)) });
    events.update = (context) => payload.update(context);
  }
  return events;
}
