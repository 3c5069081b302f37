# What the Perl scripts share: checks, questions to the test that started them, waiting.
package Dialogue;
use strict;
use warnings;
use Exporter 'import';
use IO::Socket::INET;
use JSON::PP;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(check ask eventually server_version finish);
my $checks = 0;
my $json = JSON::PP->new->canonical->allow_nonref->ascii;
$| = 1;

# Compares by value; numbers count as their text.
sub check {
  my ($name, $got, $expected) = @_;
  $checks++;
  my ($left, $right) = map { text($_) } $got, $expected;
  print $left eq $right ? "ok $name\n" : sprintf("not ok %s: got %.200s, expected %.200s\n", $name, $left, $right);
}

sub text {
  my ($value) = @_;
  return $json->encode(strings($value));
}

sub strings {
  my ($value) = @_;
  return undef unless defined $value;
  return [map { strings($_) } @$value] if ref $value eq 'ARRAY';
  return {map { $_ => strings($value->{$_}) } keys %$value} if ref $value eq 'HASH';
  return "$value";
}

# Has the test do something and waits until it is done.
sub ask {
  my ($what) = @_;
  print "do $what\n";
  my $answer = <STDIN> // '';
  exit 1 unless $answer eq "done\n";
}

# Polls for up to half a minute; what dies counts as not yet.
sub eventually {
  my ($condition) = @_;
  my $end = time + 30;
  while (time < $end) {
    return 1 if eval { $condition->() };
    sleep 0.02;
  }
  return 0;
}

# What the server itself says, asked without the client.
sub server_version {
  my ($port) = @_;
  my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "port $port: $!";
  print $socket "version\r\n";
  my $line = <$socket>;
  return $line =~ /^VERSION (\S+)/ ? $1 : $line;
}

sub finish {
  print "end $checks\n";
  exit 0;
}

1;
