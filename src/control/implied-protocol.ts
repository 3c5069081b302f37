import type { Rule, ServiceEntry } from './tree.ts';

const TEXT_SERVERS = new Set(['memcached', 'repcached', 'magent', 'nutcracker']);

/**
 * Gives plain port tests of programs that speak memcached's protocol that protocol. A bare connect does not notice a process that hangs, because the
 * kernel accepts for it, and the control files that people have are full of those.
 *
 * @returns the entry with its rules changed; the same entry when there is nothing to change
 */
export function withImpliedProtocols(entry: ServiceEntry): ServiceEntry {
  const protocol = entry.type === 'process' ? protocolOf(entry.start?.argv ?? []) : null;
  if (protocol === null) return entry;
  let changes = false;
  const rules = entry.rules.map((rule): Rule => {
    const { test } = rule;
    if (test.kind !== 'connection' || test.protocol !== 'default' || test.transport !== 'tcp') return rule;
    if (test.matchesWhen !== 'failed' || test.usesTls || test.dialogue.length > 0) return rule;
    changes = true;
    return { ...rule, test: { ...test, protocol } };
  });
  return changes ? { ...entry, rules } : entry;
}

function protocolOf(argv: readonly string[]): 'memcache' | 'memcache-text' | null {
  const names = argv.slice(0, 3).map((word) => word.slice(word.lastIndexOf('/') + 1));
  const isServer =
    TEXT_SERVERS.has(names[0] ?? '') ||
    // By way of an interpreter, `node bin/twincached magent`, or not.
    names.some((name, index) => name === 'twincached' && TEXT_SERVERS.has(argv[index + 1] ?? ''));
  if (!isServer || argv.some((word) => /^(-Z|--enable-ssl)/.test(word))) return null;
  const isBinary = argv.some(
    (word, index) => /^-S$|^-Bbinary$/.test(word) || (word === 'binary' && argv[index - 1] === '-B'),
  );
  return isBinary ? 'memcache' : 'memcache-text';
}
