# Every command of Perl's Cache::Memcached. Arguments: text, two ports; see README.md beside this file.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Dialogue;
use Cache::Memcached;

my (undef, $first, $second) = @ARGV;
my $c = Cache::Memcached->new({servers => ["127.0.0.1:$first"], compress_threshold => 10_000});
check('flush', $c->flush_all, 1);
my %values = (
  string => "k\xc3\xa4se", empty => '', bytes => "\0\r\n\xff\x80", integer => -42,
  list => [1, 'zwei'], hash => {a => [1, 2]},
);
for my $name (sort keys %values) {
  check("set $name", $c->set($name, $values{$name}), 1);
  check("get $name", $c->get($name), $values{$name});
}
check('a miss', $c->get('missing'), undef);
my $long = 'compressible ' x 60000;
check('compressed', [$c->set('long', $long), $c->get('long') eq $long], [1, 1]);
my $noise = join '', map { chr int rand 256 } 1 .. 900_000;
$c->enable_compress(0);
check('900 kB', [$c->set('noise', $noise), $c->get('noise') eq $noise], [1, 1]);
$c->set('noise', 'x' x 1_100_000);
check('goes on after what is too large', [$c->set('k', 'v'), $c->get('k')], [1, 'v']);

$c->set("many$_", "value $_") for 1 .. 200;
check('get_multi', $c->get_multi((map { "many$_" } 1 .. 200), 'missing'), {map { ("many$_" => "value $_") } 1 .. 200});
check('add', [$c->add('a', '1'), $c->add('a', '2') ? 1 : 0, $c->get('a')], [1, 0, '1']);
check('replace', [$c->replace('missing', '1') ? 1 : 0, $c->replace('a', 'middle')], [0, 1]);
check('append, prepend', [$c->append('a', '>'), $c->prepend('a', '<'), $c->get('a')], [1, 1, '<middle>']);
$c->set('number', 10);
check('incr', [$c->incr('number', 5), $c->decr('number', 7), $c->decr('number', 100) + 0], [15, 8, 0]);
check('incr of nothing', $c->incr('missing'), undef);
check('delete', [$c->delete('a') ? 1 : 0, $c->delete('a') ? 1 : 0], [1, 0]);
my $stats = $c->stats(['misc', 'items', 'slabs', 'sizes', 'reset']);
check('stats', $stats->{hosts}{"127.0.0.1:$first"}{misc}{version}, server_version($first));

# Long enough for any machine; then the same for a short time.
$c->set('brief', 'x', 1000);
check('before expiry', $c->get('brief'), 'x');
$c->set('brief', 'x', 1);
check('expiry', eventually(sub { !defined $c->get('brief') }), 1);

my $two = Cache::Memcached->new({servers => ["127.0.0.1:$first", "127.0.0.1:$second"]});
$two->set("spread$_", "value $_") for 0 .. 99;
ask('spread spread 100');

check('before the loss', $c->set('k', 'v'), 1);
ask("restart $first");
check('comes back', eventually(sub { $c->forget_dead_hosts; $c->set('k', 'again') && $c->get('k') eq 'again' }), 1);
check('flush at the end', [$c->flush_all, $c->get('k')], [1, undef]);
finish();
