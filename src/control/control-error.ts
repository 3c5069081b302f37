import type { Place } from './tree.ts';

/** A control file that cannot be used. The message is one line, with the file and the line in front where it has one. */
export class ControlError extends Error {
  override readonly name = 'ControlError';

  /**
   * @param place null where the fault has no line, as a circle of dependencies
   * @param token what stands there; '' for the end of the file, null where it says nothing
   */
  constructor(place: Place | null, text: string, token: string | null = null) {
    const where = place === null ? '' : `${place.file}:${place.line}: `;
    super(`${where}${text}${token === null ? '' : ` '${token}'`}`);
  }
}
