/** Passwords of this system's users, as PAM (pam(3), Linux-PAM) has them checked. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Whether a user of this system has a password, and may come in. It takes as long as the system's hash does, 50 ms say. */
export type PasswordCheck = (user: string, password: string) => boolean;

const PAM = 'libpam.so.0';
const LIBC = 'libc.so.6';

/** security/_pam_types.h */
const PAM_SUCCESS = 0;
const PAM_CONV_ERR = 19;
const PAM_PROMPT_ECHO_OFF = 1;
const PAM_PROMPT_ECHO_ON = 2;
const PAM_FAIL_DELAY = 10;
const PAM_DISALLOW_NULL_AUTHTOK = 1;
const PAM_SILENT = 0x8000;
/** PAM_MAX_NUM_MSG */
const MESSAGES_MAX = 32;

const checks = new Map<string, PasswordCheck | null>();

/**
 * @param service whose rules count, /etc/pam.d/SERVICE
 * @returns null where there is no PAM
 */
export function pamCheck(service: string): PasswordCheck | null {
  let check = checks.get(service);
  if (check === undefined) {
    try {
      check = loadCheck(service);
    } catch {
      // There is no such library here, or no koffi.
      check = null;
    }
    checks.set(service, check);
  }
  return check;
}

function loadCheck(service: string): PasswordCheck {
  const koffi: typeof import('koffi') = createRequire(import.meta.url)('koffi');
  const [pam, libc] = [koffi.load(PAM), koffi.load(LIBC)];
  const message = koffi.struct({ style: 'int', text: 'const char *' });
  const response = koffi.struct({ text: 'void *', code: 'int' });
  const conversation = koffi.proto('int', ['int', 'void *', 'void *', 'void *']);
  const delay = koffi.proto('void', ['int', 'unsigned int', 'void *']);
  const handler = koffi.struct({ converse: koffi.pointer(conversation), data: 'void *' });
  const begin = pam.func('pam_start', 'int', [
    'str',
    'str',
    koffi.pointer(handler),
    koffi.out(koffi.pointer('void *')),
  ]);
  const setItem = pam.func('pam_set_item', 'int', ['void *', 'int', 'void *']);
  const authenticate = pam.func('pam_authenticate', 'int', ['void *', 'int']);
  const manageAccount = pam.func('pam_acct_mgmt', 'int', ['void *', 'int']);
  const end = pam.func('pam_end', 'int', ['void *', 'int']);
  // PAM frees what it is answered.
  const calloc = libc.func('calloc', 'void *', ['size_t', 'size_t']);
  const strdup = libc.func('strdup', 'void *', ['str']);
  // It would have this thread sleep for two seconds after a wrong password. How often one may guess is bounded elsewhere.
  const noDelay = koffi.register(() => {}, koffi.pointer(delay));

  return (user, password) => {
    // Both end at a NUL there.
    if (user.includes('\0') || password.includes('\0')) return false;
    const converse = (count: number, messages: unknown, answers: unknown): number => {
      if (count < 1 || count > MESSAGES_MAX) return PAM_CONV_ERR;
      const asked: unknown[] = koffi.decode(messages, koffi.array('void *', count));
      const styles = asked.map((one): unknown => koffi.decode(one, message).style);
      // Nobody is there to be asked anything else.
      if (styles.includes(PAM_PROMPT_ECHO_ON)) return PAM_CONV_ERR;
      const block: unknown = calloc(count, koffi.sizeof(response));
      if (block === null) return PAM_CONV_ERR;
      for (const [index, style] of styles.entries()) {
        const text: unknown = style === PAM_PROMPT_ECHO_OFF ? strdup(password) : null;
        koffi.encode(block, index * koffi.sizeof(response), response, { text, code: 0 });
      }
      koffi.encode(answers, 'void *', block);
      return PAM_SUCCESS;
    };
    const registered = koffi.register(converse, koffi.pointer(conversation));
    try {
      const handle: unknown[] = [null];
      if (begin(service, user, { converse: registered, data: null }, handle) !== PAM_SUCCESS) return false;
      const [session] = handle;
      setItem(session, PAM_FAIL_DELAY, noDelay);
      let status: unknown = authenticate(session, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
      if (status === PAM_SUCCESS) status = manageAccount(session, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
      end(session, status);
      return status === PAM_SUCCESS;
    } finally {
      koffi.unregister(registered);
    }
  };
}

/**
 * Users of a group: its members, and those whose first group it is.
 *
 * @param groups lines as of /etc/group, group(5)
 * @param users lines as of /etc/passwd, passwd(5)
 * @returns null when there is no such group
 */
export function groupMembers(name: string, groups: string, users: string): readonly string[] | null {
  const group = groups
    .split('\n')
    .map((line) => line.split(':'))
    .find(([own]) => own === name);
  if (group === undefined) return null;
  const [, , id, members = ''] = group;
  const first = users.split('\n').flatMap((line) => {
    const [user = '', , , own] = line.split(':');
    return user !== '' && own === id ? [user] : [];
  });
  return [...new Set([...members.split(',').filter((member) => member !== ''), ...first])];
}

/** The same by the files of this system. @throws Error when they cannot be read */
export function systemGroupMembers(name: string): readonly string[] | null {
  return groupMembers(name, readFileSync('/etc/group', 'utf8'), readFileSync('/etc/passwd', 'utf8'));
}
