/** Which bytes stand as they are: letters, digits and `- . _ ~` (RFC 3986, unreserved). */
const ENCODED: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return /[A-Za-z0-9\-._~]/.test(character)
    ? character
    : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
});

/** A key for a line of text: every byte that is not unreserved as `%XX`. @param key latin-1, a character for each byte */
export function uriEncoded(key: string): string {
  let text = '';
  for (let i = 0; i < key.length; i++) text += ENCODED[key.charCodeAt(i) & 255]!;
  return text;
}
