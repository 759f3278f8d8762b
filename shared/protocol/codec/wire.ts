/** Constants fixed by SPEC.md: changing one breaks the wire format. */

export const PROTOCOL_VERSION = 1;

/** Frame types, section 3. Below 0x80 critical, from 0x80 ignorable when unknown. */
export const FRAME_TYPE = {
  hello: 0x01,
  welcome: 0x02,
  join: 0x03,
  joined: 0x04,
  refused: 0x05,
  probe: 0x06,
  probed: 0x07,
  data: 0x10,
  reset: 0x11,
  open: 0x12,
  opened: 0x13,
  window: 0x14,
  receipt: 0x15,
  ping: 0x16,
  subflowState: 0x17,
  priority: 0x18,
  addressAdd: 0x19,
  addressRemove: 0x1a,
  goaway: 0x1b,
  close: 0x1c,
  publish: 0x1d,
  published: 0x1e,
  inbound: 0x1f,
  datagramSetup: 0x20,
  flow: 0x21,
  flowEnd: 0x22,
  datagram: 0x23,
  subflowsWish: 0x80,
  steering: 0x81,
  rateLimit: 0x82,
  utilization: 0x84,
  keepAlive: 0x85,
  flowSteering: 0x86,
} as const;

/** The types that may follow the handshake. */
export const SESSION_TYPES: ReadonlySet<number> = new Set(
  Object.values(FRAME_TYPE).filter((type) => type >= FRAME_TYPE.data),
);

export const FIRST_IGNORABLE_TYPE = 0x80;
export const FRAME_HEADER_BYTES = 8;
/** Frame header plus stream id and DSN. */
export const DATA_HEADER_BYTES = 24;
export const MAX_BODY_BYTES = 262_136;
/** A whole DATA frame is then 262144 bytes: sixteen full TLS records. */
export const MAX_PAYLOAD_BYTES = MAX_BODY_BYTES - 16;
export const MAX_CONTROL_BODY_BYTES = 2_048;
/** Of PROBE and PROBED, section 5: a whole frame is one full TLS record, longer than any packet but those of loopback. */
export const MAX_PROBE_BODY_BYTES = 16_376;

/** Parameters of handshake messages, section 5: those of WELCOME, and those of HELLO and JOIN. */
export const WELCOME_PARAMETER = {
  maxSubflows: 1,
  joinElsewhere: 2,
  measurement: 3,
  subflowId: 4,
  joinName: 5,
} as const;
export const REQUEST_PARAMETER = { path: 1, measurement: 3 } as const;
/** Those of HELLO alone, numbered with them. */
export const HELLO_PARAMETER = { founding: 4 } as const;
/** Bytes of what marks the HELLOs that begin one session. */
export const FOUNDING_BYTES = 16;

export const FLAG_FIN = 0x01;
export const FLAG_OPENED_OK = 0x01;
export const FLAG_BACKUP = 0x01;
export const FLAG_NO_JOIN_HERE = 0x01;
export const FLAG_METERED = 0x01;
/** Of PUBLISH. */
export const FLAG_WITHDRAWN = 0x01;
export const FLAG_ONCE = 0x02;
/** Of PUBLISHED. */
export const FLAG_LISTENING = 0x01;
/** Of FLOW_END: the id is that of an association. */
export const FLAG_ASSOCIATION = 0x01;

/** Bits of HELLO and WELCOME, section 10: what both ends have. */
export const FEATURE = { inbound: 0x01, datagrams: 0x02 } as const;
/** All that this version has. */
export const FEATURES = FEATURE.inbound | FEATURE.datagrams;

/** Ids of streams that the concentrator opens begin here, section 6; those of the client lie below. */
export const FIRST_INBOUND_STREAM = 2 ** 52;

/** Ids of flows that the concentrator begins, section 13; those of the client lie below. */
export const FIRST_CONCENTRATOR_FLOW = 2 ** 31;
/** Of what names a session and an epoch in packets, and of what keys come from. */
export const CONNECTION_ID_BYTES = 8;
export const SECRET_BYTES = 32;

/** Client ids and the names of uplinks, section 5. */
export const NAME_FORMAT = /^[A-Za-z0-9_.-]{1,64}$/;
/** Most uplinks that one STEERING names: with the longest names they still fit a control frame. */
export const MAX_STEERED_UPLINKS = 24;
/** Of an entry in STEERING: the stream is bound to uplinks so marked; the entry has its place in the order. */
export const FLAG_ONLY = 0x01;
export const FLAG_ORDERED = 0x02;
/** STEERING gives no bound for loss. */
export const NO_MAX_LOSS = 0xffff_ffff;
export const MILLION = 1_000_000;

export const NONCE_BYTES = 32;
export const TOKEN_BYTES = 16;
export const MAC_BYTES = 32;
export const KEY_BYTES = 32;

/** Largest stream id and DSN: exact in a double (SPEC.md section 3, "53 bits"). */
export const MAX_SEQUENCE = Number.MAX_SAFE_INTEGER;
