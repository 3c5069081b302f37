const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Base64 with padding (RFC 4648). @param bytes latin-1, a character for each byte */
export function encodeBase64(bytes: string): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const count = Math.min(3, bytes.length - i);
    let group = 0;
    for (let j = 0; j < 3; j++) group = group * 256 + (j < count ? bytes.charCodeAt(i + j) & 255 : 0);
    for (let j = 0; j < 4; j++) text += j <= count ? DIGITS[(group >>> (18 - j * 6)) & 63]! : '=';
  }
  return text;
}
