<?php
// What the PHP scripts share: checks, questions to the test that started them, waiting.
$checks = 0;

function check(string $name, mixed $got, mixed $expected): void {
  global $checks;
  $checks++;
  if ($got === $expected) echo "ok $name\n";
  else echo "not ok $name: got ", json_encode($got, JSON_PARTIAL_OUTPUT_ON_ERROR), ', expected ', json_encode($expected, JSON_PARTIAL_OUTPUT_ON_ERROR), "\n";
}

/** Has the test do something and waits until it is done. */
function ask(string $what): void {
  echo "do $what\n";
  if (trim((string) fgets(STDIN)) !== 'done') exit(1);
}

/** Polls for up to half a minute. */
function eventually(callable $condition): bool {
  $end = microtime(true) + 30;
  while (microtime(true) < $end) {
    if ($condition()) return true;
    usleep(20000);
  }
  return false;
}

/** What the server itself says, asked without the client. */
function serverVersion(int $port): string {
  $socket = fsockopen('127.0.0.1', $port);
  fwrite($socket, "version\r\n");
  $line = trim(fgets($socket));
  fclose($socket);
  return substr($line, strlen('VERSION '));
}

function finish(): never {
  global $checks;
  echo "end $checks\n";
  exit(0);
}
