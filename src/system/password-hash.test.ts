import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasHash } from './password-hash.ts';

/* Made by perl's crypt, by `openssl passwd -apr1` and `openssl passwd -1`. */
const HASHES = {
  $1$: '$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1',
  $5$: '$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.',
  $6$: '$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.',
  old: 'abNANd1rDfiNc',
} as const;

const APR1 = [
  ['secret', '$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/'],
  ['a', '$apr1$abcdefgh$G8IsPsylW5ROvIKsQMRG61'],
  ['a password of more than sixteen bytes', '$apr1$abcdefgh$EJvhw845MtIPi.xyhIm.Y/'],
  ['äöü', '$apr1$abcdefgh$JBEa10dul.flRWIC3az1E/'],
  ['secret', '$apr1$x$12YdXEY0/hH4rDNkmZupO0'],
] as const;

test("hashes of htpasswd and of MD5 are known without the system's help", () => {
  assert.equal(hasHash('secret', HASHES.$1$), true);
  assert.equal(hasHash('secre', HASHES.$1$), false);
  assert.equal(hasHash('', HASHES.$1$), false);
  for (const [password, hash] of APR1) {
    assert.equal(hasHash(password, hash), true, password);
    assert.equal(hasHash(`${password}x`, hash), false);
  }
});

test('what crypt(3) of the system knows is known', (t) => {
  const known = hasHash('secret', HASHES.$6$);
  if (known === null) {
    t.skip('libcrypt is not installed');
    return;
  }
  for (const hash of Object.values(HASHES)) {
    assert.equal(hasHash('secret', hash), true, hash);
    assert.equal(hasHash('Secret', hash), false, hash);
  }
});

test('of what is no hash nobody says yes', () => {
  for (const text of [
    '',
    'secret',
    '*',
    '*0',
    '$apr1$$',
    '$9$abc$def',
    '$6$',
    '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=',
  ])
    assert.notEqual(hasHash('secret', text), true, text);
});
