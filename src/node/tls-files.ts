import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { StartError } from '../base/start-error.ts';
import { errorOfName } from '../net/system-errors.ts';
import { contextOptions, type TlsCertificates, type TlsListening } from '../net/tls-server.ts';
import type { NodeListenAddress, TlsOptions } from './options.ts';

/** sysexits.h */
const EX_USAGE = 64;

/** A file larger than this is surely another file. */
const FILE_BYTES_MAX: number = 1024 * 1024;

/** How keys in DER may be wrapped. */
const DER_TYPES = ['pkcs8', 'pkcs1', 'sec1'] as const;

/** Where certificates are, and how the key is written down. */
export type CertificateFiles = Pick<TlsOptions, 'chainFile' | 'keyFile' | 'keyFormat' | 'authoritiesFile'>;

/**
 * Reads the certificate files of `-Z`, or of the links to twins, and tries them.
 *
 * @throws StartError in memcached's words when one cannot be read or used
 */
export function readTlsCertificates(options: CertificateFiles): TlsCertificates {
  const { chainFile, authoritiesFile } = options;
  const keyFile = options.keyFile ?? chainFile;
  const chain = attempt('loading the certificate chain', chainFile, () => {
    const cert = textOf(chainFile);
    createSecureContext({ cert });
    return cert;
  });
  const key = attempt('loading the key', keyFile, () => {
    const pem = options.keyFormat === 'der' ? keyOfDer(bytesOf(keyFile)) : textOf(keyFile);
    createSecureContext({ cert: chain, key: pem });
    return pem;
  });
  const authorities =
    authoritiesFile === null
      ? null
      : attempt('loading the CA certificate', authoritiesFile, () => {
          const ca = textOf(authoritiesFile);
          // What holds no certificate at all is taken without a word.
          if (!ca.includes('-----BEGIN')) throw new Error('no certificate or crl found');
          createSecureContext({ ca });
          return ca;
        });
  return { chain, key, authorities };
}

/**
 * How a listener with TLS speaks.
 *
 * @throws StartError when OpenSSL does not take the list of ciphers
 */
export function tlsListening(
  options: TlsOptions,
  certificates: TlsCertificates,
  address: NodeListenAddress,
): TlsListening {
  const listening: TlsListening = {
    certificates,
    clientCertificate: clientCertificate(options, address),
    ciphers: options.ciphers,
    versionMin: options.versionMin,
    sessions: options.sessionCache,
  };
  try {
    createSecureContext(contextOptions(listening));
  } catch {
    throw new StartError(`Error setting the provided cipher(s): ${options.ciphers}`, EX_USAGE);
  }
  return listening;
}

function clientCertificate(
  { verifyMode }: TlsOptions,
  { tls }: NodeListenAddress,
): TlsListening['clientCertificate'] {
  if (tls === 'mutual') return 'needed';
  if (tls === 'basic' || verifyMode === 0) return 'none';
  return verifyMode === 1 ? 'checked' : 'needed';
}

function attempt(what: string, path: string, action: () => string): string {
  try {
    return action();
  } catch (error) {
    throw new StartError(`Error ${what}: ${path} : ${reasonOf(error)}`, EX_USAGE);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isOfSystem = 'syscall' in error && 'code' in error && typeof error.code === 'string';
  return isOfSystem ? errorOfName(String(error.code)).message : error.message;
}

function bytesOf(path: string): Buffer {
  const found = statSync(path);
  if (found.isDirectory()) throw new Error(errorOfName('EISDIR').message);
  // A pipe or a device could keep the node waiting for ever.
  if (!found.isFile()) throw new Error('not an ordinary file');
  if (found.size > FILE_BYTES_MAX) throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
  return readFileSync(path);
}

function textOf(path: string): string {
  return bytesOf(path).toString('latin1');
}

function keyOfDer(der: Buffer): string {
  let failure: unknown;
  for (const type of DER_TYPES) {
    try {
      const key: KeyObject = createPrivateKey({ key: der, format: 'der', type });
      return key.export({ format: 'pem', type: 'pkcs8' }).toString();
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}
