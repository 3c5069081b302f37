<?php
// Every command of PHP's memcache extension. Arguments: text or binary (memcache.protocol is set by the caller), two ports.
require __DIR__ . '/dialogue.php';
[, $protocol, $first, $second] = $argv;

$c = new Memcache();
check('connect', $c->connect('127.0.0.1', (int) $first), true);
check('version', $c->getVersion(), serverVersion((int) $first));
check('flush', $c->flush(), true);

$object = new stdClass();
$object->list = [1, 'zwei', null, 2.5];
foreach (['string' => 'käse', 'empty' => '', 'bytes' => "\0\r\n\xff\x80", 'integer' => -42, 'float' => 1.5, 'true' => true,
  'array' => ['a' => [1, 2]], 'object' => $object] as $name => $value) {
  check("set $name", $c->set($name, $value), true);
  $got = $c->get($name);
  check("get $name", is_object($got) ? (array) $got : $got, is_object($value) ? (array) $value : $value);
}
check('a miss', $c->get('missing'), false);

$long = str_repeat('compressible ', 60000);
check('compressed', [$c->set('long', $long, MEMCACHE_COMPRESSED), $c->get('long') === $long], [true, true]);
$flags = false;
$c->get('long', $flags);
check('its flags', ($flags & MEMCACHE_COMPRESSED) !== 0, true);
$noise = random_bytes(900000);
check('900 kB', [$c->set('noise', $noise), $c->get('noise') === $noise], [true, true]);
check('too large', @$c->set('noise', random_bytes(1100000)), false);
check('goes on after it', $c->set('k', 'v'), true);

$keys = [];
for ($i = 0; $i < 200; $i++) {
  $c->set("many$i", "value $i");
  $keys["many$i"] = "value $i";
}
$found = $c->get([...array_keys($keys), 'missing']);
ksort($found);
ksort($keys);
check('get of many', $found, $keys);

// In binary the extension takes NOT_FOUND for a dead server, whatever the server is.
if ($protocol === 'binary') finish();

check('add', [$c->add('a', '1'), $c->add('a', '2'), $c->get('a')], [true, false, '1']);
check('replace', [$c->replace('missing', '1'), $c->replace('a', 'middle')], [false, true]);
check('append, prepend', [$c->append('a', '>'), $c->prepend('a', '<'), $c->get('a')], [true, true, '<middle>']);
$cas = false;
$flags = false;
$c->get('a', $flags, $cas);
check('cas', [$c->cas('a', 'swapped', 0, 0, $cas), $c->cas('a', 'late', 0, 0, $cas), $c->get('a')], [true, false, 'swapped']);

$c->set('number', '10');
check('increment', [$c->increment('number', 5), $c->decrement('number', 7), $c->decrement('number', 100)], [15, 8, 0]);
check('increment of nothing', $c->increment('missing'), false);
check('delete', [$c->delete('a'), $c->delete('a')], [true, false]);
check('stats', $c->getStats()['pid'] > 0, true);
check('stats slabs', is_array($c->getStats('slabs')), true);

// Long enough for any machine; then the same for a short time.
$c->set('brief', 'x', 0, 1000);
check('before expiry', $c->get('brief'), 'x');
$c->set('brief', 'x', 0, 1);
check('expiry', eventually(fn () => $c->get('brief') === false), true);

ini_set('memcache.hash_strategy', 'consistent');
$two = new Memcache();
$two->addServer('127.0.0.1', (int) $first);
$two->addServer('127.0.0.1', (int) $second);
for ($i = 0; $i < 100; $i++) $two->set("spread$i", "value $i");
ask('spread spread 100');

$c = new Memcache();
$c->addServer('127.0.0.1', (int) $first, false, 1, 1, 1);
check('before the loss', $c->set('k', 'v'), true);
ask("restart $first");
check('comes back', eventually(fn () => @$c->set('k', 'again') && @$c->get('k') === 'again'), true);
check('flush at the end', [$c->flush(), $c->get('k')], [true, false]);
finish();
