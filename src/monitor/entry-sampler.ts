import { EMPTY_SAMPLE, figure, type ProbeOutcome, type Sample } from '../checks/sample.ts';
import type { Limits, ServiceEntry, Test } from '../control/tree.ts';
import { echoRequest } from '../system/echo-request.ts';
import { probeConnection } from './connection-probe.ts';
import { type ContentPosition, contentOutcome } from './file-content.ts';
import type { FileReader } from './file-reader.ts';
import { sampleFile } from './file-sample.ts';
import { FilesystemSampler } from './filesystem-sample.ts';
import { NetworkSampler } from './network-sample.ts';
import { HostSampler, type HostView, ProcessSampler } from './process-sample.ts';
import { type RunOptions, resultText, runProgram } from './program-run.ts';

export interface SamplerOptions {
  readonly limits: Limits;
  /** For programs that are run to look at something. */
  readonly run: Pick<RunOptions, 'environment' | 'onChild'>;
  readonly reader: FileReader;
}

/** Looks at one entry: whatever can be read is read, whatever has to be asked is asked, all at once. */
export class EntrySampler {
  readonly #entry: ServiceEntry;
  readonly #options: SamplerOptions;
  readonly #process: ProcessSampler;
  readonly #host: HostSampler = new HostSampler();
  readonly #filesystem: FilesystemSampler = new FilesystemSampler();
  readonly #network: NetworkSampler;
  /** By index those that have to go and ask. */
  readonly #askingRules: readonly number[];
  readonly #content: ContentPosition = { inode: 0, offset: 0 };
  /** One that is under way. */
  #fileLook: Promise<Sample> | null = null;
  #output = '';
  #status: string | null = null;

