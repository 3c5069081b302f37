# Every command of Ruby's dalli. Arguments: binary or sasl, two ports; see README.md beside this file.
require 'dalli'
require 'securerandom'
require 'socket'

Dalli.logger.level = Logger::FATAL
# At once, though it is no terminal.
def say(line)
  $stdout.write("#{line}\n")
  $stdout.flush
end

protocol, first, second = ARGV
$checks = 0

def check(name, got, expected)
  $checks += 1
  say got == expected ? "ok #{name}" : "not ok #{name}: got #{got.inspect[0, 200]}, expected #{expected.inspect[0, 200]}"
end

def refused(name, error)
  got = yield
  check(name, got, error)
rescue error
  check(name, error, error)
end

# Has the test do something and waits until it is done.
def ask(what)
  say "do #{what}"
  exit 1 unless $stdin.gets&.strip == 'done'
end

# Polls for up to half a minute; what is raised counts as not yet.
def eventually
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 30
  while Process.clock_gettime(Process::CLOCK_MONOTONIC) < deadline
    begin
      return true if yield
    rescue Dalli::DalliError
      # The connection is lost or cannot be made.
    end
    sleep 0.02
  end
  false
end

def server_version(port)
  TCPSocket.open('127.0.0.1', port) do |socket|
    socket.write("version\r\n")
    socket.gets.strip.delete_prefix('VERSION ')
  end
end

def finish
  say "end #{$checks}"
  exit 0
end

Point = Struct.new(:x, :y)

if protocol == 'sasl'
  c = Dalli::Client.new("127.0.0.1:#{first}", username: 'alice', password: 'wonder:land')
  check('logged in', [c.set('k', 'v') != false, c.get('k')], [true, 'v'])
  wrong = Dalli::Client.new("127.0.0.1:#{first}", username: 'alice', password: 'no')
  refused('wrong password', Dalli::DalliError) { wrong.set('k', 'w') }
  finish
end

address = "127.0.0.1:#{first}"
c = Dalli::Client.new(address, compress: true, down_retry_delay: 0)
check('version', c.version, { address => server_version(first) })
check('flush', c.flush, [true])
check('alive', c.alive!.nil?, false)
{ 'string' => 'käse', 'empty' => '', 'integer' => -42, 'float' => 1.5, 'true' => true, 'array' => [1, 'zwei', nil],
  'hash' => { a: [1] }, 'object' => Point.new(1, 2) }.each do |name, value|
  check("set #{name}", c.set(name, value) != false, true)
  check("get #{name}", c.get(name), value)
end
check('a miss', c.get('missing'), nil)
long = 'compressible ' * 60_000
check('compressed', [c.set('long', long) != false, c.get('long') == long], [true, true])
noise = SecureRandom.random_bytes(900_000)
check('900 kB', [c.set('noise', noise, nil, raw: true) != false, c.get('noise', raw: true) == noise], [true, true])
refused('too large', Dalli::ValueOverMaxSize) { c.set('noise', SecureRandom.random_bytes(1_100_000), nil, raw: true) }

c.multi { 200.times { |i| c.set("many#{i}", "value #{i}") } }
many = (0...200).to_h { |i| ["many#{i}", "value #{i}"] }
check('get_multi', c.get_multi(*many.keys, 'missing'), many)
check('get_multi_cas', c.get_multi_cas('many1', 'missing').transform_values(&:first), { 'many1' => 'value 1' })

check('add', [c.add('a', '1', nil, raw: true) != false, c.add('a', '2'), c.get('a', raw: true)], [true, false, '1'])
check('replace', [c.replace('missing', '1'), c.replace('a', 'middle', nil, raw: true).positive?], [0, true])
check('append, prepend', [c.append('a', '>'), c.prepend('a', '<'), c.get('a', raw: true)], [true, true, '<middle>'])
c.set('counted', 1)
check('cas', [c.cas('counted') { |n| n + 1 } != false, c.get('counted')], [true, 2])
late = c.cas('counted') { |n| c.set('counted', 10) && n + 1 }
check('cas too late', [late, c.get('counted')], [false, 10])
check('cas of nothing', c.cas('missing') { 1 }, nil)
value, cas = c.get_cas('counted')
check('set_cas', [value, c.set_cas('counted', 11, cas) != false, c.set_cas('counted', 12, cas)], [10, true, false])
check('delete_cas', [c.delete_cas('counted', cas), c.delete_cas('counted', c.get_cas('counted').last)], [false, true])

check('incr', [c.incr('number', 5, nil, 10), c.incr('number', 5), c.decr('number', 7), c.decr('number', 100)], [10, 15, 8, 0])
check('incr of nothing', c.incr('missing'), nil)
check('touch', [c.touch('a', 1000), c.touch('missing', 1000)], [true, nil])
check('gat', [c.gat('many1', 1000), c.gat('missing', 1000)], ['value 1', nil])
check('delete', [c.delete('a'), c.delete('a')], [true, nil])
check('fetch', [c.fetch('fetched') { 'made' }, c.fetch('fetched') { 'again' }], %w[made made])
check('stats', c.stats[address]['version'], server_version(first))
check('stats items, slabs', [c.stats(:items)[address].empty?, c.stats(:slabs)[address].empty?], [false, false])
check('stats reset', c.reset_stats, [true])

# Long enough for any machine; then the same for a short time.
c.set('brief', 'x', 1000)
check('before expiry', c.get('brief'), 'x')
c.set('brief', 'x', 1)
check('expiry', eventually { c.get('brief').nil? }, true)

two = Dalli::Client.new([address, "127.0.0.1:#{second}"], failover: false)
100.times { |i| two.set("spread#{i}", "value #{i}") }
ask('spread spread 100')

check('before the loss', c.set('k', 'v') != false, true)
ask("restart #{first}")
check('comes back', eventually { c.set('k', 'again') && c.get('k') == 'again' }, true)
check('flush at the end', [c.flush, c.get('k')], [[true], nil])
finish
