/** The text format of Prometheus (exposition format 0.0.4). */

export type MetricType = 'counter' | 'gauge';

type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly type: MetricType;
  readonly help: string;
  readonly lines: string[];
}

/** Collects samples and writes them down, those of one name together, as the format demands. */
export class PrometheusText {
  readonly #families: Map<string, Family> = new Map();
  #length = 0;

  /** Characters of all samples so far. */
  get length(): number {
    return this.#length;
  }

  /**
   * Adds a sample. One without a finite value is left out.
   *
   * @param help a sentence without an end; of a name the first one stays
   */
  add(name: string, type: MetricType, help: string, labels: Labels, value: number): void {
    if (!Number.isFinite(value)) return;
    let family = this.#families.get(name);
    if (family === undefined) {
      family = { type, help, lines: [] };
      this.#families.set(name, family);
    }
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    const line = `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
    this.#length += line.length;
    family.lines.push(line);
  }

  toString(): string {
    let text = '';
    for (const [name, { type, help, lines }] of this.#families)
      text += `# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`;
    return text;
  }
}

function escaped(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}
