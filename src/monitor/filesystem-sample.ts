import { EMPTY_SAMPLE, type Figure, figure, type Sample } from '../checks/sample.ts';
import { NoAnswerError } from '../system/bounded-reads.ts';
import { type BlockDeviceUse, readBlockDevice } from '../system/device-figures.ts';
import { type Mount, mountOf, readMounts } from '../system/mounts.ts';
import type { FileReader } from './file-reader.ts';
import { ownerProperties } from './file-sample.ts';

/** The figures of one file system; rates need the reading before. */
export class FilesystemSampler {
  #before: { readonly atMs: number; readonly use: BlockDeviceUse } | null = null;

  /**
   * Looks at a file system by a path in it, or by its device.
   *
   * @param atMs monotonic
   * @throws NoAnswerError when it hangs
   */
  async sample(path: string, atMs: number, reader: FileReader): Promise<Sample> {
    const mount = await mountBehind(path, reader);
    try {
      // A path below a mount point must be there itself; a device need not be more than a name.
      if (mount?.device !== path) await reader.stat(path);
      const point = mount?.point ?? path;
      const stats = await reader.stat(point);
      const { blocks, bsize, bfree, bavail, files, ffree } = await reader.statfs(point);
      const percent = (part: number, of: number): number | null => (of === 0 ? null : (part * 100) / of);
      const device = this.#device(stats.dev, atMs);
      return {
        exists: true,
        figures: {
          // Of the whole, what is reserved for root included: as in monit, and unlike df.
          'space-used': figure((blocks - bfree) * bsize, percent(blocks - bfree, blocks)),
          'space-free': figure(bfree * bsize, percent(bfree, blocks)),
          'inodes-used': figure(files - ffree, percent(files - ffree, files)),
          'inodes-free': figure(ffree, percent(ffree, files)),
          ...device.figures,
        },
        properties: {
          ...ownerProperties(stats),
          ...(mount === null ? {} : { fsflags: mount.flags, fstype: mount.type }),
        },
        probes: new Map(),
        shown: {
          'block-bytes': bsize,
          'space-total': blocks * bsize,
          'space-free-users': bavail * bsize,
          'inodes-total': files,
          ...device.shown,
        },
      };
    } catch (error) {
      this.#before = null;
      if (error instanceof NoAnswerError) throw error;
      return EMPTY_SAMPLE;
    }
  }

  /** What the device below has done since the look before; nothing where there is none. */
  #device(number: number, atMs: number): Pick<Sample, 'figures' | 'shown'> {
    const use = readBlockDevice(number);
    const before = this.#before;
    this.#before = use === null ? null : { atMs, use };
    if (use === null) return { figures: {} };
    const shown = {
      'disk-read-bytes': use.readBytes,
      'disk-read-operations': use.readOperations,
      'disk-write-bytes': use.writeBytes,
      'disk-write-operations': use.writeOperations,
    };
    if (before === null || atMs <= before.atMs) return { figures: {}, shown };
    const since = (name: keyof BlockDeviceUse): number => Math.max(0, use[name] - before.use[name]);
    const seconds = (atMs - before.atMs) / 1000;
    const rate = (way: 'read' | 'write'): Figure =>
      figure(since(`${way}Bytes`) / seconds, null, since(`${way}Operations`) / seconds);
    const perOperation = (ms: number, operations: number): number => (operations === 0 ? 0 : ms / operations);
    const readMs = perOperation(since('readMs'), since('readOperations'));
    const writeMs = perOperation(since('writeMs'), since('writeOperations'));
    const both = perOperation(
      since('readMs') + since('writeMs'),
      since('readOperations') + since('writeOperations'),
    );
    return {
      figures: { 'disk-read': rate('read'), 'disk-write': rate('write'), 'service-time': figure(both) },
      shown: { ...shown, 'read-ms-per-operation': readMs, 'write-ms-per-operation': writeMs },
    };
  }
}

/** The file system of a path as it is written, where that is a device's name, and else of what its links lead to. */
async function mountBehind(path: string, reader: FileReader): Promise<Mount | null> {
  const mounts = readMounts();
  const named = mountOf(path, mounts);
  if (named?.device === path || !path.startsWith('/')) return named;
  try {
    return mountOf(await reader.realpath(path), mounts);
  } catch (error) {
    if (error instanceof NoAnswerError) throw error;
    return named;
  }
}
