import { StartError } from '../base/start-error.ts';
import { TLS_OPTIONS_DEFAULT, type TlsOptions } from '../node/options.ts';

/** What `-o` has said of TLS so far. File names are as typed; the chain may still be missing. */
export type TlsDraft = { -readonly [Name in keyof TlsOptions]: TlsOptions[Name] };

/** Takes the value of one word, null when there was no `=`. */
type TlsWord = (draft: TlsDraft, value: string | null) => void;

const UINT32_MAX = 4294967295;

const VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
const KEY_FORMATS = { PEM: 'pem', DER: 'der', '1': 'pem', '2': 'der' } as const;

function valued(name: string, change: (draft: TlsDraft, value: string) => void): TlsWord {
  return (draft, value) => {
    if (value === null || value === '') throw new StartError(`Missing ${name} argument`);
    change(draft, value);
  };
}

function flag(name: 'sessionCache' | 'kernelTls'): TlsWord {
  return (draft) => {
    draft[name] = true;
  };
}

/** One of few numbers: what is none in memcached's words, what is another in its words for that. */
function choice<Value>(name: string, value: string, choices: readonly Value[]): Value {
  if (!/^[+-]?\d{1,9}$/.test(value)) throw new StartError(`could not parse argument to ${name}`);
  const chosen = choices[Number(value)];
  if (chosen === undefined) throw new StartError(`Invalid ${name}. Use help to see valid options.`);
  return chosen;
}

function isKeyFormat(value: string): value is keyof typeof KEY_FORMATS {
  return Object.hasOwn(KEY_FORMATS, value);
}

/** memcached's words of `-o` about TLS. */
export const TLS_WORDS: ReadonlyMap<string, TlsWord> = new Map<string, TlsWord>([
  ['ssl_chain_cert', valued('ssl_chain_cert', (draft, value) => (draft.chainFile = value))],
  ['ssl_key', valued('ssl_key', (draft, value) => (draft.keyFile = value))],
  [
    'ssl_keyformat',
    valued('ssl_keyformat', (draft, value) => {
      if (!isKeyFormat(value)) throw new StartError('could not parse argument to ssl_keyformat');
      draft.keyFormat = KEY_FORMATS[value];
    }),
  ],
  [
    'ssl_verify_mode',
    valued('ssl_verify_mode', (draft, value) => {
      draft.verifyMode = choice('ssl_verify_mode', value, [0, 1, 2, 3] as const);
    }),
  ],
  ['ssl_ciphers', valued('ssl_ciphers', (draft, value) => (draft.ciphers = value))],
  ['ssl_ca_cert', valued('ssl_ca_cert', (draft, value) => (draft.authoritiesFile = value))],
  [
    'ssl_wbuf_size',
    valued('ssl_wbuf_size', (draft, value) => {
      const kibibytes = /^\d+$/.test(value) ? Number(value) : Number.NaN;
      if (!(kibibytes * 1024 <= UINT32_MAX))
        throw new StartError('could not parse argument to ssl_wbuf_size');
      draft.writeBufferBytes = kibibytes * 1024;
    }),
  ],
  ['ssl_session_cache', flag('sessionCache')],
  ['ssl_kernel_tls', flag('kernelTls')],
  [
    'ssl_min_version',
    valued('ssl_min_version', (draft, value) => {
      draft.versionMin = choice('ssl_min_version', value, VERSIONS);
    }),
  ],
]);

/** A draft with what memcached has when nothing is said. */
export function newTlsDraft(): TlsDraft {
  return { ...TLS_OPTIONS_DEFAULT };
}

/**
 * The options of TLS with their files in full.
 *
 * @param inFull makes a file name absolute
 * @throws StartError when there is no certificate
 */
export function finishTls(draft: TlsDraft, inFull: (file: string) => string): TlsOptions {
  if (draft.chainFile === '') throw new StartError('-Z: a certificate is needed: -o ssl_chain_cert=FILE', 1);
  return {
    ...draft,
    chainFile: inFull(draft.chainFile),
    keyFile: draft.keyFile === null ? null : inFull(draft.keyFile),
    authoritiesFile: draft.authoritiesFile === null ? null : inFull(draft.authoritiesFile),
  };
}
