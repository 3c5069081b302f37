/** `Fri, 27 Nov 2026 17:14:48`, in the host's time. */
export function dateText(atMs: number): string {
  const date = new Date(atMs);
  const [day, month, dayOfMonth, year, time] = date.toString().split(' ');
  return `${day}, ${dayOfMonth} ${month} ${year} ${time}`;
}
