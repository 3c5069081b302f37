/** Entry of the command; see the personalities in this folder. */
export async function main(_argv: readonly string[]): Promise<void> {
  process.stderr.write('twincached: not built yet\n');
  process.exitCode = 1;
}
