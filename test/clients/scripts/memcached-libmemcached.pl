# The commands of Perl's Memcached::libmemcached. Arguments: text or binary, two ports; see README.md beside this file.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Dialogue;
use Memcached::libmemcached qw(:memcached_behavior_t);

my ($protocol, $first, $second) = @ARGV;

sub client {
  my $client = Memcached::libmemcached->new;
  $client->memcached_behavior_set(MEMCACHED_BEHAVIOR_BINARY_PROTOCOL, $protocol eq 'binary' ? 1 : 0);
  $client->memcached_behavior_set(MEMCACHED_BEHAVIOR_KETAMA, 1);
  $client->memcached_behavior_set(MEMCACHED_BEHAVIOR_RETRY_TIMEOUT, 1);
  $client->memcached_server_add('127.0.0.1', $_) for @_;
  return $client;
}

my $c = client($first);
check('flush', $c->memcached_flush(0), 1);
my ($flags, $code);
for my $value ("k\xc3\xa4se", "\0\r\n\xff\x80", '-42') {
  check('set', $c->memcached_set('k', $value, 0, 4_000_000_000), 1);
  check('get', [$c->memcached_get('k', $flags, $code), $flags], [$value, 4_000_000_000]);
}
check('a miss', $c->memcached_get('missing'), undef);
my $noise = join '', map { chr int rand 256 } 1 .. 900_000;
check('900 kB', [$c->memcached_set('noise', $noise), $c->memcached_get('noise') eq $noise], [1, 1]);
check('add', [$c->memcached_add('a', '1'), $c->memcached_add('a', '2') ? 1 : 0, $c->memcached_get('a')], [1, 0, '1']);
check('replace', [$c->memcached_replace('missing', '1') ? 1 : 0, $c->memcached_replace('a', 'middle')], [0, 1]);
check('append, prepend', [$c->memcached_append('a', '>'), $c->memcached_prepend('a', '<'), $c->memcached_get('a')], [1, 1, '<middle>']);
$c->memcached_set("many$_", "value $_") for 1 .. 200;
my %found;
$c->memcached_mget_into_hashref([(map { "many$_" } 1 .. 200), 'missing'], \%found);
check('mget', \%found, {map { ("many$_" => "value $_") } 1 .. 200});
$c->memcached_set('number', '10');
my $number;
check('increment', [$c->memcached_increment('number', 5, $number), $number], [1, 15]);
check('decrement', [$c->memcached_decrement('number', 100, $number), $number + 0], [1, 0]);
if ($protocol eq 'binary') {
  check('increment with a start', [$c->memcached_increment_with_initial('made', 1, 100, 0, $number), $number], [1, 100]);
}
check('delete', [$c->memcached_delete('a'), $c->memcached_delete('a') ? 1 : 0], [1, 0]);

# Long enough for any machine; then the same for a short time.
$c->memcached_set('brief', 'x', 1000);
check('before expiry', $c->memcached_get('brief'), 'x');
$c->memcached_set('brief', 'x', 1);
check('expiry', eventually(sub { !defined $c->memcached_get('brief') }), 1);

my $two = client($first, $second);
$two->memcached_set("spread$_", "value $_") for 0 .. 99;
ask('spread spread 100');

check('before the loss', $c->memcached_set('k', 'v'), 1);
ask("restart $first");
check('comes back', eventually(sub { $c->memcached_set('k', 'again') && $c->memcached_get('k') eq 'again' }), 1);
check('flush at the end', [$c->memcached_flush(0), $c->memcached_get('k')], [1, undef]);
finish();
