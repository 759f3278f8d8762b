import { TributaryError } from '../../shared/protocol/errors.ts';
import type { SocksUser } from '../front/credentials.ts';

/** A proxy that programs are told of. */
export interface ProxyAddress {
  /** An IP address or a name, which reaches it from this machine. */
  readonly host: string;
  readonly port: number;
  /** Absent: it asks for no password. */
  readonly user?: SocksUser;
}

/** A setting as its place writes it; null where it is not set there. */
export type Setting = string | null;
export type Settings = ReadonlyMap<string, Setting>;

/** A place that has settings of proxies, for programs of one kind. */
export interface SettingStore {
  /** Of the record of what was set before. */
  readonly id: 'gnome' | 'kde' | 'environment';
  readonly title: string;
  /** Why there is no such place here; undefined where there is one. */
  whyNot(): Promise<string | undefined>;
  /** All settings that are or may be changed. Rejects with ProxySettingError. */
  read(): Promise<Settings>;
  /**
   * What is to be set, in the order in which it is set; it is put back in the opposite one.
   * @param before what there was, or what there is where nothing has been changed yet
   */
  wanted(proxy: ProxyAddress, before: Settings): Settings;
  /** Changes these. Rejects with ProxySettingError or FileWriteError. */
  write(changes: Settings): Promise<void>;
  /** The changes as somebody would make them by hand; passwords are left out. */
  shown(changes: Settings): readonly string[];
  /** What happens after changes, in words; empty where they hold at once. */
  readonly effect: string;
}

/** A setting could not be read or changed; the message says which, and what to do. */
export class ProxySettingError extends TributaryError {
  constructor(message: string) {
    super('internalError', message, 'ours');
  }
}

/** Hosts that are never reached through a proxy: this machine. */
export const NEVER_BY_PROXY = ['localhost', '127.0.0.0/8', '::1'] as const;

/** With those that are there already in front. */
export function withOwnHosts(hosts: readonly string[]): readonly string[] {
  return [...new Set([...hosts, ...NEVER_BY_PROXY])];
}
