# Every command of Perl's Cache::Memcached::Fast. Arguments: text, two ports; see README.md beside this file.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Dialogue;
use Cache::Memcached::Fast;

my (undef, $first, $second) = @ARGV;
my %options = (ketama_points => 150, nowait => 0, failure_timeout => 0, compress_threshold => 10_000);
my $c = Cache::Memcached::Fast->new({%options, servers => ["127.0.0.1:$first"]});
check('versions', $c->server_versions, {"127.0.0.1:$first" => server_version($first)});
check('flush', $c->flush_all, {"127.0.0.1:$first" => 1});
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
$c->enable_compress(0);
my $noise = join '', map { chr int rand 256 } 1 .. 900_000;
check('900 kB', [$c->set('noise', $noise), $c->get('noise') eq $noise], [1, 1]);

check('set_multi', [$c->set_multi(map { ["many$_", "value $_"] } 1 .. 200)], [(1) x 200]);
check('get_multi', $c->get_multi((map { "many$_" } 1 .. 200), 'missing'), {map { ("many$_" => "value $_") } 1 .. 200});
check('add', [$c->add('a', '1'), $c->add('a', '2'), $c->get('a')], [1, '', '1']);
check('replace', [$c->replace('missing', '1'), $c->replace('a', 'middle')], ['', 1]);
check('append, prepend', [$c->append('a', '>'), $c->prepend('a', '<'), $c->get('a')], [1, 1, '<middle>']);
my ($cas, $value) = @{$c->gets('a')};
check('cas', [$value, $c->cas('a', $cas, 'swapped'), $c->cas('a', $cas, 'late'), $c->get('a')], ['<middle>', 1, '', 'swapped']);
check('gets_multi', [map { $_->[1] } values %{$c->gets_multi('a', 'missing')}], ['swapped']);
$c->set('number', 10);
check('incr', [$c->incr('number', 5), $c->decr('number', 7), $c->decr('number', 100) + 0], [15, 8, 0]);
check('incr of nothing', $c->incr('missing'), '');
check('incr_multi', [$c->incr_multi(['number', 3], ['number', 4])], [3, 7]);
check('touch', [$c->touch('a', 1000), $c->touch('missing', 1000)], [1, '']);
check('gat', [scalar $c->gat(1000, 'a'), scalar $c->gat(1000, 'missing')], ['swapped', undef]);
check('gats', $c->gats(1000, 'a')->[1], 'swapped');
check('gat_multi', $c->gat_multi(1000, 'a', 'missing'), {a => 'swapped'});
check('delete', [$c->delete('a'), $c->delete('a')], [1, '']);
check('delete_multi', [$c->delete_multi('many1', 'missing')], [1, '']);

my $silent = Cache::Memcached::Fast->new({%options, servers => ["127.0.0.1:$first"], nowait => 1});
$silent->set("silent$_", $_) for 1 .. 500;
$silent->nowait_push;
check('nowait', $silent->get('silent500'), 500);
my $noreply = Cache::Memcached::Fast->new({%options, servers => [{address => "127.0.0.1:$first", noreply => 1}]});
$noreply->set("noreply$_", $_) for 1 .. 500;
check('noreply', $noreply->get('noreply500'), 500);

# Long enough for any machine; then the same for a short time.
$c->set('brief', 'x', 1000);
check('before expiry', $c->get('brief'), 'x');
$c->set('brief', 'x', 1);
check('expiry', eventually(sub { !defined $c->get('brief') }), 1);

my $two = Cache::Memcached::Fast->new({%options, servers => ["127.0.0.1:$first", "127.0.0.1:$second"]});
$two->set("spread$_", "value $_") for 0 .. 99;
ask('spread spread 100');

check('before the loss', $c->set('k', 'v'), 1);
ask("restart $first");
check('comes back', eventually(sub { $c->set('k', 'again') && $c->get('k') eq 'again' }), 1);
$c->flush_all;
check('flush at the end', $c->get('k'), undef);
finish();
