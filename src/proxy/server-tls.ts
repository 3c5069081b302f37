import { readFileSync } from 'node:fs';
import type { DialCertificates, TlsDialling } from '../net/tls-dialler.ts';

/** Where certificates are from, in full. */
export interface TlsFileNames {
  readonly chain: string | null;
  readonly key: string | null;
  readonly authorities: string | null;
  readonly pinned: string | null;
}

/** How a server is spoken to by TLS. Plain data. */
export interface ServerTls extends DialCertificates {
  /** Read again for each connection; not given: the certificates stay as they are. */
  readonly files?: TlsFileNames;
}

/** How one server is spoken to by TLS: with certificates as their files have them when a connection is made. */
export function renewedTls(tls: ServerTls): TlsDialling {
  const { files, ...before } = tls;
  const versionMin = 'TLSv1.2';
  if (files === undefined) return { certificates: before, versionMin };
  const certificates: DialCertificates = {
    chain: contentOf(files.chain) ?? before.chain,
    key: contentOf(files.key) ?? before.key,
    authorities: contentOf(files.authorities) ?? before.authorities,
    pinned: contentOf(files.pinned) ?? before.pinned ?? null,
  };
  return { certificates, fallback: before, versionMin };
}

/** What cannot be read, because it is being written just now for instance, stays as it was. */
function contentOf(file: string | null): string | null {
  if (file === null) return null;
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return null;
  }
}
