<?php
// One page view of a session. Arguments: its id, then any number of NAME=VALUE to keep. Prints what was in it before, as JSON.
session_id($argv[1]);
session_start();
echo json_encode($_SESSION, JSON_FORCE_OBJECT), "\n";
foreach (array_slice($argv, 2) as $pair) {
  [$name, $value] = explode('=', $pair, 2);
  $_SESSION[$name] = $value;
}
session_write_close();