  constructor(entry: ServiceEntry, options: SamplerOptions) {
    this.#entry = entry;
    this.#options = options;
    const resources = entry.rules.flatMap(({ test }) => (test.kind === 'resource' ? [test.resource] : []));
    this.#network = new NetworkSampler(entry);
    this.#process = new ProcessSampler(new Set(resources));
    this.#askingRules = entry.rules.flatMap(({ test }, index) =>
      test.kind === 'connection' || test.kind === 'ping' ? [index] : [],
    );
  }

  /** What a `check program` said last. */
  get output(): string {
    return this.#output;
  }

  /**
   * Takes a sample.
   *
   * @param pid of the entry's process, null when there is none
   * @throws NoAnswerError when what is looked at hangs
   */
  async sample(pid: number | null, view: HostView, wallMs: number): Promise<Sample> {
    const [facts, probes] = await Promise.all([this.#facts(pid, view, wallMs), this.#probes(pid)]);
    for (const [index, outcome] of facts.probes) probes.set(index, outcome);
    return { ...facts, probes };
  }

  async #facts(pid: number | null, view: HostView, wallMs: number): Promise<Sample> {
    const { type, subject } = this.#entry;
    const { reader } = this.#options;
    switch (type) {
      case 'process':
        return pid === null ? EMPTY_SAMPLE : this.#process.sample(pid, view);
      case 'system':
        return this.#host.sample(view);
      case 'file':
      case 'directory':
      case 'fifo':
        return subject.kind === 'path' ? this.#file(subject.path, wallMs) : EMPTY_SAMPLE;
      case 'filesystem':
        return subject.kind === 'path'
          ? this.#filesystem.sample(subject.path, view.atMs, reader)
          : EMPTY_SAMPLE;
      case 'network':
        return this.#network.sample(view.atMs);
      case 'program':
        return this.#program();
      default:
        return { ...EMPTY_SAMPLE, exists: true };
    }
  }

  /** The checksum of a large file may take longer than a look is waited for: the next one waits for the same, or there would be more and more of them. */
  #file(path: string, wallMs: number): Promise<Sample> {
    const { limits, reader } = this.#options;
    this.#fileLook ??= sampleFile(this.#entry, path, this.#content, limits, wallMs, reader).finally(() => {
      this.#fileLook = null;
    });
    return this.#fileLook;
  }

  async #program(): Promise<Sample> {
    const { subject } = this.#entry;
    if (subject.kind !== 'program') return EMPTY_SAMPLE;
    const { limits, run } = this.#options;
    const result = await runProgram(subject.call, {
      ...run,
      outputBytesMax: limits.programOutputBytes,
      timeoutMs: subject.call.timeoutMs ?? limits.programTimeoutMs,
    }).ended;
    this.#output = result.output === '' && result.code !== 0 ? resultText(result) : result.output;
    this.#status = result.code === null ? null : String(result.code);
    // A program that could not run to its end has failed, whatever status the rule asks for.
    const status = result.code ?? -1;
    return {
      exists: result.failure === null,
      figures: { status: figure(status) },
      properties: {
        status: this.#status ?? resultText(result),
        'status-text': `(${this.#status ?? resultText({ ...result, output: '' })}) -- ${result.output === '' ? 'no output' : result.output}`,
      },
      probes: this.#contentProbes(result.output),
    };
  }

  /** What rules about content find in the output; `^` and `$` mean the ends of its lines. */
  #contentProbes(output: string): Map<number, ProbeOutcome> {
    const outcomes = new Map<number, ProbeOutcome>();
    for (const [index, { test }] of this.#entry.rules.entries()) {
      if (test.kind === 'content') outcomes.set(index, contentOutcome(test, [output], 'ms'));
    }
    return outcomes;
  }

  async #probes(pid: number | null): Promise<Map<number, ProbeOutcome>> {
    const outcomes = new Map<number, ProbeOutcome>();
    // Of a process that is not there the rules about existence tell enough.
    if (this.#entry.type === 'process' && pid === null) return outcomes;
    await Promise.all(
      this.#askingRules.map(async (index) => {
        const test = this.#entry.rules[index]?.test;
        const outcome = test === undefined ? null : await this.#probe(test);
        if (outcome !== null) outcomes.set(index, outcome);
      }),
    );
    return outcomes;
  }

  async #probe(test: Test): Promise<ProbeOutcome | null> {
    if (test.kind === 'connection') return probeConnection(test, this.#options.limits);
    if (test.kind !== 'ping' || this.#entry.subject.kind !== 'address') return null;
    const { timeoutMs, family, source, payloadBytes } = test;
    const host = this.#entry.subject.address;
    let why = '';
    for (let attempt = 1; attempt <= test.count; attempt++) {
      const outcome = await echoRequest({ host, family, source, payloadBytes, timeoutMs });
      // Where nothing can be said, that is neither good nor bad.
      if (outcome.kind === 'impossible') return this.#pingProgram(test, host);
      if (outcome.kind === 'answered') return { isOk: true, text: 'ping succeeded', responseMs: outcome.ms };
      why = outcome.why;
    }
    return { isOk: false, text: `ping failed: ${why}`, responseMs: null };
  }

  /** For those who may not send such packets themselves. */
  async #pingProgram(test: Extract<Test, { kind: 'ping' }>, host: string): Promise<ProbeOutcome | null> {
    const seconds = Math.max(1, Math.round(test.timeoutMs / 1000));
    const version = test.family === 'any' ? [] : [test.family === 'ipv4' ? '-4' : '-6'];
    const from = test.source === null ? [] : ['-I', test.source];
    const size = ['-s', String(test.payloadBytes)];
    const argv = ['ping', '-n', '-q', '-c', '1', '-W', String(seconds), ...size, ...version, ...from, host];
    for (let attempt = 1; attempt <= test.count; attempt++) {
      const result = await runProgram(
        { argv, user: null, group: null, timeoutMs: null },
        { ...this.#options.run, outputBytesMax: 4096, timeoutMs: test.timeoutMs + 1000 },
      ).ended;
      if (result.failure !== null) return null;
      const ms = /= [\d.]+\/([\d.]+)/.exec(result.output)?.[1];
      if (result.code === 0)
        return { isOk: true, text: 'ping succeeded', responseMs: ms === undefined ? null : Number(ms) };
    }
    return { isOk: false, text: 'ping failed', responseMs: null };
  }
}
