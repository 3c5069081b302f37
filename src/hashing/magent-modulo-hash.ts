/**
 * magent's default hash: Bernstein's times 33 in its adding form, over signed bytes, with the top bit dropped. The key ends at its
 * first NUL, as a C string does. The server is the hash modulo the number of servers (see modulo.ts).
 */
export function magentModuloHash(bytes: Uint8Array, start: number, end: number): number {
  let hash = 5381;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === 0) break;
    hash = (Math.imul(hash, 33) + ((byte << 24) >> 24)) | 0;
  }
  return hash & 0x7fffffff;
}
