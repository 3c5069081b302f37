<?php
// Every command of PHP's memcached extension. Arguments: text or binary, two ports; see README.md beside this file.
require __DIR__ . '/dialogue.php';
[, $protocol, $first, $second] = $argv;

function client(string $protocol, array $ports, string $user = '', string $password = ''): Memcached {
  $client = new Memcached();
  $client->setOption(Memcached::OPT_BINARY_PROTOCOL, $protocol === 'binary');
  $client->setOption(Memcached::OPT_LIBKETAMA_COMPATIBLE, true);
  $client->setOption(Memcached::OPT_TCP_NODELAY, true);
  $client->setOption(Memcached::OPT_RETRY_TIMEOUT, 1);
  if ($user !== '') $client->setSaslAuthData($user, $password);
  foreach ($ports as $port) $client->addServer('127.0.0.1', (int) $port);
  return $client;
}

if ($protocol === 'sasl') {
  $client = client('binary', [$first], 'alice', 'wonder:land');
  check('logged in', [$client->set('k', 'v'), $client->get('k')], [true, 'v']);
  $client = client('binary', [$first], 'alice', 'wrong');
  check('wrong password', $client->set('k', 'w'), false);
  check('wrong password, why', $client->getResultCode(), Memcached::RES_AUTH_FAILURE);
  finish();
}

$c = client($protocol, [$first]);
$binary = $protocol === 'binary';
check('version', array_values($c->getVersion())[0], serverVersion((int) $first));
check('flush', $c->flush(), true);

$object = new stdClass();
$object->list = [1, 'zwei', null, 2.5];
foreach (['string' => 'käse', 'empty' => '', 'bytes' => "\0\r\n\xff\x80", 'integer' => -42, 'float' => 1.5e-3, 'true' => true,
  'false' => false, 'null' => null, 'array' => ['a' => [1, 2]], 'object' => $object] as $name => $value) {
  check("set $name", $c->set($name, $value), true);
  $got = $c->get($name);
  check("get $name", is_object($got) ? (array) $got : $got, is_object($value) ? (array) $value : $value);
}
check('a miss', [$c->get('missing'), $c->getResultCode()], [false, Memcached::RES_NOTFOUND]);

$long = str_repeat('compressible ', 60000);
check('compressed', [$c->set('long', $long), $c->get('long') === $long], [true, true]);
$c->setOption(Memcached::OPT_COMPRESSION, false);
$noise = random_bytes(900000);
check('900 kB', [$c->set('noise', $noise), $c->get('noise') === $noise], [true, true]);
check('too large', [$c->set('noise', str_repeat('x', 1100000)), $c->getResultCode()], [false, Memcached::RES_E2BIG]);

$many = [];
for ($i = 0; $i < 200; $i++) $many["many$i"] = "value $i";
check('setMulti', $c->setMulti($many), true);
check('getMulti', $c->getMulti([...array_keys($many), 'missing']), $many);
check('getDelayed', $c->getDelayed(['many1', 'many2', 'missing'], true), true);
$delayed = array_column($c->fetchAll(), 'value', 'key');
ksort($delayed);
check('fetchAll', $delayed, ['many1' => 'value 1', 'many2' => 'value 2']);
check('deleteMulti', $c->deleteMulti(['many1', 'missing']), ['many1' => true, 'missing' => Memcached::RES_NOTFOUND]);

check('add', [$c->add('a', '1'), $c->add('a', '2'), $c->get('a')], [true, false, '1']);
check('replace', [$c->replace('missing', '1'), $c->replace('a', 'middle')], [false, true]);
check('append, prepend', [$c->append('a', '>'), $c->prepend('a', '<'), $c->get('a')], [true, true, '<middle>']);
check('append to nothing', $c->append('missing', 'x'), false);

$extended = $c->get('a', null, Memcached::GET_EXTENDED);
check('cas', $c->cas($extended['cas'], 'a', 'swapped'), true);
check('cas again', [$c->cas($extended['cas'], 'a', 'late'), $c->getResultCode()], [false, Memcached::RES_DATA_EXISTS]);
check('after cas', $c->get('a'), 'swapped');
check('cas of nothing', [$c->cas(1.0, 'missing', 'x'), $c->getResultCode()], [false, Memcached::RES_NOTFOUND]);

$c->set('number', 10);
check('increment', [$c->increment('number', 5), $c->decrement('number', 7), $c->decrement('number', 100)], [15, 8, 0]);
check('increment of nothing', $c->increment('missing'), false);
if ($binary) check('increment with a start', [$c->increment('made', 1, 100), $c->increment('made', 1, 100)], [100, 101]);
$c->set('word', 'letters');
check('increment of a word', $c->increment('word'), false);

check('touch', [$c->touch('a', 1000), $c->touch('missing', 1000)], [true, false]);
check('delete', [$c->delete('a'), $c->delete('a'), $c->getResultCode()], [true, false, Memcached::RES_NOTFOUND]);
check('setByKey', [$c->setByKey('group', 'k', 'v'), $c->getByKey('group', 'k'), $c->deleteByKey('group', 'k')], [true, 'v', true]);
if (!$binary) check('getAllKeys', eventually(fn () => in_array('word', $c->getAllKeys() ?: [])), true);
check('stats', array_values($c->getStats())[0]['pid'] > 0, true);

// Long enough for any machine; then the same for a short time.
$c->set('brief', 'x', 1000);
check('before expiry', $c->get('brief'), 'x');
$c->set('brief', 'x', 1);
check('expiry', eventually(fn () => $c->get('brief') === false), true);
$c->set('past', 'x', time() - 1);
check('expired at once', $c->get('past'), false);
$c->set('touched', 'x', 1000);
$c->touch('touched', time() - 1);
check('touched to the past', $c->get('touched'), false);

$c->setOption(Memcached::OPT_NO_BLOCK, true);
$c->setOption(Memcached::OPT_BUFFER_WRITES, true);
for ($i = 0; $i < 1000; $i++) $c->set("buffered$i", (string) $i);
$c->flushBuffers();
check('buffered writes', $c->get('buffered999'), '999');
$c->setOption(Memcached::OPT_BUFFER_WRITES, false);

$two = client($protocol, [$first, $second]);
for ($i = 0; $i < 100; $i++) $two->set("spread$i", "value $i");
ask('spread spread 100');

check('before the loss', $c->set('k', 'v'), true);
ask("restart $first");
check('comes back', eventually(fn () => $c->set('k', 'again') && $c->get('k') === 'again'), true);
check('flush at the end', [$c->flush(), $c->get('k')], [true, false]);
finish();
