import { resolve } from 'node:path';
import { StartError } from '../base/start-error.ts';
import type { ReplicationOptions } from '../node/options.ts';
import type { Called } from './command-line.ts';
import { invalidValue, wholeNumber } from './option-values.ts';

/** Where the secret may stand instead of in a file. Never on the command line, which every user of the host can read. */
const SECRET_VARIABLE = 'TWINCACHED_REPLICATION_SECRET';

/** Less is not worth compressing; more is no frame. */
const COMPRESS_BYTES_LEAST = 64;
const COMPRESS_BYTES_MOST = 32 * 1024;

/** What keeps strangers from a node's links to its twins, as the command line and the environment say it. */
export class ReplicationSafety {
  readonly #directory: string;
  readonly #secret: string | null;
  #secretFile: string | null = null;
  #chainFile: string | null = null;
  #keyFile: string | null = null;
  #authoritiesFile: string | null = null;
  #compressBytesMin: number | null = null;

  constructor({ directory, environment }: Called) {
    this.#directory = directory;
    this.#secret = environment[SECRET_VARIABLE] ?? null;
  }

  /** @param name of the option's row */
  take(name: string, spelling: string, value: string): void {
    if (name === 'replication-compress') {
      this.#compressBytesMin = wholeNumber(spelling, value, COMPRESS_BYTES_LEAST, COMPRESS_BYTES_MOST);
      return;
    }
    if (value === '') throw invalidValue(spelling, value, 'a file name is needed');
    const file = resolve(this.#directory, value);
    if (name === 'replication-secret-file') this.#secretFile = file;
    else if (name === 'replication-tls-chain') this.#chainFile = file;
    else if (name === 'replication-tls-key') this.#keyFile = file;
    else this.#authoritiesFile = file;
  }

  /** @throws StartError when something is missing, or said twice */
  finish(): Pick<ReplicationOptions, 'secret' | 'secretFile' | 'tls' | 'compressBytesMin'> {
    if (this.#secret !== null && this.#secretFile !== null)
      throw new StartError(
        `the secret of the twins is given twice: --replication-secret-file and ${SECRET_VARIABLE}`,
      );
    return {
      secret: this.#secret,
      secretFile: this.#secretFile,
      tls: this.#tls(),
      compressBytesMin: this.#compressBytesMin,
    };
  }

  #tls(): ReplicationOptions['tls'] {
    const chainFile = this.#chainFile;
    const keyFile = this.#keyFile;
    const authoritiesFile = this.#authoritiesFile;
    if (chainFile !== null && keyFile !== null && authoritiesFile !== null)
      return { chainFile, keyFile, authoritiesFile };
    if (chainFile === null && keyFile === null && authoritiesFile === null) return null;
    const missing = chainFile === null ? 'chain' : keyFile === null ? 'key' : 'ca';
    throw new StartError(
      `TLS between twins needs certificate, key and authority: --replication-tls-${missing} is missing`,
    );
  }
}
