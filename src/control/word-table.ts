/** What a word of a file means; undefined for one that the table has not, whatever else objects have by that name. */
export function meaningOf<T>(table: Readonly<Record<string, T>>, word: string): T | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}
