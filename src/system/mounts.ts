import { readFileSync, readlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface Mount {
  readonly type: string;
  readonly point: string;
  readonly flags: string;
  readonly device: string;
}

/** File systems that are served by somebody else, another host or a process: a look at them hangs for as long as that one does not answer. */
const SERVED_TYPES =
  /^(nfs4?|cifs|smb3|smbfs|ncpfs|9p|afs|ceph|glusterfs|lustre|gfs2|ocfs2|autofs|fuse)(\.|$)/;

/** Links that are followed on the way to a file, as the kernel has it (MAXSYMLINKS). */
const LINKS_MAX = 40;

/** The table is read again after this. */
const FRESH_MS = 1000;

/** The mounts of now; none where the system does not say. */
export function readMounts(): readonly Mount[] {
  try {
    return parseMounts(readFileSync('/proc/self/mounts', 'utf8'));
  } catch {
    return [];
  }
}

/** @param text as /proc/self/mounts has it */
export function parseMounts(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const [device = '', point = '', type = '', flags = ''] = line.split(' ').map(unescaped);
    return point === '' ? [] : [{ device, point, type, flags }];
  });
}

/**
 * The file system of a path, or of a device. Of what is mounted over something else the last one counts.
 *
 * @returns null when there is none
 */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | null {
  let best: Mount | null = null;
  for (const mount of mounts) {
    const { device, point } = mount;
    if (device === path) return mount;
    const isAbove = path === point || path.startsWith(point === '/' ? '/' : `${point}/`);
    if (isAbove && point.length >= (best?.point.length ?? 0)) best = mount;
  }
  return best;
}

/** Blanks and backslashes of a name are written as octal numbers there (getmntent(3)). */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/**
 * The mount on the way to a file, links followed, that may not answer. The way is gone step by step and nothing behind such a mount is touched, so
 * this does not hang itself.
 *
 * @param path absolute
 * @returns where it is mounted; null when the file is this host's own
 */
export function servedMount(path: string, mounts: readonly Mount[]): string | null {
  if (!mounts.some(({ type }) => SERVED_TYPES.test(type))) return null;
  let left = resolve('/', path).split('/').filter(Boolean);
  let at = '/';
  for (let links = 0; ; ) {
    const mount = mountOf(at, mounts);
    if (mount !== null && SERVED_TYPES.test(mount.type)) return mount.point;
    const [name, ...others] = left;
    if (name === undefined) return null;
    const next = join(at, name);
    const target = links < LINKS_MAX ? linkTarget(next, mounts) : null;
    left = others;
    if (target === null) at = next;
    else {
      links += 1;
      left = [...resolve(at, target).split('/').filter(Boolean), ...left];
      at = '/';
    }
  }
}

function linkTarget(path: string, mounts: readonly Mount[]): string | null {
  if (SERVED_TYPES.test(mountOf(path, mounts)?.type ?? '')) return null;
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

let recentMs = Number.NEGATIVE_INFINITY;
let recentMounts: readonly Mount[] = [];
const recentPaths = new Map<string, string | null>();

/** The same by the mounts of now, or of a second ago. */
export function servedMountNow(path: string): string | null {
  const nowMs = performance.now();
  if (nowMs - recentMs >= FRESH_MS) {
    recentMs = nowMs;
    recentMounts = readMounts();
    recentPaths.clear();
  }
  let found = recentPaths.get(path);
  if (found === undefined) {
    found = servedMount(path, recentMounts);
    recentPaths.set(path, found);
  }
  return found;
}
