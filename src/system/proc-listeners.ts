import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process that listens on a port. */
export interface PortHolder {
  readonly pid: number;
  /** Its command line, cut to a readable length. */
  readonly command: string;
}

const COMMAND_LENGTH_MAX = 120;

/** The state LISTEN in /proc/net/tcp. */
const LISTEN = '0A';

/**
 * The inodes of the sockets that listen on a port, from the text of /proc/net/tcp or tcp6.
 *
 * @param text the file: a head line, then one socket per line with its local address as hex ADDRESS:PORT
 */
export function parseListenerInodes(text: string, port: number): string[] {
  const portHex = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes: string[] = [];
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const inode = fields[9];
    if (fields[3] === LISTEN && fields[1]?.endsWith(`:${portHex}`) === true && inode !== undefined)
      inodes.push(inode);
  }
  return inodes;
}

/**
 * Who listens on a TCP port here. Finds only processes that this user may look into.
 *
 * @returns null when nobody does, or nobody that can be seen
 */
export function portHolder(port: number): PortHolder | null {
  const wanted = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6'])
    for (const inode of parseListenerInodes(readText(table), port)) wanted.add(`socket:[${inode}]`);
  if (wanted.size === 0) return null;
  for (const entry of listing('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    for (const descriptor of listing(`/proc/${entry}/fd`)) {
      if (!wanted.has(linkTarget(`/proc/${entry}/fd/${descriptor}`))) continue;
      const command = readText(`/proc/${entry}/cmdline`).replaceAll('\0', ' ').trim();
      return { pid: Number(entry), command: command.slice(0, COMMAND_LENGTH_MAX) };
    }
  }
  return null;
}

/** Processes come and go while we look, and others may not be looked into: what cannot be read is empty. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function listing(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
