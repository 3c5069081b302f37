/** The bounds of a link in time, and in work for each turn. */

/** Something is sent at least so often, and what was received is acknowledged so soon. */
export const PING_MS = 1000;
export const ACKNOWLEDGE_MS = 100;
/** A peer from which nothing has come for so long is dead: two pings missed, and found within three seconds. */
export const SILENCE_MS_MAX = 2500;
/**
 * A peer that is not silent, but takes nothing of what is sent, or acknowledges nothing of what it has taken, for so long is of no use; so is a repcached whose kernel has acknowledged nothing
 * for so long: its protocol has no heartbeat.
 */
export const STUCK_MS_MAX = 20_000;
/** A dialler that says nothing for so long is a repcached, which waits for its copy. A node of ours greets at once; but its host may be busy. */
export const LEGACY_SILENCE_MS = 500;
/** What a node says when it gives a link up has so long to leave. */
export const PARTED_MS_MAX = 1000;
/** Both hellos must be there within this time. */
export const HANDSHAKE_MS_MAX = 2000;
/** Most bytes that a pump writes of live changes: about a millisecond of work, for the loop also serves clients. */
export const CHANGES_BYTES_PER_PUMP: number = 256 * 1024;
/** Most bytes that are taken at once: half a millisecond of small items, for a copy that comes in must not hold up clients either. */
export const FED_BYTES_MAX: number = 64 * 1024;
