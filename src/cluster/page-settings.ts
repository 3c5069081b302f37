/** The page of a cluster: where it listens, who may see it, and what of that a cluster file says. */
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { type IpNetwork, parseNetwork } from '../control/ip-networks.ts';
import { isLoopbackAddress } from '../dashboard/request-origin.ts';
import type { CheckedYaml, Path } from '../proxy/checked-yaml.ts';
import type { PageEntry, PageUserEntry } from './cluster-schema.ts';

/** Instead of an address: that of the host that it runs on. */
const ADDRESS_OF_HOST = 'host';

/** Somebody who may see the page; the password is read when it is opened. */
export interface PageUser {
  readonly name: string;
  readonly isReadOnly: boolean;
  readonly password:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'variable'; readonly name: string };
}

/** All paths are absolute. */
export interface PageSettings {
  readonly address: string;
  readonly users: readonly PageUser[];
  /** Where clients may come from; null: from anywhere. */
  readonly networks: readonly IpNetwork[] | null;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  /** Null: among the cluster's own files. */
  readonly auditLog: string | null;
}

/** A page that only this machine reaches. */
export const LOOPBACK_PAGE: PageSettings = {
  address: '127.0.0.1',
  users: [],
  networks: null,
  tls: null,
  auditLog: null,
};

/**
 * What a cluster file says of the page.
 *
 * @param file the cluster file; paths start from its directory
 * @param addresses of the hosts
 * @throws StartError with line and column
 */
export function pageSettings(
  yaml: CheckedYaml,
  file: string,
  entry: PageEntry,
  addresses: readonly string[],
): PageSettings {
  const { address = LOOPBACK_PAGE.address, users = [], allow, tls } = entry;
  const path = (text: string): string => resolve(dirname(file), text);
  if (address !== ADDRESS_OF_HOST && isIP(address) === 0)
    throw yaml.mistake(
      ['page', 'address'],
      `"${address}" is no address; write one, or "${ADDRESS_OF_HOST}" for that of the host`,
    );
  const listened = address === ADDRESS_OF_HOST ? addresses : [address];
  if (users.length === 0 && !listened.every(isLoopbackAddress))
    throw yaml.mistake(
      ['page', 'address'],
      `whoever reaches ${address} could stop the cluster; write "users:" with at least one admin, or leave the address out, for this machine alone`,
    );
  const names = users.map(({ name }) => name);
  return {
    address,
    users: users.map((user, index) => {
      if (names.indexOf(user.name) < index)
        throw yaml.mistake(
          ['page', 'users', index, 'name'],
          `there are two users named ${user.name}; write another name`,
        );
      return userOf(yaml, user, ['page', 'users', index], path);
    }),
    networks: allow === undefined ? null : allow.map((text, index) => networkOf(yaml, text, index)),
    tls: tls === undefined ? null : { certFile: path(tls.cert), keyFile: path(tls.key) },
    auditLog: entry['audit-log'] === undefined ? null : path(entry['audit-log']),
  };
}

/** The settings on one host. @param address the host's */
export function pageOnHost(settings: PageSettings, address: string): PageSettings {
  return settings.address === ADDRESS_OF_HOST ? { ...settings, address } : settings;
}

function userOf(yaml: CheckedYaml, entry: PageUserEntry, at: Path, path: (text: string) => string): PageUser {
  const { name, role, 'password-file': file, 'password-environment': variable } = entry;
  if ((file === undefined) === (variable === undefined))
    throw yaml.mistake(
      at,
      `the user ${name} needs one password; write either "password-file:" or "password-environment:"`,
    );
  return {
    name,
    isReadOnly: role === 'read-only',
    password:
      file === undefined ? { kind: 'variable', name: variable ?? '' } : { kind: 'file', path: path(file) },
  };
}

function networkOf(yaml: CheckedYaml, text: string, index: number): IpNetwork {
  const network = parseNetwork(text);
  if (network === null)
    throw yaml.mistake(
      ['page', 'allow', index],
      `"${text}" is no network; write an address, or one with a length, such as 10.0.0.0/8`,
    );
  return network;
}
