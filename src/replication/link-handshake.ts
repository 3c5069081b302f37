/**
 * How two nodes come to know that they are twins: the hellos, and where there is a secret the proofs. Until it is done nothing of the cache moves, and nothing
 * of what a peer says of itself is taken over: neither its slot nor its clock, nor is another link given up for it.
 */
import { assert } from '../base/assert.ts';
import type { Connection } from '../base/session.ts';
import type { FrameReader } from './frame-reader.ts';
import {
  FRAME,
  type Hello,
  LINK_VERSION,
  LINK_VERSION_MIN,
  writeHello,
  writeProof,
  writeRefused,
  writeSlot,
} from './frames.ts';
import { featuresOf, type LinkSafety, proofWords, secretMismatch } from './link-safety.ts';

/** Before `open` nothing of the cache moves, and nothing is believed. `leaving`: what is wrong has been said, and is to be sent. */
export type LinkState =
  | 'dialling'
  | 'greeting'
  | 'hello'
  | 'proof'
  | 'open'
  | 'leaving'
  | 'closing'
  | 'closed';

/** The link as its handshake sees it. */
export interface HandshakeLink {
  readonly dialled: boolean;
  readonly connection: Pick<Connection, 'output' | 'channelBinding'>;
  readonly nodeSlot: number;
  /** What this node says of itself now. */
  hello(): Hello;
  /** Whether a link to who said this hello is wanted. @returns null, or why not */
  greeted(): string | null;
  /** It is not wanted because the peer has twins enough. */
  isSurplus(): boolean;
  /** It is a twin. @returns null, or why the two cannot be linked */
  admitted(peer: Hello): string | null;
}

const WRONG_SECRET = 'the secret of the peer is another one';

export class LinkHandshake {
  /** What is waited for. `leaving`: nothing more, `reason` says why; what has been written is to be sent. */
  stage: 'hello' | 'proof' | 'open' | 'leaving' = 'hello';
  reason = '';
  /** What this node said, and what the peer said; null until then. */
  own: Hello | null = null;
  peer: Hello | null = null;
  isHelloSent = false;
  /** It failed because the two have no secret in common. */
  lacksSecret = false;
  /** It failed because the other side, one of ours by its greeting, says what this node does not understand: it is of another release. */
  isMisunderstood = false;
  readonly #link: HandshakeLink;
  readonly #safety: LinkSafety;

  constructor(link: HandshakeLink, safety: LinkSafety) {
    this.#link = link;
    this.#safety = safety;
  }

  /** Whether the peer may be told now that this node's slot is another one. Who has to prove himself first is told when he has. */
  get tellsSlot(): boolean {
    return this.isHelloSent && (this.stage === 'open' || this.#safety.secret === null);
  }

  sendHello(): void {
    this.own = { ...this.#link.hello(), features: featuresOf(this.#safety) };
    this.isHelloSent = true;
    writeHello(this.#link.connection.output, this.own);
  }

  /**
   * Takes the frame that has just been read.
   *
   * @param at where it begins in `input`
   * @returns null, or why the connection cannot go on
   */
  take(frames: FrameReader, input: Uint8Array, at: number): string | null {
    return this.stage === 'hello' ? this.#hello(frames, input, at) : this.#proof(frames, input);
  }

  #hello(frames: FrameReader, input: Uint8Array, at: number): string | null {
    if (frames.kind !== FRAME.hello) return `frame ${frames.kind} before a hello`;
    const hello = frames.hello(input, at);
    if (hello === null) return frames.reason;
    if (hello.version < LINK_VERSION_MIN || hello.versionMin > LINK_VERSION) {
      this.isMisunderstood = true;
      return `it speaks link version ${hello.versionMin} to ${hello.version}, this node ${LINK_VERSION_MIN} to ${LINK_VERSION}`;
    }
    this.peer = hello;
    const { secret } = this.#safety;
    const { dialled } = this.#link;
    const mismatch = secretMismatch(this.#safety, hello);
    if (mismatch !== null) return this.#leave(mismatch);
    if (secret === null || dialled) {
      if (dialled) this.own = this.#link.hello();
      const refusal = this.#link.greeted();
      if (refusal !== null && dialled && this.#link.isSurplus()) return this.#leaveAfterHello(refusal);
      if (refusal !== null) return refusal;
    }
    if (secret === null) return this.#admit(hello);
    if (dialled) {
      this.sendHello();
      writeProof(this.#link.connection.output, secret.proof(this.#words(true)));
    }
    this.stage = 'proof';
    return null;
  }

  #proof(frames: FrameReader, input: Uint8Array): string | null {
    const { secret } = this.#safety;
    const { peer } = this;
    const { dialled } = this.#link;
    if (frames.kind === FRAME.refused && dialled) {
      this.lacksSecret = true;
      return WRONG_SECRET;
    }
    if (frames.kind !== FRAME.proof) return `frame ${frames.kind} before a proof`;
    assert(secret !== null && peer !== null, 'proofs follow the hellos, and only with a secret');
    if (!secret.isProof(this.#words(!dialled), input, frames.valueStart)) return this.#leave(WRONG_SECRET);
    if (!dialled) {
      const refusal = this.#link.greeted();
      if (refusal !== null) return refusal;
    }
    return this.#admit(peer);
  }

  /** @param isOfDialler whose proof it is */
  #words(isOfDialler: boolean): string {
    const { own, peer } = this;
    assert(own !== null && peer !== null, 'proofs follow the hellos');
    const { dialled, connection } = this.#link;
    const { channelBinding } = connection;
    return dialled
      ? proofWords(isOfDialler, own, peer, channelBinding)
      : proofWords(isOfDialler, peer, own, channelBinding);
  }

  /** The two have no secret in common. The other side is told, as far as it does not know: its log should say what is wrong, too. */
  #leave(reason: string): string | null {
    this.lacksSecret = true;
    if (!this.isHelloSent) return this.#leaveAfterHello(reason);
    if (this.stage !== 'proof' || this.#link.dialled) return reason;
    writeRefused(this.#link.connection.output);
    return this.#leaving(reason);
  }

  /** Says who this is, which shows the other side, too, what is wrong. What a dialler says of its twins is believed when it has proven itself. */
  #leaveAfterHello(reason: string): null {
    const { secret } = this.#safety;
    this.sendHello();
    if (secret !== null && !this.lacksSecret && this.#link.dialled)
      writeProof(this.#link.connection.output, secret.proof(this.#words(true)));
    return this.#leaving(reason);
  }

  #leaving(reason: string): null {
    this.reason = reason;
    this.stage = 'leaving';
    return null;
  }

  #admit(peer: Hello): string | null {
    const { connection, dialled } = this.#link;
    const { output } = connection;
    const { secret } = this.#safety;
    const refusal = this.#link.admitted(peer);
    if (refusal !== null) return refusal;
    if (!this.isHelloSent) this.sendHello();
    if (secret !== null) {
      if (!dialled) writeProof(output, secret.proof(this.#words(false)));
      const { nodeSlot } = this.#link;
      if (this.own?.slot !== nodeSlot) writeSlot(output, nodeSlot);
    }
    this.stage = 'open';
    return null;
  }
}
