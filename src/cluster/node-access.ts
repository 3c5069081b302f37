/** What nodes want before they answer, by the words of their command line that a shard's `options` have. */
import { resolve } from 'node:path';
import type { ServerAccess, ServerTls } from '../net/server-door.ts';

/** Words that make a node speak TLS, or want a login by the binary protocol. */
const TLS_WORD = /^(?:-Z|--enable-ssl)$/;
const SASL_WORD = /^(?:-S|--enable-sasl)$/;

/** Short options without a value, which may stand together before another one: `-vZ`. */
const FLAGS = /^-[ACFLMSVWZdhikrv](?=[^-])/;

/** The words with one option each: `-vZ` is `-v` and `-Z`. */
function single(options: readonly string[]): string[] {
  return options.flatMap((word) => {
    const words: string[] = [];
    let rest = word;
    for (let flag = FLAGS.exec(rest)?.[0]; flag !== undefined; flag = FLAGS.exec(rest)?.[0]) {
      words.push(flag);
      rest = `-${rest.slice(flag.length)}`;
    }
    return [...words, rest];
  });
}

/** @returns undefined: nothing, it answers whoever connects; a text: what is wrong, and what to write */
export function nodeAccess(words: readonly string[]): ServerAccess | undefined | string {
  const options = single(words);
  const sasl = options.find((word) => SASL_WORD.test(word));
  if (sasl !== undefined)
    return `${sasl}: the monitor and proxies do not log in by the binary protocol; write "-Y" and a file of users, or run such nodes without a cluster file`;
  const authFile = valuesOf(options, '-Y', '--auth-file').at(-1) ?? null;
  const extended = new Map(
    valuesOf(options, '-o', '--extended')
      .flatMap((value) => value.split(','))
      .map((word): [string, string] => {
        const [name = '', ...value] = word.split('=');
        return [name, value.join('=')];
      }),
  );
  const tls = options.some((word) => TLS_WORD.test(word)) ? tlsOf(extended) : null;
  if (typeof tls === 'string') return tls;
  if (tls === null && authFile === null) return undefined;
  return { tls, authFile: authFile === null ? null : resolve(authFile) };
}

function tlsOf(extended: ReadonlyMap<string, string>): ServerTls | string {
  const file = (name: string): string | null => {
    const value = extended.get(name) ?? '';
    return value === '' ? null : resolve(value);
  };
  const chainFile = file('ssl_chain_cert');
  if (chainFile === null) return 'TLS needs a certificate; write "-o", "ssl_chain_cert=FILE" behind it';
  // 0: the node asks nobody for a certificate.
  const asks = (extended.get('ssl_verify_mode') ?? '0') !== '0';
  if (asks && /^(?:DER|2)$/.test(extended.get('ssl_keyformat') ?? ''))
    return 'the monitor and proxies have to show a certificate, and read keys in PEM only; write a key in PEM';
  return {
    chainFile,
    client: asks ? { keyFile: file('ssl_key') } : null,
    authoritiesFile: file('ssl_ca_cert'),
  };
}

/** The values of an option, however it is written: `-Y F`, `-YF`, `--auth-file F`, `--auth-file=F`. */
function valuesOf(options: readonly string[], short: string, long: string): string[] {
  return options.flatMap((word, index) => {
    if (word === short || word === long) return options[index + 1] ?? [];
    if (word.startsWith(`${long}=`)) return word.slice(long.length + 1);
    return word.startsWith(short) && !word.startsWith('--') ? word.slice(short.length) : [];
  });
}
