import { createServer, type Server, type Socket } from 'node:net';

/** A mail as it came in. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: string;
  /** Headers and body. */
  readonly text: string;
}

/** A mail server that is small enough to read: takes whatever it gets, or refuses everything. */
export class SmtpServer {
  readonly mails: ReceivedMail[] = [];
  readonly #server: Server;
  refuses = false;

  private constructor() {
    this.#server = createServer((socket) => this.#talk(socket));
  }

  static async start(port = 0): Promise<SmtpServer> {
    const server = new SmtpServer();
    await new Promise<void>((resolve) => server.#server.listen(port, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #talk(socket: Socket): void {
    let text = '';
    let from = '';
    let to = '';
    let isData = false;
    const say = (line: string): void => void socket.write(`${line}\r\n`);
    socket.on('error', () => {});
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      for (;;) {
        if (isData) {
          const end = text.indexOf('\r\n.\r\n');
          if (end < 0) return;
          this.mails.push({ from, to, text: text.slice(0, end) });
          text = text.slice(end + 5);
          isData = false;
          say('250 taken');
          continue;
        }
        const end = text.indexOf('\r\n');
        if (end < 0) return;
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        if (/^EHLO/i.test(line)) say('250 localhost');
        else if (/^MAIL FROM:/i.test(line)) {
          from = line.slice('MAIL FROM:'.length);
          say(this.refuses ? '550 not from you' : '250 fine');
        } else if (/^RCPT TO:/i.test(line)) {
          to = line.slice('RCPT TO:'.length);
          say('250 fine');
        } else if (/^DATA/i.test(line)) {
          isData = true;
          say('354 go on');
        } else if (/^QUIT/i.test(line)) {
          say('221 bye');
          socket.end();
        } else say('250 fine');
      }
    });
    say('220 localhost ESMTP');
  }
}
