/**
 * Whom to believe, by a PEM text. Node believes those whom the system trusts where the text is empty, and nobody where it has no certificate in it, both without a word:
 * the file may be being written just now.
 *
 * @param pem certificates of authorities
 * @returns the same
 * @throws Error when there is none
 */
export function authoritiesIn(pem: string): string {
  if (!pem.includes('-----BEGIN')) throw new Error('no certificate of an authority');
  return pem;
}
