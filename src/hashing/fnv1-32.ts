/** twemproxy's `fnv1_32`: FNV-1 (multiply, then mix in), with bytes sign-extended. */
export function fnv132(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash, 0x01000193) ^ ((bytes[i]! << 24) >> 24);
  return hash >>> 0;
}
