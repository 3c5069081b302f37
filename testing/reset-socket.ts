import type { Socket } from 'node:net';

/**
 * Closes a connection so that its peer sees a reset, as when a host or its network fails.
 *
 * A socket whose end is just being said cannot be reset: libuv refuses (uv_tcp_close_reset: EINVAL), and Node.js, which takes it for closed all the same, neither closes it
 * nor says so; its process then runs in a circle at its end, waiting for that (20, 22 and 24 do). Such a socket is closed plainly: its peer has been told the end anyway.
 */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
