/** Times and bounds of one thread's routing. Every queue and buffer has its bound here. */
export interface RoutingSettings {
  /** From a request handed to a destination to its reply. A destination that is a proxy gets what it says it needs. */
  readonly requestTimeoutMs: number;
  /** From dialling to an answered probe. */
  readonly connectTimeoutMs: number;
  /**
   * First and longest pause before a dead destination is dialled again. The longest is short because a dial costs next to nothing (a
   * refusal some 20 us, twice or so a second), and because until it succeeds the writes of a stock server's main are missed by it.
   */
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
  /** A server that goes down within this time after it has come up flaps; when it does so again and again it is left alone for up to `flapBackoffMsMax`. 0: never. */
  readonly flapWindowMs: number;
  readonly flapBackoffMsMax: number;
  /** When more than this share of a pool's servers look dead, none is taken for dead. 1: never. */
  readonly failOpenShare: number;
  /** Least pause between two dials for calls that have nobody else: what keeps a dead farm under load from becoming a storm of dials. */
  readonly lastResortGapMs: number;
  /** So long after a server was lost requests that have nobody else wait for it to come back, instead of being refused; see ReturnWait. 0: never. */
  readonly returnWaitMs: number;
  /** How many twins must have a write before a server that has twins answers it, 0 to 7, and for how long it waits for them. */
  readonly twinAcks: number;
  readonly twinAckMsMax: number;
  /** A server that lacks what its twin has is asked so often whether it has it now. */
  readonly fillingMs: number;
  /** What is copied from one side of a mirror to the other, because that one lacks it, lives there so long at most: the real expiry time is not known. */
  readonly fillExptimeSeconds: number;
  /** Calls and bytes that may wait for one destination; beyond it a call fails at once. */
  readonly queueCallsMax: number;
  readonly queueBytesMax: number;
  /** Bytes that a server may leave untaken before calls wait instead of being written to its connection. */
  readonly writeAheadBytes: number;
  /** Unanswered requests of one client; beyond it the client is not read from. */
  readonly pipelineMax: number;
  /** Bytes of its unanswered requests, beyond which it is not read from either; one value may be longer than that. */
  readonly pipelineBytesMax: number;
  /** Longest value that is accepted from a client. */
  readonly valueBytesMax: number;
  /** Bytes of requests and replies that one thread keeps in its own buffers; beyond it requests fail. */
  readonly bufferBytesMax: number;
  /** So long a client may take for a value in any case; later the value makes room when the buffers are used up. */
  readonly uploadMsGranted: number;
  /** Bytes that a client may leave unread before it holds up the connection they come from. */
  readonly clientBacklogBytesMax: number;
  /** What more is kept for it when others wait for that connection. Both together are less than a transport keeps (PENDING_BYTES_MAX). */
  readonly clientGrantBytesMax: number;
  /** How long it may hold others up, when there is no room for that, before it is dropped. */
  readonly clientStallMs: number;
}

export const ROUTING_SETTINGS_DEFAULT: RoutingSettings = {
  requestTimeoutMs: 1000,
  connectTimeoutMs: 500,
  backoffMsMin: 40,
  backoffMsMax: 500,
  flapWindowMs: 0,
  flapBackoffMsMax: 60_000,
  failOpenShare: 1,
  lastResortGapMs: 10,
  returnWaitMs: 0,
  twinAcks: 1,
  twinAckMsMax: 250,
  fillingMs: 20,
  fillExptimeSeconds: 300,
  queueCallsMax: 65536,
  queueBytesMax: 128 * 1024 * 1024,
  writeAheadBytes: 1024 * 1024,
  pipelineMax: 1024,
  pipelineBytesMax: 16 * 1024 * 1024,
  valueBytesMax: 128 * 1024 * 1024,
  bufferBytesMax: 256 * 1024 * 1024,
  uploadMsGranted: 5000,
  clientBacklogBytesMax: 8 * 1024 * 1024,
  clientGrantBytesMax: 48 * 1024 * 1024,
  clientStallMs: 1000,
};
