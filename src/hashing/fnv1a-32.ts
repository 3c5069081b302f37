/** twemproxy's `fnv1a_32`: FNV-1a (mix in, then multiply), with bytes sign-extended. */
export function fnv1a32(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ ((bytes[i]! << 24) >> 24), 0x01000193);
  return hash >>> 0;
}
