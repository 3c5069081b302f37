import type { ConnectionError } from '../base/session.ts';
import { errorOfName } from './system-errors.ts';

/** What it is called that the other side shows a certificate which is not the one that is known to be its own, and that nobody vouches for. */
export const NOT_THE_CERTIFICATE = 'ERR_TLS_NOT_THE_CERTIFICATE';

/** What node:tls and OpenSSL call the usual mishaps, and how they are told to an operator. */
const PHRASES: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', 'the certificate has expired'],
  [NOT_THE_CERTIFICATE, 'the certificate is not the one that is known, and nobody vouches for it'],
  ['CERT_NOT_YET_VALID', 'the certificate is not valid yet'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'the certificate is signed by itself'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'the certificate is of another authority'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'the certificate is of another authority'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'the certificate is of another authority'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'the certificate is of another authority'],
  ['CERT_SIGNATURE_FAILURE', 'the certificate is of another authority'],
  ['INVALID_PURPOSE', 'the certificate is not meant for this side of a connection'],
  ['CERT_REVOKED', 'the certificate has been revoked'],
  ['ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', 'no certificate is shown'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'the other side does not speak TLS'],
  ['ERR_SSL_HTTP_REQUEST', 'the other side does not speak TLS'],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'the other side speaks another version of TLS'],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'the other side speaks another version of TLS'],
]);

/** Whether an error's code is one of TLS, not of the system. */
function isOfTls(code: string): boolean {
  return PHRASES.has(code) || code === 'EPROTO' || code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_');
}

/** The error of a code that is one of TLS. @param cause the code, or an error that has it */
export function tlsError(cause: unknown): ConnectionError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  const words = code.replace(/^ERR_SSL_/, '').replaceAll('_', ' ');
  return { code: 'EPROTO', message: `TLS: ${PHRASES.get(code) ?? words.toLowerCase()}` };
}

/** Why a socket that may be one of TLS has failed: EPROTO for everything that has to do with TLS itself. */
export function tlsErrorOf(error: Error): ConnectionError {
  const code = 'code' in error ? String(error.code) : 'ECONNRESET';
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return errorOfName('ETIMEDOUT');
  return isOfTls(code) ? tlsError(code) : errorOfName(code);
}
