/** A mistake that the shape of a configuration does not show. */
export class ConfigurationMistake extends Error {
  /** Where it is in the file. */
  readonly path: readonly PropertyKey[];

  constructor(path: readonly PropertyKey[], message: string) {
    super(message);
    this.path = path;
  }
}
