import { deserialize, serialize } from 'node:v8';
import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import type { ClientSource } from '../clients/client-source.ts';
import type { ClientEntry, ConcentratorConfig, ListenAddress } from '../config/concentrator-config.ts';
import type { ConcentratorStatus } from '../status/concentrator-status.ts';
import type { UsageCount } from '../usage/usage-count.ts';
import type { SessionsLook } from './sessions-look.ts';

/** Where a worker is, and what it needs to begin. */
export interface WorkerStart {
  /** From 0. */
  readonly index: number;
  readonly count: number;
  /** Where the first process listens, with the real ports. */
  readonly listen: readonly ListenAddress[];
  /** UDP sockets of this worker that the first process has bound: their addresses, and their descriptors here. */
  readonly udp: readonly { readonly host: string; readonly descriptor: number }[];
  /** Where each worker takes connections from the others, by its index. */
  readonly relays: readonly string[];
  /** What shows that a connection there comes from a worker. */
  readonly secret: string;
}

/** A connection whose turn for TLS it is; its socket comes with it. */
export interface GivenConnection {
  readonly head: Uint8Array;
  readonly remote: string;
  readonly isProven: boolean;
  readonly isProxied: boolean;
  readonly leftMs: number;
}

/** What the first process knows of the sessions of others. */
export interface Home {
  /** The index of the worker that has, or is to have, all sessions of this client. */
  readonly worker: number;
  /** Sessions that the other workers have. */
  readonly others: number;
}

/** What the first process knows of clients that are counted. */
export interface UsedBytes {
  /** Of those that have a quota: in this month, both ways together. */
  readonly used: readonly (readonly [clientId: string, bytes: number])[];
  /** Of the list of clients. */
  readonly trouble: ClientSource['trouble'];
}

/** What a worker can be told and asked. */
export type WorkerCalls = {
  /** Resolves once it takes connections. */
  readonly start: {
    readonly value: WorkerStart & {
      readonly config: ConcentratorConfig;
      /** Of the first process; an older one does not tell it. */
      readonly version: string | undefined;
    };
    readonly answer: unknown;
  };
  readonly connection: { readonly value: GivenConnection; readonly answer: unknown };
  readonly reload: { readonly value: ConcentratorConfig; readonly answer: unknown };
  /** The list of clients has changed: this is all of it, by `packClients`. */
  readonly clients: { readonly value: Uint8Array; readonly answer: unknown };
  readonly metrics: { readonly value: undefined; readonly answer: Metrics };
  readonly status: { readonly value: undefined; readonly answer: ConcentratorStatus };
  readonly look: { readonly value: undefined; readonly answer: SessionsLook };
  /** The first time: an orderly end. The second time: at once. */
  readonly close: { readonly value: undefined; readonly answer: unknown };
  /** The part of the time since the last such question in which it was busy, 0 to 1. */
  readonly load: { readonly value: undefined; readonly answer: number };
};

/** What the first process can be told and asked by a worker. */
export type PrimaryCalls = {
  /** Also tells what the client has used in this month. */
  readonly home: { readonly value: string; readonly answer: Home & { readonly usedBytes: number } };
  /** Whether a worker has not answered for long. */
  readonly isSilent: { readonly value: number; readonly answer: boolean };
  /** What clients have carried there since the last time. */
  readonly usage: { readonly value: readonly UsageCount[]; readonly answer: UsedBytes };
  /** A client has a session more or less there. */
  readonly sessions: {
    readonly value: { readonly clientId: string; readonly change: 1 | -1 };
    readonly answer: unknown;
  };
  /** A client has proven its key from a host. */
  readonly proven: {
    readonly value: { readonly clientId: string; readonly host: string };
    readonly answer: unknown;
  };
};

/** All metrics of a process, as `prom-client` gives them. */
export type Metrics = readonly MetricObjectWithValues<MetricValue<string>>[];

/** A list of clients as it travels. */
export function packClients(clients: readonly ClientEntry[]): Uint8Array {
  return serialize(clients);
}

/** The list that `packClients` has packed. */
export function unpackClients(bytes: Uint8Array): readonly ClientEntry[] {
  return deserialize(bytes) as readonly ClientEntry[];
}
